package e2e

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"ngrok/conn/conntest"
	"ngrok/msg"
)

// reuseAuth opens a session whose proxy connections carry frames.
var reuseAuth = msg.Auth{Features: []string{msg.FeatureReuse, msg.FeatureClose}}

// TestProxySpeaksWhileIdle sends bytes that belong to no visitor. They must end the
// connection: kept, they would be the beginning of the next visitor's answer.
func TestProxySpeaksWhileIdle(t *testing.T) {
	evil := frame(data, "evil")
	t.Run("behind RegProxy", func(t *testing.T) {
		conntest.NoLeak(t)
		w := newWorld(t, nil)
		c := w.rawClient(reuseAuth)
		c.proxy(evil...).closed()
	})
	t.Run("later", func(t *testing.T) {
		conntest.NoLeak(t)
		w := newWorld(t, nil)
		c := w.rawClient(reuseAuth)
		p := c.proxy()
		p.write(evil)
		p.closed()
	})
	t.Run("behind its END", func(t *testing.T) {
		conntest.NoLeak(t)
		w := newWorld(t, nil)
		c := w.rawClient(reuseAuth)
		public := c.tunnel("tcp", "")
		p := c.proxy()
		first := dialTCP(t, public)
		p.started()
		first.CloseWrite()
		p.direction()
		p.write(frame(data, "good"), frame(end, ""), evil, frame(end, ""))
		if got, err := readAll(t, first); got != "good" || err != nil {
			t.Errorf("first visitor read %q, %v", got, err)
		}
		p.closed()
		second := dialTCP(t, public)
		q := c.proxy()
		q.started()
		q.write(frame(data, "better"), frame(end, ""))
		if got, err := readAll(t, second); got != "better" || err != nil {
			t.Errorf("second visitor read %q, %v", got, err)
		}
	})
}

// TestFramesOutOfStep breaks the rules within a stream. The visitor must see a reset
// and never an end.
func TestFramesOutOfStep(t *testing.T) {
	header := func(kind byte, n int) []byte {
		return []byte{kind, byte(n >> 16), byte(n >> 8), byte(n)}
	}
	for name, bad := range map[string][]byte{
		"unknown type":    header(3, 0),
		"type 255":        header(255, 1),
		"empty DATA":      header(data, 0),
		"DATA of 64K+1":   append(header(data, 65537), bytes.Repeat([]byte("x"), 65537)...),
		"DATA of 16M":     header(data, 1<<24-1),
		"END with bytes":  append(header(end, 1), 'x'),
		"RESET with byte": append(header(reset, 1), 'x'),
	} {
		t.Run(name, func(t *testing.T) {
			conntest.NoLeak(t)
			w := newWorld(t, nil)
			c := w.rawClient(reuseAuth)
			visitor := dialTCP(t, c.tunnel("tcp", ""))
			p := c.proxy()
			p.started()
			p.Write(append(frame(data, "begun"), bad...)) // may fail: the server hangs up
			if got, err := readAll(t, visitor); err == nil || len(got) > len("begun") {
				t.Errorf("visitor read %q, %v; want a reset", got, err)
			}
			p.closed()
		})
	}
	t.Run("DATA behind END", func(t *testing.T) {
		conntest.NoLeak(t)
		w := newWorld(t, nil)
		c := w.rawClient(reuseAuth)
		visitor := dialTCP(t, c.tunnel("tcp", ""))
		p := c.proxy()
		p.started()
		p.write(frame(data, "all"), frame(end, ""), frame(data, "more"))
		if got, err := readAll(t, visitor); got != "all" && err == nil {
			t.Errorf("visitor read %q, %v", got, err)
		}
		p.closed()
	})
	t.Run("RESET behind END", func(t *testing.T) {
		conntest.NoLeak(t)
		w := newWorld(t, nil)
		c := w.rawClient(reuseAuth)
		dialTCP(t, c.tunnel("tcp", ""))
		p := c.proxy()
		p.started()
		p.write(frame(end, ""), frame(reset, ""))
		p.closed()
	})
}

// TestLargestFrame sends the largest DATA frame that is allowed.
func TestLargestFrame(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	c := w.rawClient(reuseAuth)
	visitor := dialTCP(t, c.tunnel("tcp", ""))
	p := c.proxy()
	p.started()
	want := string(bytes.Repeat([]byte("0123456789abcdef"), 4096))
	go p.Write(append(frame(data, want), frame(end, "")...))
	if got, err := readAll(t, visitor); got != want || err != nil {
		t.Errorf("visitor read %d bytes, %v", len(got), err)
	}
}

// TestResetKeepsLink aborts a visitor from the private side and expects the proxy
// connection to carry the next one.
func TestResetKeepsLink(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	c := w.rawClient(reuseAuth)
	public := c.tunnel("tcp", "")
	p := c.proxy()
	for range 20 {
		visitor := dialTCP(t, public)
		p.started()
		p.write(frame(data, "half"), frame(reset, ""))
		if got, err := readAll(t, visitor); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("visitor read %q, %v; want a reset", got, err)
		}
		if _, last := p.direction(); last != end {
			t.Fatalf("the answer to RESET is frame %d, want END", last)
		}
	}
}
