package server

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// failingListener fails as often as it is told and then accepts one connection.
type failingListener struct {
	failures int
	calls    []time.Time
	closed   chan struct{}
}

func (l *failingListener) Accept() (net.Conn, error) {
	l.calls = append(l.calls, time.Now())
	switch n := len(l.calls); {
	case n <= l.failures:
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	case n == l.failures+1:
		a, b := net.Pipe()
		b.Close()
		return a, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *failingListener) Close() error   { close(l.closed); return nil }
func (l *failingListener) Addr() net.Addr { return &net.TCPAddr{} }

// TestAcceptBacksOff runs out of descriptors for a while. The server must wait longer and
// longer, say so once, and go on.
func TestAcceptBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		l := &failingListener{failures: 12, closed: make(chan struct{})}
		accepted := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			accept(t.Context(), l, slog.New(slog.NewTextHandler(&log, nil)), func(nc net.Conn) { accepted++; nc.Close() })
		}()
		time.Sleep(time.Minute) // of the bubble
		synctest.Wait()
		l.Close()
		<-done
		if accepted != 1 {
			t.Errorf("%d connections accepted, want 1", accepted)
		}
		for i := 1; i <= l.failures; i++ {
			pause := l.calls[i].Sub(l.calls[i-1])
			want := min(acceptPauseMin<<(i-1), acceptPauseMax)
			if pause != want {
				t.Errorf("pause %d is %v, want %v", i, pause, want)
			}
		}
		if n := strings.Count(log.String(), "cannot accept"); n != 1 {
			t.Errorf("said %d times that accepting fails:\n%s", n, log.String())
		}
		if n := strings.Count(log.String(), "accepting connections again"); n != 1 {
			t.Errorf("said %d times that it goes on", n)
		}
	})
}

// flappingListener fails every second time, for a hundred connections.
type flappingListener struct {
	calls  int
	closed chan struct{}
}

func (l *flappingListener) Accept() (net.Conn, error) {
	l.calls++
	switch {
	case l.calls > 200:
		<-l.closed
		return nil, net.ErrClosed
	case l.calls%2 == 1:
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	a, b := net.Pipe()
	b.Close()
	return a, nil
}

func (l *flappingListener) Close() error   { close(l.closed); return nil }
func (l *flappingListener) Addr() net.Addr { return &net.TCPAddr{} }

// TestAcceptIsNotTalkative has descriptors come back one by one, to be used up at once.
func TestAcceptIsNotTalkative(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		l := &flappingListener{closed: make(chan struct{})}
		accepted := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			accept(t.Context(), l, slog.New(slog.NewTextHandler(&log, nil)), func(nc net.Conn) { accepted++; nc.Close() })
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		l.Close()
		<-done
		if lines := strings.Count(log.String(), "\n"); accepted != 100 || lines > 2 {
			t.Errorf("%d lines for %d connections:\n%s", lines, accepted, log.String())
		}
	})
}

// TestAcceptEnds stops while accepting fails.
func TestAcceptEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l := &failingListener{failures: 1 << 30, closed: make(chan struct{})}
		done := make(chan struct{})
		go func() {
			defer close(done)
			accept(ctx, l, slog.New(slog.DiscardHandler), func(net.Conn) {})
		}()
		time.Sleep(time.Minute)
		cancel()
		<-done
	})
}
