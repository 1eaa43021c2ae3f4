package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ngrok/conn"
	"ngrok/conn/conntest"
)

// keepAlive of a session with a server that reads and never answers.
func silentSession(t *testing.T) (s *session, skip func(time.Duration), end func() error) {
	t.Helper()
	a, b := conntest.TCPPair(t)
	cert, roots := conntest.Certificate(t, "server.example")
	far := tls.Server(b, &tls.Config{Certificates: []tls.Certificate{cert}})
	go io.Copy(io.Discard, far)
	near := conn.ClientTLS(a, &tls.Config{RootCAs: roots, ServerName: "server.example"})
	if err := near.TLS().Handshake(); err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{ServerAddr: "server.example:4443"})
	if err != nil {
		t.Fatal(err)
	}
	var skipped atomic.Int64
	began := make(chan struct{})
	begin := sync.OnceFunc(func() { close(began) })
	c.wall = func() time.Time {
		defer begin()
		return time.Now().Round(0).Add(time.Duration(skipped.Load()))
	}
	s = &session{client: c, link: conn.NewLink(near), logger: c.logger, drains: true}
	s.ctx, s.cancel = context.WithCancelCause(t.Context())
	done := make(chan struct{})
	go func() { s.keepAlive(); close(done) }()
	<-began
	return s, func(d time.Duration) { skipped.Add(int64(d)) }, func() error { <-done; return context.Cause(s.ctx) }
}

// Whose machine has slept is back within 5 s: up to one to notice, 2.5 for the answer that
// does not come. A busy machine takes longer, but not the 16 that it takes otherwise.
func TestSleepIsNoticed(t *testing.T) {
	t.Parallel()
	_, skip, end := silentSession(t)
	start := time.Now()
	skip(time.Hour)
	if err := end(); !errors.Is(err, errPong) {
		t.Error(err)
	}
	if d := time.Since(start); d > 14*time.Second {
		t.Errorf("the session ended after %v", d)
	}
}

// A clock that is set forth by less than clockGap, or back, is no sleep.
func TestClockStepsAreNoSleep(t *testing.T) {
	t.Parallel()
	s, skip, end := silentSession(t)
	skip(-time.Hour)
	time.AfterFunc(1500*time.Millisecond, func() { skip(clockGap / 2) })
	time.AfterFunc(3500*time.Millisecond, func() { s.cancel(io.EOF) })
	if err := end(); err != io.EOF {
		t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.pong.IsZero() {
		t.Error("a ping was sent")
	}
}
