package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
	"ngrok/msg"
	"ngrok/server"
	"ngrok/server/auth"
	"ngrok/server/limit"
)

// withTokens starts a server for alice, whose token is "a", and bob, whose token is "b".
// The policy that it returns takes the place of the one in force: with what is edited.
func withTokens(t testing.TB) (w *world, swap func(edit func(c *auth.Config, alice *auth.Token))) {
	t.Helper()
	limits := limit.Default()
	limits.Handshake, limits.FirstMessage = patience, patience
	ports, err := auth.ParsePorts(conntest.ReservePort(t) + "," + conntest.ReservePort(t) + "," + conntest.ReservePort(t))
	if err != nil {
		t.Fatal(err)
	}
	config := func(edit func(*auth.Config, *auth.Token)) auth.Config {
		own := limits
		c := auth.Config{Limits: &own, TCPPorts: &ports, Tokens: []auth.Token{
			{Name: "alice", Hash: auth.HashToken("a")}, {Name: "bob", Hash: auth.HashToken("b")},
		}}
		edit(&c, &c.Tokens[0])
		return c
	}
	in := policies(t, config(func(*auth.Config, *auth.Token) {}))
	w = newWorld(t, func(c *server.Config) { c.Policies = in })
	return w, func(edit func(*auth.Config, *auth.Token)) {
		t.Helper()
		p, err := auth.NewPolicy(config(edit))
		if err != nil {
			t.Fatal(err)
		}
		in.Swap(p)
	}
}

// ask returns the URL of the tunnel that was asked for, which is closed at once, or why it
// was refused.
func (c *rawClient) ask(m msg.ReqTunnel) string {
	c.t.Helper()
	c.send(&m)
	answer := next[*msg.NewTunnel](c)
	if answer.Error == "" {
		c.send(&msg.CloseTunnel{Url: answer.Url})
		c.send(&msg.Ping{})
		next[*msg.Pong](c)
	}
	return answer.Url + answer.Error
}

