package e2e

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
)

// flow is a visitor and the private connection that carries it, through server and client.
type flow struct {
	visitor, private *net.TCPConn
}

// openFlow connects a visitor through a tcp tunnel to l.
func openFlow(t testing.TB, public string, l net.Listener) *flow {
	t.Helper()
	visitor := dialTCP(t, public)
	if _, err := visitor.Write([]byte{'>'}); err != nil { // so that it is carried at once
		t.Fatal(err)
	}
	private, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { private.Close() })
	if _, err := io.ReadFull(private, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return &flow{visitor: visitor, private: private.(*net.TCPConn)}
}

func abort(nc *net.TCPConn) {
	nc.SetLinger(0)
	nc.Close()
}

// wantReset fails unless nc ends with an error that is no end.
func wantReset(t testing.TB, who string, nc net.Conn) {
	t.Helper()
	if got, err := readAll(t, nc); err == nil {
		t.Errorf("%s read %q and a regular end, want a reset", who, got)
	}
}

// wantEnd fails unless nc delivers that and then an end.
func wantEnd(t testing.TB, who string, nc net.Conn, want string) {
	t.Helper()
	if got, err := readAll(t, nc); got != want || err != nil {
		t.Errorf("%s read %q, %v; want %q and an end", who, got, err, want)
	}
}

// TestEndsOfFlows ends TCP connections in all ways. What one side does the other must
// see, as it was.
func TestEndsOfFlows(t *testing.T) {
	cases := map[string]func(t *testing.T, f *flow){
		"visitor half-closes": func(t *testing.T, f *flow) {
			f.visitor.Write([]byte("question"))
			f.visitor.CloseWrite()
			wantEnd(t, "service", f.private, "question")
			f.private.Write([]byte("answer"))
			f.private.Close()
			wantEnd(t, "visitor", f.visitor, "answer")
		},
		"service half-closes": func(t *testing.T, f *flow) {
			f.private.Write([]byte("banner"))
			f.private.CloseWrite()
			wantEnd(t, "visitor", f.visitor, "banner")
			f.visitor.Write([]byte("late"))
			f.visitor.Close()
			wantEnd(t, "service", f.private, "late")
		},
		"service closes at once": func(t *testing.T, f *flow) {
			f.private.Close()
			wantEnd(t, "visitor", f.visitor, "")
		},
		"both at once": func(t *testing.T, f *flow) {
			f.visitor.Write([]byte("up"))
			f.private.Write([]byte("down"))
			var wg sync.WaitGroup
			wg.Go(func() { f.visitor.CloseWrite() })
			wg.Go(func() { f.private.CloseWrite() })
			wg.Wait()
			wantEnd(t, "service", f.private, "up")
			wantEnd(t, "visitor", f.visitor, "down")
		},
		"visitor resets": func(t *testing.T, f *flow) {
			abort(f.visitor)
			wantReset(t, "service", f.private)
		},
		"service resets": func(t *testing.T, f *flow) {
			abort(f.private)
			wantReset(t, "visitor", f.visitor)
		},
		"visitor resets after its end": func(t *testing.T, f *flow) {
			f.visitor.CloseWrite()
			wantEnd(t, "service", f.private, "")
			abort(f.visitor)
			// The service learns when it has said enough.
			f.private.SetWriteDeadline(time.Now().Add(patience))
			if _, err := io.Copy(f.private, zeros{}); err == nil || isTimeout(err) {
				t.Errorf("the service could write on: %v", err)
			}
		},
		"service resets after its end": func(t *testing.T, f *flow) {
			f.private.CloseWrite()
			wantEnd(t, "visitor", f.visitor, "")
			abort(f.private)
			f.visitor.SetWriteDeadline(time.Now().Add(patience))
			if _, err := io.Copy(f.visitor, zeros{}); err == nil || isTimeout(err) {
				t.Errorf("the visitor could write on: %v", err)
			}
		},
		"visitor resets while the service writes": func(t *testing.T, f *flow) {
			done := make(chan error, 1)
			go func() {
				f.private.SetWriteDeadline(time.Now().Add(patience))
				_, err := io.Copy(f.private, zeros{})
				done <- err
			}()
			io.CopyN(io.Discard, f.visitor, 1<<20)
			abort(f.visitor)
			if err := <-done; err == nil || isTimeout(err) {
				t.Errorf("the service could write on: %v", err)
			}
		},
	}
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		l := listen(t)
		w := newWorld(t, nil)
		c := w.runClient(edit, tcpTunnel("tcp", l.Addr()))
		for name, f := range cases {
			t.Run(name, func(t *testing.T) {
				for range 5 {
					f(t, openFlow(t, c.url("tcp"), l))
				}
			})
		}
		// And all that leaves the tunnel in order.
		last := openFlow(t, c.url("tcp"), l)
		last.visitor.Write([]byte("still there"))
		last.visitor.CloseWrite()
		wantEnd(t, "service", last.private, "still there")
		last.private.Close()
		wantEnd(t, "visitor", last.visitor, "")
	})
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestKilledProxyConnection kills the connections between client and server. Both ends of
// a flow must see a reset: what they have may not be all.
func TestKilledProxyConnection(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		for name, kill := range map[string]func(*net.TCPConn){
			"end":   func(nc *net.TCPConn) { nc.CloseWrite() }, // as by a proxy in between that ends
			"reset": abort,
		} {
			t.Run(name, func(t *testing.T) {
				conntest.NoLeak(t)
				l := listen(t)
				w := newWorld(t, nil)
				r := newRelay(t, w.listen.Tunnel.Addr().String())
				c := w.runClient(func(c *client.Config) {
					c.ServerAddr = r.Addr().String()
					if edit != nil {
						edit(c)
					}
				}, tcpTunnel("tcp", l.Addr()))
				f := openFlow(t, c.url("tcp"), l)
				f.visitor.Write([]byte("half of what"))
				io.ReadFull(f.private, make([]byte, 12))
				r.mu.Lock()
				for _, nc := range r.all {
					kill(nc.(*net.TCPConn))
				}
				r.mu.Unlock()
				wantReset(t, "visitor", f.visitor)
				wantReset(t, "service", f.private)
			})
		}
	})
}

