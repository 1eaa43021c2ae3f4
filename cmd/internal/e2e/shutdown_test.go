package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
	"ngrok/msg"
	"ngrok/server"
)

// stopping runs f while the server stops, and returns how long Serve took to return.
func (w *world) stopping(f func()) time.Duration {
	t0 := time.Now()
	done := make(chan struct{})
	go func() { w.stop(); close(done) }()
	if f != nil {
		f()
	}
	<-done
	return time.Since(t0)
}

func grace(d time.Duration) func(*server.Config) {
	return func(c *server.Config) { c.Grace = d }
}

// TestStopIdle stops a server whose connections are all idle: it must not wait.
func TestStopIdle(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, grace(time.Minute))
	c := w.runClient(nil, httpTunnel("a", newService(t, echoHTTP).Addr()))
	web := &web{world: w, client: c}
	var visits []*visit
	for range 10 {
		v := web.visit()
		v.say(request("a", "/"))
		v.want(200, "[GET / ]")
		visits = append(visits, v)
	}
	fresh := web.visit()
	fresh.say("GET / HT") // a head that has begun may be completed
	fresh.CloseWrite()
	if d := w.stopping(nil); d > 30*time.Second {
		t.Errorf("Serve took %v to return", d)
	}
	for _, v := range visits {
		v.ended()
	}
}

// TestStopLetsFinish stops a server under an answer, a tcp connection and an upgrade. They
// must be able to end by themselves, and a kept-alive connection must end with its answer.
func TestStopLetsFinish(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		came, goOn := make(chan struct{}), make(chan struct{})
		slow := newService(t, func(c *serviceConn) {
			for c.request() != nil {
				came <- struct{}{}
				<-goOn
				c.ok("in the end")
			}
		})
		l := listen(t)
		w := newWorld(t, grace(time.Minute))
		c := w.runClient(edit, httpTunnel("a", slow.Addr()), tcpTunnel("tcp", l.Addr()))
		f := openFlow(t, c.url("tcp"), l)
		v := (&web{world: w, client: c}).visit()
		v.say(request("a", "/"))
		<-came
		d := w.stopping(func() {
			conntest.Eventually(t, "no more visitors are taken", func() bool {
				nc, err := net.Dial("tcp", w.config.HTTPAddr)
				if err == nil {
					nc.Close()
				}
				return err != nil
			})
			close(goOn)
			v.want(200, "in the end")
			v.ended()
			f.visitor.Write([]byte("bye"))
			f.visitor.CloseWrite()
			wantEnd(t, "service", f.private, "bye")
			f.private.Close()
			wantEnd(t, "visitor", f.visitor, "")
		})
		if d > 45*time.Second {
			t.Errorf("Serve took %v to return", d)
		}
	})
}

// TestStopCuts stops a server under connections that do not end: the grace period is over,
// or somebody is in a hurry.
func TestStopCuts(t *testing.T) {
	cut := func(t *testing.T, edit func(*server.Config), hurry func(context.CancelFunc)) {
		conntest.NoLeak(t)
		l := listen(t)
		w := newWorld(t, edit)
		w.stop()
		hurried, now := context.WithCancel(context.Background())
		defer now()
		w.hurry = hurried
		w.start()
		c := w.runClient(nil, tcpTunnel("tcp", l.Addr()))
		f := openFlow(t, c.url("tcp"), l)
		if d := w.stopping(func() { hurry(now) }); d > 30*time.Second {
			t.Errorf("Serve took %v to return", d)
		}
		wantReset(t, "visitor", f.visitor)
		c.stop()
		wantReset(t, "service", f.private)
	}
	t.Run("grace is over", func(t *testing.T) { cut(t, grace(100*time.Millisecond), func(context.CancelFunc) {}) })
	t.Run("no grace", func(t *testing.T) { cut(t, grace(-1), func(context.CancelFunc) {}) })
	t.Run("hurry", func(t *testing.T) { cut(t, grace(time.Hour), func(now context.CancelFunc) { now() }) })
}