// TestRightsOfARunningSession changes what a user may do while it is connected: what it
// was allowed when it came does not count any more.
func TestRightsOfARunningSession(t *testing.T) {
	conntest.NoLeak(t)
	w, swap := withTokens(t)
	c := w.rawClient(msg.Auth{User: "a"})
	name := func(text string) []auth.Pattern {
		p, err := auth.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		return []auth.Pattern{p}
	}
	same := func(*auth.Config, *auth.Token) {}
	keep := func(c *auth.Config, _ *auth.Token) { c.Reserved = name("shop") }
	give := func(c *auth.Config, _ *auth.Token) { c.Tokens[1].Subdomains = name("shop") }
	own := func(_ *auth.Config, alice *auth.Token) { alice.Subdomains = name("mine") }
	none := func(_ *auth.Config, alice *auth.Token) { alice.Ports = &auth.Ports{} }
	one := func(_ *auth.Config, alice *auth.Token) { alice.MaxTunnels = 1 }
	for _, tt := range []struct {
		name string
		edit func(*auth.Config, *auth.Token)
		ask  msg.ReqTunnel
		want string // in the URL or the error
	}{
		{"at first, a name", same, msg.ReqTunnel{Protocol: "http", Subdomain: "shop"}, "http://shop."},
		{"at first, a port", same, msg.ReqTunnel{Protocol: "tcp"}, "tcp://"},
		{"the operator keeps the name", keep, msg.ReqTunnel{Protocol: "http", Subdomain: "shop"}, "is reserved"},
		{"in another form", keep, msg.ReqTunnel{Protocol: "http", Hostname: "SHOP.LocalHost."}, "is reserved"},
		{"another has the name", give, msg.ReqTunnel{Protocol: "https", Subdomain: "shop"}, "is reserved"},
		{"names of its own alone", own, msg.ReqTunnel{Protocol: "http", Subdomain: "shop"}, "does not allow"},
		{"no ports", none, msg.ReqTunnel{Protocol: "tcp"}, "tcp tunnels are not allowed"},
		{"one tunnel", one, msg.ReqTunnel{Protocol: "http+https"}, "all of your 1 tunnels"},
		{"at last, a name", same, msg.ReqTunnel{Protocol: "http", Subdomain: "shop"}, "http://shop."},
	} {
		swap(tt.edit)
		if got := c.ask(tt.ask); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestRepeatedProtocol counts one that is asked for again once: in the answers, and among
// the tunnels that the user may have.
func TestRepeatedProtocol(t *testing.T) {
	conntest.NoLeak(t)
	w, swap := withTokens(t)
	swap(func(_ *auth.Config, alice *auth.Token) { alice.MaxTunnels = 2 })
	c := w.rawClient(msg.Auth{User: "a"})
	for _, tt := range []struct {
		protocols string
		want      []string
	}{
		{"http+http+http", []string{"http"}},
		{"https+http+https+http", []string{"https", "http"}},
		{"tcp+tcp+tcp", []string{"tcp"}},
	} {
		c.send(&msg.ReqTunnel{ReqId: tt.protocols, Protocol: tt.protocols, Subdomain: "twice"})
		c.send(&msg.Ping{})
		var got, urls []string
		for pong := false; !pong; {
			m, err := c.receive()
			if err != nil {
				t.Fatal(err)
			}
			switch m := m.(type) {
			case *msg.NewTunnel:
				if m.Error != "" {
					t.Errorf("%s: %s", tt.protocols, m.Error)
				}
				got, urls = append(got, m.Protocol), append(urls, m.Url)
			case *msg.Pong:
				pong = true
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: answers for %v, want %v", tt.protocols, got, tt.want)
		}
		for _, url := range urls {
			c.send(&msg.CloseTunnel{Url: url})
		}
	}
	// All have been given back.
	if got := c.ask(msg.ReqTunnel{Protocol: "http+https"}); !strings.HasPrefix(got, "http://") {
		t.Error(got)
	}
}

// TestConnectionsOfOneUser lets its tunnels carry as many visitors as it may have now, and
// turns the others away.
func TestConnectionsOfOneUser(t *testing.T) {
	conntest.NoLeak(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "in") }))
	defer service.Close()
	w, swap := withTokens(t)
	c := w.runClient(as("a"), httpTunnel("web", service.Listener.Addr()), tcpTunnel("raw", echoService(t)))
	come := func(name string) (*rawVisitor, int) {
		v := dialRaw(t, w.listen.HTTP.Addr())
		v.send("GET / HTTP/1.1\r\nHost: " + name + ".localhost\r\n\r\n")
		resp, _ := v.answer("GET")
		return v, resp.StatusCode
	}
	first, status := come("web")
	if status != 200 {
		t.Fatalf("the first visitor: %d", status)
	}
	swap(func(_ *auth.Config, alice *auth.Token) { alice.MaxConnections = 1 })
	if _, status := come("web"); status != 503 {
		t.Errorf("a second http visitor: %d", status)
	}
	resetAtOnce(t, c.url("tcp"), "hello")
	other := w.runClient(as("b"), httpTunnel("other", service.Listener.Addr()))
	if _, status := come("other"); status != 200 {
		t.Errorf("a visitor of %s: %d", other.url("http"), status)
	}
	first.Close()
	conntest.Eventually(t, "there is room again", func() bool {
		v, status := come("web")
		v.Close()
		return status == 200
	})
}

// TestRateOfOneUser sends more than may pass at once, in one piece and in many, and looks
// for how long that takes.
func TestRateOfOneUser(t *testing.T) {
	conntest.NoLeak(t)
	const rate, pieces, size = 256 << 10, 12, 16 << 10 // 64 KiB pass at once, 128 KiB in half a second
	w, swap := withTokens(t)
	swap(func(_ *auth.Config, alice *auth.Token) { alice.Rate = rate })
	whole := bytes.Repeat([]byte("0123456789abcdef"), pieces*size/16)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, _ := io.Copy(io.Discard, r.Body); n == 0 {
			w.Write(whole)
		}
	}))
	defer service.Close()
	sink := newService(t, func(c *serviceConn) { io.Copy(io.Discard, c) })
	source := newService(t, func(c *serviceConn) { c.Write(whole); c.CloseWrite(); io.Copy(io.Discard, c) })
	c := w.runClient(as("a"), httpTunnel("web", service.Listener.Addr()), tcpTunnel("source", source.Addr()))
	up := w.runClient(as("a"), tcpTunnel("sink", sink.Addr()))
	post := func(b []byte) {
		resp, err := w.visitor().Post(c.url("http"), "", bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	send := func(public string, b []byte, back int) {
		nc := dialTCP(t, public)
		go func() { nc.Write(b); nc.CloseWrite() }()
		if got, err := readAll(t, nc); len(got) != back || err != nil {
			t.Errorf("received %d bytes, %v", len(got), err)
		}
	}
	for name, pass := range map[string]func(){
		"http, down": func() {
			if _, got := get(t, w.visitor(), c.url("http")); len(got) != len(whole) {
				t.Errorf("received %d bytes", len(got))
			}
		},
		"http, up":  func() { post(whole) },
		"tcp, down": func() { send(c.url("tcp"), nil, len(whole)) },
		"tcp, up":   func() { send(up.url("tcp"), whole, 0) },
		"http, many": func() {
			for range pieces {
				post(whole[:size])
			}
		},
		"tcp, many": func() {
			for range pieces {
				send(up.url("tcp"), whole[:size], 0)
			}
		},
	} {
		t0 := time.Now()
		pass()
		if d := time.Since(t0); d < 450*time.Millisecond {
			t.Errorf("%s: %d bytes passed within %v at %d bytes/s", name, len(whole), d, rate)
		}
	}
}

// TestRevokedUserWhoGoesOn takes the token of a client that acts as if it had not heard
// of it, or whose session has ended before: the visitors that it serves are cut off from
// it.
func TestRevokedUserWhoGoesOn(t *testing.T) {
	for name, leaves := range map[string]bool{"with its session": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			conntest.NoLeak(t)
			w, swap := withTokens(t)
			c := w.rawClient(msg.Auth{User: "a", Features: reuseAuth.Features})
			visitor := dialTCP(t, c.tunnel("tcp", ""))
			p := c.proxy()
			p.started()
			serves := func() {
				t.Helper()
				p.write(frame(data, "served"))
				if _, err := io.ReadFull(visitor, make([]byte, len("served"))); err != nil {
					t.Fatal(err)
				}
			}
			serves()
			if leaves {
				w.leave(c)
				serves()
			}
			swap(func(c *auth.Config, _ *auth.Token) { c.Tokens = c.Tokens[1:] })
			wantReset(t, "the visitor", visitor)
			if !leaves {
				c.ended()
			}
			p.closed()
		})
	}
}

