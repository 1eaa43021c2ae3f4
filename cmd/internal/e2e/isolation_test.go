package e2e

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ngrok/conn/conntest"
)

// The long form: go test ./cmd/internal/e2e -run ReuseIsolation -connections 200000
var connections = flag.Int("connections", 5000, "how many connections TestReuseIsolation makes")

// plan is what one visitor's connection does. Visitor and service each make it from the
// connection's number, so that both know what the other one sends.
type plan struct {
	up, down []byte
	aborts   int // who breaks off: visitor, service, or nobody
	after    int // how many bytes that one sends before
}

const (
	nobody = iota
	visitorAborts
	serviceAborts
)

func planOf(id uint64) plan {
	rng := rand.New(rand.NewPCG(id, 1))
	content := func() []byte {
		b := make([]byte, rng.IntN(1<<rng.IntN(16)))
		var seed [32]byte
		binary.LittleEndian.PutUint64(seed[:], rng.Uint64())
		rand.NewChaCha8(seed).Read(b)
		return b
	}
	p := plan{up: content(), down: content(), aborts: max(nobody, rng.IntN(4)-1)}
	if own := p.sends(p.aborts); len(own) > 0 {
		p.after = rng.IntN(len(own))
	}
	return p
}

func (p plan) sends(who int) []byte {
	if who == serviceAborts {
		return p.down
	}
	return p.up
}

// play sends and receives what the plan says for one side, and returns what is wrong.
func (p plan) play(nc *net.TCPConn, who int) string {
	own, want := p.sends(who), p.down
	if who == serviceAborts {
		want = p.up
	}
	nc.SetDeadline(time.Now().Add(patience))
	var writer sync.WaitGroup
	var unwritten error
	writer.Go(func() {
		if p.aborts == who {
			nc.Write(own[:p.after])
			abort(nc)
			return
		}
		if _, unwritten = nc.Write(own); unwritten == nil {
			unwritten = nc.CloseWrite()
		}
	})
	got, err := io.ReadAll(nc)
	writer.Wait()
	if err == nil {
		err = unwritten // the kernel tells of a reset once only
	}
	switch {
	case isTimeout(err):
		return "no end in time"
	case !bytes.HasPrefix(want, got):
		return "bytes of another connection"
	case err == nil && len(got) < len(want):
		return "cut without a word"
	case err != nil && p.aborts == nobody && !errors.Is(err, net.ErrClosed):
		return "cut though nobody broke off: " + err.Error()
	}
	return ""
}

// TestReuseIsolation makes very many short connections of distinct content over reused
// proxy connections, many of them broken off at some point, and looks for bytes that
// belong to another one.
func TestReuseIsolation(t *testing.T) {
	conntest.NoLeak(t)
	const workers = 24
	var failures atomic.Int32
	fail := func(who string, id uint64, what string) {
		if failures.Add(1) <= 10 {
			t.Errorf("%s of connection %d (aborts %d): %s", who, id, planOf(id).aborts, what)
		}
	}
	var served atomic.Int64 // at this moment
	service := newService(t, func(c *serviceConn) {
		served.Add(1)
		defer served.Add(-1)
		var first [8]byte
		if _, err := io.ReadFull(c.TCPConn, first[:]); err != nil {
			return // its visitor broke off before
		}
		id := binary.BigEndian.Uint64(first[:])
		if wrong := planOf(id).play(c.TCPConn, serviceAborts); wrong != "" {
			fail("service", id, wrong)
		}
	})
	w := newWorld(t, nil)
	c := w.runClient(nil, tcpTunnel("tcp", service.Addr()))
	public := "127.0.0.1:" + c.url("tcp")[len("tcp://localhost:"):]
	var next atomic.Int64
	var all sync.WaitGroup
	t0 := time.Now()
	for range workers {
		all.Go(func() {
			for i := next.Add(1); i <= int64(*connections) && failures.Load() == 0; i = next.Add(1) {
				nc, err := net.Dial("tcp", public)
				if err != nil {
					t.Error(err)
					return
				}
				id := uint64(i)
				nc.Write(binary.BigEndian.AppendUint64(nil, id))
				if wrong := planOf(id).play(nc.(*net.TCPConn), visitorAborts); wrong != "" {
					fail("visitor", id, wrong)
				}
				nc.Close()
			}
		})
	}
	all.Wait()
	// A visitor may have all before its service has; the end of the test must cut nobody.
	conntest.Eventually(t, "all services are done", func() bool { return served.Load() == 0 })
	t.Logf("%d connections in %v", *connections, time.Since(t0).Round(time.Millisecond))
}
