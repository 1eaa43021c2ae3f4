package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ngrok/conn"
	"ngrok/conn/conntest"
	"ngrok/msg"
	"ngrok/server"
	"ngrok/server/auth"
	"ngrok/server/limit"
)

// fromAddress is a listener whose connections seem to come from 192.0.2.x.
type fromAddress struct {
	net.Listener
	x *atomic.Int32
}

type fromAddressConn struct {
	*net.TCPConn
	from *net.TCPAddr
}

func (c fromAddressConn) RemoteAddr() net.Addr { return c.from }

func (l fromAddress) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return fromAddressConn{nc.(*net.TCPConn), &net.TCPAddr{IP: net.IPv4(192, 0, 2, byte(l.x.Load())), Port: 4000}}, nil
}

// abuseWorld is a server open to all, with two tokens. Clients seem to come from 192.0.2.x.
func abuseWorld(t *testing.T, ports []string, limits limit.Limits) (w *world, x *atomic.Int32) {
	x = new(atomic.Int32)
	limits.Handshake, limits.FirstMessage = patience, patience
	w = newWorld(t, func(c *server.Config) {
		config := auth.Config{Open: true, Limits: &limits, Tokens: []auth.Token{
			{Name: "alice", Hash: auth.HashToken("alice's")},
			{Name: "eve", Hash: auth.HashToken("eve's"), MaxTunnels: 2},
		}}
		if ports != nil {
			set, err := auth.ParsePorts(strings.Join(ports, ","))
			if err != nil {
				t.Fatal(err)
			}
			config.TCPPorts = &set
		}
		policy, err := auth.NewPolicy(config)
		if err != nil {
			t.Fatal(err)
		}
		c.Policies = auth.NewPolicies(policy)
		c.Lease = 10 * time.Minute
		c.Listen = func(name, addr string) (net.Listener, error) {
			l, err := conn.ListenConfig().Listen(context.Background(), "tcp", addr)
			if name == "tunnel" && err == nil {
				l = fromAddress{l, x}
			}
			return l, err
		}
	})
	return w, x
}

// tryTunnel asks for a tunnel and returns its URL, or why there is none.
func (c *rawClient) tryTunnel(m msg.ReqTunnel) (url, refusal string) {
	c.t.Helper()
	m.ReqId = "1"
	c.send(&m)
	answer := next[*msg.NewTunnel](c)
	return answer.Url, answer.Error
}

// TestStrangersOfOneAddress opens sessions without a token, each with an identity that was
// made up. Those of one address have one share of the ports and of the tunnels, also
// when they go and others come; another address has its own, and so has a token.
func TestStrangersOfOneAddress(t *testing.T) {
	conntest.NoLeak(t)
	ports := make([]string, 16)
	for i := range ports {
		ports[i] = conntest.ReservePort(t)
	}
	limits := limit.Default()
	limits.Tunnels = 6
	w, x := abuseWorld(t, ports, limits)
	x.Store(1)
	for round := range 3 {
		var crowd []*rawClient
		for i := range 5 {
			c := w.rawClient(msg.Auth{User: fmt.Sprintf("anon-%d-%d", round, i), Features: reuseAuth.Features})
			crowd = append(crowd, c)
			// Those of the round before are on their way out.
			var refusal string
			conntest.Eventually(t, "answer to a stranger", func() bool {
				_, refusal = c.tryTunnel(msg.ReqTunnel{Protocol: "tcp"})
				return (refusal == "") == (i < 4)
			})
			if i == 4 && !strings.Contains(refusal, "all of the 4 ports") {
				t.Errorf("a fifth port: %q", refusal)
			}
		}
		for i := range 3 {
			var refusal string
			conntest.Eventually(t, "answer to a stranger", func() bool {
				_, refusal = crowd[i].tryTunnel(msg.ReqTunnel{Protocol: "http"})
				return (refusal == "") == (i < 2)
			})
			if i == 2 && !strings.Contains(refusal, "all of your 6 tunnels are in use (clients without a token share") {
				t.Errorf("a third tunnel beside 4 ports: %q", refusal)
			}
		}
		for _, c := range crowd {
			c.control.Close()
		}
	}
	alice := w.rawClient(msg.Auth{User: "alice's", Features: reuseAuth.Features})
	for i := range 4 {
		if _, refusal := alice.tryTunnel(msg.ReqTunnel{Protocol: "tcp"}); refusal != "" {
			t.Errorf("alice's port %d: %s", i+1, refusal)
		}
	}
	x.Store(2)
	other := w.rawClient(msg.Auth{User: "anon-other", Features: reuseAuth.Features})
	if _, refusal := other.tryTunnel(msg.ReqTunnel{Protocol: "tcp"}); refusal != "" {
		t.Errorf("another address: %s", refusal)
	}
}