// TestStopHostile stops a server under clients that do nothing to end.
func TestStopHostile(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, grace(-1))
	c := w.rawClient(reuseAuth)
	public := c.tunnel("http", "example")
	tcp := c.tunnel("tcp", "")
	p, q := c.proxy(), c.proxy()
	v := (&web{world: w}).visit()
	v.say(request("example", "/"))
	visitor := dialTCP(t, tcp)
	visitor.Write([]byte("x"))
	p.started()
	q.started()
	w.dialTunnel() // says nothing
	if d := w.stopping(nil); d > 30*time.Second {
		t.Errorf("Serve took %v to return, with %s open", d, public)
	}
}

// TestStopClient stops a client that carries something.
func TestStopClient(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		for name, test := range map[string]struct {
			grace time.Duration
			end   func(t *testing.T, f *flow, hurry func())
		}{
			"lets finish": {time.Minute, func(t *testing.T, f *flow, _ func()) {
				f.visitor.Write([]byte("bye"))
				f.visitor.CloseWrite()
				wantEnd(t, "service", f.private, "bye")
				f.private.Close()
				wantEnd(t, "visitor", f.visitor, "")
			}},
			"grace is over": {50 * time.Millisecond, func(t *testing.T, f *flow, _ func()) {
				wantReset(t, "visitor", f.visitor)
				wantReset(t, "service", f.private)
			}},
			"no grace": {0, func(t *testing.T, f *flow, _ func()) {
				wantReset(t, "visitor", f.visitor)
				wantReset(t, "service", f.private)
			}},
			"hurry": {time.Hour, func(t *testing.T, f *flow, hurry func()) {
				hurry()
				wantReset(t, "visitor", f.visitor)
				wantReset(t, "service", f.private)
			}},
		} {
			t.Run(name, func(t *testing.T) {
				conntest.NoLeak(t)
				l := listen(t)
				w := newWorld(t, nil)
				hurried, hurry := context.WithCancel(context.Background())
				defer hurry()
				c := w.runClient(func(c *client.Config) {
					if edit != nil {
						edit(c)
					}
					c.Grace, c.Hurry = test.grace, hurried
				}, tcpTunnel("tcp", l.Addr()))
				f := openFlow(t, c.url("tcp"), l)
				t0 := time.Now()
				done := make(chan struct{})
				go func() { c.stop(); close(done) }()
				test.end(t, f, hurry)
				<-done
				if d := time.Since(t0); d > 30*time.Second {
					t.Errorf("Run took %v to return", d)
				}
				if c.err != nil {
					t.Errorf("Run returned %v", c.err)
				}
			})
		}
	})
}

// TestNoDescriptorLeft runs all of it a few times and counts what is open. The first time
// may leave what a process has for good.
func TestNoDescriptorLeft(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc/self/fd")
	}
	conntest.NoLeak(t)
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	service := newService(t, echoHTTP)
	var before int
	for round := range 4 {
		t.Run(fmt.Sprint(round), func(t *testing.T) { useAll(t, service) })
		if round == 0 {
			before = count()
			continue
		}
		conntest.Eventually(t, fmt.Sprintf("no more than %d descriptors are open", before), func() bool { return count() <= before })
	}
}

// useAll runs a server and a client, visits service through all kinds of tunnels, and ends
// everything.
func useAll(t *testing.T, service *service) {
	w := newWorld(t, nil)
	c := w.runClient(nil, httpTunnel("a", service.Addr()), tcpTunnel("tcp", service.Addr()))
	raw := w.rawClient(msg.Auth{})
	visitor := w.visitor()
	for i := range 10 {
		get(t, visitor, fmt.Sprintf("%s/%d", c.url([]string{"http", "https"}[i%2]), i))
		nc := dialTCP(t, c.url("tcp"))
		nc.Write([]byte("GET / HTTP/1.0\r\nHost: x\r\n\r\n"))
		nc.CloseWrite()
		io.Copy(io.Discard, nc)
		nc.Close()
	}
	visitor.Transport.(*http.Transport).CloseIdleConnections()
	raw.control.NetConn().Close()
	c.stop()
	w.stop()
	service.mu.Lock()
	defer service.mu.Unlock()
	for _, nc := range service.open {
		nc.Close()
	}
}
