package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ngrok/conn/conntest"
	"ngrok/msg"
	"ngrok/server"
	"ngrok/server/limit"
)

// TestStalledVisitors has many visitors ask for much and read nothing. As many as may stay
// do; one who reads slowly is none of them.
func TestStalledVisitors(t *testing.T) {
	t.Parallel()
	const stay, come = 2, 6
	var serving atomic.Int32
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serving.Add(1)
		defer serving.Add(-1)
		for b := make([]byte, 64<<10); ; {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	}))
	t.Cleanup(service.Close) // waits for the handlers, and so comes behind the end of the server
	w := newWorld(t, func(c *server.Config) {
		limits := limit.Default()
		limits.StalledVisitors = stay
		c.Policies = openPolicies(t, limits)
	})
	w.runClient(nil, httpTunnel("much", service.Listener.Addr()))
	const request = "GET / HTTP/1.1\r\nHost: much.localhost\r\n\r\n"
	slow := dialRaw(t, w.listen.HTTP.Addr())
	slow.send(request)
	for range come {
		dialRaw(t, w.listen.HTTP.Addr()).send(request)
	}
	conntest.Eventually(t, "all are served", func() bool { return serving.Load() == come+1 })
	slow.SetDeadline(time.Now().Add(time.Minute))
	for began := time.Now(); serving.Load() > stay+1; {
		if time.Since(began) > 45*time.Second {
			t.Fatalf("%d visitors who read nothing are still there", serving.Load()-1)
		}
		if _, err := io.CopyN(io.Discard, slow, 1<<20); err != nil {
			t.Fatalf("who reads slowly: %v", err)
		}
		time.Sleep(50 * time.Millisecond) // this is how slow
	}
	for range 20 {
		if _, err := io.CopyN(io.Discard, slow, 1<<20); err != nil {
			t.Fatalf("who reads slowly, after the others have gone: %v", err)
		}
	}
	if n := serving.Load(); n != stay+1 {
		t.Errorf("%d are served, want the slow one and %d who stall", n, stay)
	}
}

// TestVisitorRate lets one address make so many connections at once and no more, on each
// port, whoever else comes.
func TestVisitorRate(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, func(c *server.Config) {
		limits := limit.Default()
		limits.VisitorRate, limits.VisitorBurst = 0.001, 3
		c.Policies = openPolicies(t, limits)
		trustLoopback(c)
	})
	c := w.runClient(nil, tcpTunnel("tcp", echoService(t)))
	come := func(from, to, say string) bool {
		nc, err := net.Dial("tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(nc, "PROXY TCP4 %s 192.0.2.1 1000 80\r\n%s", from, say)
		n, _ := nc.Read(make([]byte, 1))
		return n > 0
	}
	raw, request := "127.0.0.1"+c.url("tcp")[strings.LastIndexByte(c.url("tcp"), ':'):], "GET / HTTP/1.0\r\n\r\n"
	for i, tt := range []struct {
		from, to, say string
		want          bool
	}{
		{"198.51.100.7", w.config.HTTPAddr, request, true},
		{"198.51.100.7", w.config.HTTPSAddr, request, true}, // told that this is no TLS
		{"198.51.100.7", raw, "hello", true},
		{"198.51.100.7", raw, "hello", false},
		{"198.51.100.7", w.config.HTTPAddr, request, false},
		{"198.51.100.7", w.config.HTTPSAddr, request, false},
		{"198.51.100.8", raw, "hello", true},
	} {
		if got := come(tt.from, tt.to, tt.say); got != tt.want {
			t.Errorf("visit %d, of %s: served: %v", i, tt.from, got)
		}
	}
}

// TestVisitorConnections lets one address have so many connections and no more, whoever
// else comes.
func TestVisitorConnections(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, func(c *server.Config) {
		limits := limit.Default()
		limits.VisitorConnections = 3
		c.Policies = openPolicies(t, limits)
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	c := w.runClient(nil, tcpTunnel("tcp", echoService(t)))
	come := func(from string) *rawVisitor {
		nc := dialTCP(t, c.url("tcp"))
		v := &rawVisitor{t: t, Conn: nc}
		nc.SetDeadline(time.Now().Add(30 * time.Second))
		v.send(fmt.Sprintf("PROXY TCP4 %s 192.0.2.1 1000 80\r\nhello", from))
		return v
	}
	served := func(v *rawVisitor) bool {
		b := make([]byte, 5)
		_, err := io.ReadFull(v, b)
		return err == nil && string(b) == "hello"
	}
	var crowd []*rawVisitor
	for range 3 {
		crowd = append(crowd, come("198.51.100.7"))
		if !served(crowd[len(crowd)-1]) {
			t.Fatal("turned away below the limit")
		}
	}
	if served(come("198.51.100.7")) {
		t.Error("served above the limit")
	}
	if !served(come("198.51.100.8")) {
		t.Error("another address is turned away")
	}
	crowd[0].Close()
	conntest.Eventually(t, "the place is free again", func() bool { return served(come("198.51.100.7")) })
}

// TestSessionsOfOneIdentity lets it have so many and no more; who comes back with its
// session's id is none more.
func TestSessionsOfOneIdentity(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, func(c *server.Config) {
		limits := limit.Default()
		limits.Sessions = 2
		c.Policies = openPolicies(t, limits)
	})
	alice := msg.Auth{User: "alice", Features: reuseAuth.Features}
	first, second := w.rawClient(alice), w.rawClient(alice)
	if first.resp.Error != "" || second.resp.Error != "" {
		t.Fatalf("%q, %q", first.resp.Error, second.resp.Error)
	}
	if third := w.rawClient(alice); !strings.Contains(third.resp.Error, "all of your 2 sessions") {
		t.Errorf("a third session: %q", third.resp.Error)
	}
	if other := w.rawClient(msg.Auth{User: "bob"}); other.resp.Error != "" {
		t.Errorf("somebody else: %s", other.resp.Error)
	}
	again := alice
	again.ClientId = first.resp.ClientId
	if back := w.rawClient(again); back.resp.Error != "" || back.resp.ClientId != first.resp.ClientId {
		t.Errorf("the first comes back: %+v", back.resp)
	}
	first.ended()
	second.control.Close()
	conntest.Eventually(t, "there is room again", func() bool { return w.rawClient(alice).resp.Error == "" })
}