// TestKeptNamesAreBounded has a user who may have two tunnels open and give up one name
// after another. Of all these two are kept.
func TestKeptNamesAreBounded(t *testing.T) {
	conntest.NoLeak(t)
	w, _ := abuseWorld(t, nil, limit.Default())
	alice := w.rawClient(msg.Auth{User: "alice's", Features: reuseAuth.Features})
	eve := func() *rawClient {
		return w.rawClient(msg.Auth{User: "eve's", Features: []string{msg.FeatureReuse, msg.FeatureClose}})
	}
	name := func(how string, i int) msg.ReqTunnel {
		return msg.ReqTunnel{Protocol: "http", Subdomain: fmt.Sprintf("%s-%d", how, i)}
	}
	const names = 8
	gives := map[string]func(){
		"closed": func() {
			c := eve()
			for i := range names {
				url, refusal := c.tryTunnel(name("closed", i))
				if refusal != "" {
					t.Fatal(refusal)
				}
				c.send(&msg.CloseTunnel{Url: url})
			}
			c.send(&msg.Ping{})
			next[*msg.Pong](c)
			c.control.Close()
		},
		"left": func() {
			for i := 0; i < names; i += 2 {
				c := eve()
				for j := range 2 {
					conntest.Eventually(t, "eve's tunnel", func() bool { // the last session may still be ending
						_, refusal := c.tryTunnel(name("left", i+j))
						return refusal == ""
					})
				}
				c.control.Close()
			}
		},
	}
	for _, how := range []string{"closed", "left"} {
		gives[how]()
		for i := range names {
			want := ""
			if i >= names-2 {
				want = "is reserved for its owner"
			}
			var refusal string
			conntest.Eventually(t, fmt.Sprintf("%s-%d: %q", how, i, want), func() bool {
				_, refusal = alice.tryTunnel(name(how, i))
				return (refusal == "") == (want == "") && strings.Contains(refusal, want)
			})
		}
	}
}

// TestHastyClient asks for tunnels without end. It is answered more slowly, which is said
// once, and others are not.
func TestHastyClient(t *testing.T) {
	conntest.NoLeak(t)
	var log logBuffer
	limits := limit.Default()
	limits.Tunnels = 1
	w := newWorld(t, func(c *server.Config) {
		c.Policies = openPolicies(t, limits)
		c.Logger = slog.New(slog.NewTextHandler(io.MultiWriter(&log, logWriter{t}), nil))
	})
	const slower = "asks for tunnels too fast"
	hasty := w.rawClient(msg.Auth{User: "hasty", Features: reuseAuth.Features})
	for i := 0; !strings.Contains(log.String(), slower); i++ {
		if i == 20_000 {
			t.Fatal("answered as fast as ever")
		}
		hasty.tryTunnel(msg.ReqTunnel{Protocol: "none"})
	}
	other := w.rawClient(msg.Auth{User: "other", Features: reuseAuth.Features})
	if _, refusal := other.tryTunnel(msg.ReqTunnel{Protocol: "http"}); refusal != "" {
		t.Error(refusal)
	}
	for range 3 {
		if _, refusal := hasty.tryTunnel(msg.ReqTunnel{Protocol: "none"}); !strings.Contains(refusal, "no protocol") {
			t.Errorf("the hasty one: %q", refusal)
		}
	}
	if n := strings.Count(log.String(), slower); n != 1 {
		t.Errorf("said %d times", n)
	}
	for range 500 { // the answers to these it does not wait for
		hasty.send(&msg.ReqTunnel{ReqId: "1", Protocol: "none"})
	}
}

// TestHastySessions begins sessions without end. Those beyond what its user may begin are
// put off; those of others begin at once.
func TestHastySessions(t *testing.T) {
	conntest.NoLeak(t)
	limits := limit.Default()
	limits.Sessions = 100 // those before may still be ending
	w := newWorld(t, func(c *server.Config) { c.Policies = openPolicies(t, limits) })
	for i := 0; ; i++ {
		if i == 20_000 {
			t.Fatal("as many sessions as ever")
		}
		began := time.Now()
		c := w.rawClient(msg.Auth{User: "hasty", Features: reuseAuth.Features})
		if c.resp.Error != "" {
			t.Fatal(c.resp.Error)
		}
		c.control.NetConn().Close()
		if i >= 1000 && time.Since(began) > 40*time.Millisecond {
			break // 20 a second
		}
	}
	other := w.rawClient(msg.Auth{User: "other", Features: reuseAuth.Features})
	if _, refusal := other.tryTunnel(msg.ReqTunnel{Protocol: "http"}); refusal != "" {
		t.Error(refusal)
	}
}

// TestTurnedAwayOften asks for a tunnel that has as many visitors as it may, again and
// again on one connection. The log does not tell of each.
func TestTurnedAwayOften(t *testing.T) {
	conntest.NoLeak(t)
	var log logBuffer
	limits := limit.Default()
	limits.Connections = 1
	w := newWorld(t, func(c *server.Config) {
		c.Policies = openPolicies(t, limits)
		c.Logger = slog.New(slog.NewTextHandler(io.MultiWriter(&log, logWriter{t}), nil))
	})
	hold := make(chan struct{})
	var here atomic.Bool
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		here.Store(true)
		<-hold
	}))
	defer service.Close()
	defer close(hold)
	w.runClient(nil, httpTunnel("full", service.Listener.Addr()))
	const request = "GET / HTTP/1.1\r\nHost: full.localhost\r\n\r\n"
	dialRaw(t, w.listen.HTTP.Addr()).send(request)
	conntest.Eventually(t, "the first visitor is served", here.Load)
	began := time.Now()
	v := dialRaw(t, w.listen.HTTP.Addr())
	r := bufio.NewReader(v)
	const requests = 500
	for range requests {
		v.send(request)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != http.StatusServiceUnavailable {
			t.Fatal(resp.Status)
		}
	}
	most := 1 + int(time.Since(began)/time.Second)
	if n := strings.Count(log.String(), "visitor turned away"); n == 0 || n > most {
		t.Errorf("%d of %d are told of, want 1 to %d", n, requests, most)
	}
}