// leave ends the session of c, and waits until the server has noticed.
func (w *world) leave(c *rawClient) {
	w.t.Helper()
	name := c.tunnel("http", "leaving")
	c.control.Close()
	conntest.Eventually(w.t, name+" is gone", func() bool {
		status, _ := get(w.t, w.visitor(), name)
		return status == http.StatusNotFound
	})
}

// TestRevokedUser takes the token of somebody whose tunnels carry visitors: nothing goes
// through them any more. Others are not touched.
func TestRevokedUser(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		web := echoHeads(t)
		w, swap := withTokens(t)
		run := func(token string) *runningClient {
			return w.runClient(func(c *client.Config) {
				if edit != nil {
					edit(c)
				}
				c.AuthToken = token
			}, httpTunnel(token, web.Listener.Addr()), tcpTunnel("tcp", echoService(t)))
		}
		type visits struct{ raw, up *rawVisitor }
		goOn := func(v *rawVisitor) bool {
			if _, err := io.WriteString(v, "ping"); err != nil {
				return false
			}
			b := make([]byte, 4)
			_, err := io.ReadFull(v.r, b)
			return err == nil && string(b) == "ping"
		}
		visit := func(c *runningClient, name string) (v visits) {
			nc := dialTCP(t, c.url("tcp"))
			nc.SetDeadline(time.Now().Add(patience))
			v.raw = &rawVisitor{t, nc, bufio.NewReader(nc)}
			v.up = dialRaw(t, w.listen.HTTP.Addr())
			v.up.SetDeadline(time.Now().Add(patience))
			v.up.send("GET /up HTTP/1.1\r\nHost: " + name + ".localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
			if resp, err := http.ReadResponse(v.up.r, nil); err != nil || resp.StatusCode != 101 {
				t.Fatalf("upgrade: %v, %v", resp, err)
			}
			if !goOn(v.raw) || !goOn(v.up) {
				t.Fatal("not served at first")
			}
			return v
		}
		alice, bob := run("a"), run("b")
		hers, his := visit(alice, "a"), visit(bob, "b")
		swap(func(c *auth.Config, _ *auth.Token) { c.Tokens = c.Tokens[1:] })
		for who, v := range map[string]*rawVisitor{"tcp": hers.raw, "upgraded": hers.up} {
			n, err := v.r.ReadByte()
			var timeout net.Error
			if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
				t.Errorf("the %s visitor of the revoked user: %d, %v; want the end", who, n, err)
			}
		}
		<-alice.done
		var refused *client.RefusedError
		if !errors.As(alice.err, &refused) {
			t.Errorf("the revoked client ended with %v", alice.err)
		}
		if status, _ := get(t, w.visitor(), "http://a.localhost:"+portOf(w.listen.HTTP)); status != 404 {
			t.Errorf("her tunnel: %d", status)
		}
		if !goOn(his.raw) || !goOn(his.up) {
			t.Error("a visitor of another user was cut")
		}
	})
}