// TestVisitorGoneEarly has visitors leave before they could be given a proxy connection,
// and before the private service is reached.
func TestVisitorGoneEarly(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	c := w.rawClient(reuseAuth)
	public := c.tunnel("tcp", "")
	for range 3 {
		abort(dialTCP(t, public)) // no proxy connection is there
	}
	p := c.proxy()
	for range 3 {
		p.started()
		if got, last := p.direction(); got != "" || last != reset {
			t.Errorf("read %q and frame %d, want RESET", got, last)
		}
		p.write(frame(end, ""))
	}
	visitor := dialTCP(t, public)
	p.started()
	abort(visitor)
	if _, last := p.direction(); last != reset {
		t.Errorf("read frame %d, want RESET", last)
	}
	p.write(frame(end, ""))
	// The same proxy connection goes on.
	visitor = dialTCP(t, public)
	p.started()
	p.write(frame(data, "hello"), frame(end, ""))
	wantEnd(t, "visitor", visitor, "hello")
}

// TestManyFlows carries many connections at the same time, each with its own bytes both
// ways.
func TestManyFlows(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		w := newWorld(t, nil)
		c := w.runClient(edit, tcpTunnel("echo", echoService(t)))
		public := c.url("tcp")
		// Without reuse each of them costs two handshakes, for which nobody waits forever.
		atOnce := 50
		if edit != nil {
			atOnce = 20
		}
		var wg sync.WaitGroup
		for i := range atOnce {
			wg.Go(func() {
				for j := range 4 {
					nc := dialTCP(t, public)
					want := bytes.Repeat([]byte{byte(i), byte(j), 0xee}, 20_000)
					go func() { nc.Write(want); nc.CloseWrite() }()
					if got, err := readAll(t, nc); err != nil || sha256.Sum256([]byte(got)) != sha256.Sum256(want) {
						t.Errorf("flow %d.%d: %d bytes, %v", i, j, len(got), err)
					}
					nc.Close()
				}
			})
		}
		wg.Wait()
	})
}
