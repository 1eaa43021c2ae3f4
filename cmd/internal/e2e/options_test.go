package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
	"ngrok/server"
)

// forServers runs f with a server that uses proxy connections again, and one that
// does not.
func forServers(t *testing.T, f func(t *testing.T, edit func(*server.Config))) {
	t.Run("reuse", func(t *testing.T) { f(t, func(*server.Config) {}) })
	t.Run("plain", func(t *testing.T) { f(t, func(c *server.Config) { c.NoReuse = true }) })
}

// trustLoopback makes the test's visitors trusted proxies.
func trustLoopback(c *server.Config) {
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// rawVisitor is a visitor's connection on which a test says what it likes.
type rawVisitor struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func dialRaw(t testing.TB, addr net.Addr) *rawVisitor {
	t.Helper()
	nc, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(30 * time.Second))
	return &rawVisitor{t, nc, bufio.NewReader(nc)}
}

func (v *rawVisitor) send(s string) {
	v.t.Helper()
	if _, err := v.Write([]byte(s)); err != nil {
		v.t.Fatal(err)
	}
}

// answer reads one response to a request of that method.
func (v *rawVisitor) answer(method string) (*http.Response, string) {
	v.t.Helper()
	resp, err := http.ReadResponse(v.r, &http.Request{Method: method})
	if err != nil {
		v.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp, string(b)
}

func TestOptionsNeedAServerThatEnforcesThem(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	plain := func(c *client.Config) { c.PlainVersion2 = true }
	for name, edit := range map[string]func(*client.Tunnel){
		"users":    func(t *client.Tunnel) { t.Users = []string{"a:b"} },
		"allow":    func(t *client.Tunnel) { t.AllowCIDRs = []string{"10.0.0.0/8"} },
		"deny":     func(t *client.Tunnel) { t.DenyCIDRs = []string{"10.0.0.0/8"} },
		"max_body": func(t *client.Tunnel) { t.MaxBody = 1 },
		"redirect": func(t *client.Tunnel) { t.HTTPSRedirect = true },
	} {
		t.Run(name, func(t *testing.T) {
			tun := httpTunnel("bare", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})
			edit(&tun)
			c := w.startClient(plain, tun)
			select {
			case <-c.done:
			case <-time.After(patience):
				t.Fatalf("the client goes on, with %q", c.url("http"))
			}
			var refused *client.TunnelError
			if !errors.As(c.err, &refused) || !strings.Contains(c.err.Error(), "unchecked") {
				t.Errorf("client ended with %v", c.err)
			}
			if status, _ := get(t, w.visitor(), "http://bare.localhost:"+portOf(w.listen.HTTP)); status != 404 {
				t.Errorf("the tunnel is there: %d", status)
			}
		})
	}
}

func TestUsers(t *testing.T) {
	forServers(t, func(t *testing.T, edit func(*server.Config)) {
		conntest.NoLeak(t)
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "in") }))
		defer service.Close()
		w := newWorld(t, edit)
		tun := httpTunnel("locked", service.Listener.Addr())
		tun.HTTPAuth, tun.Users = "ann:1", []string{"bob:2", "cy:3:4"}
		c := w.runClient(nil, tun)
		// All on one connection: each request counts by itself.
		v := w.visitor()
		for credentials, want := range map[string]int{"ann:1": 200, "bob:2": 200, "cy:3:4": 200, "bob:1": 401, "ann:": 401, "": 401} {
			for _, scheme := range []string{"http", "https"} {
				req, _ := http.NewRequest("GET", c.url(scheme), nil)
				if user, password, ok := strings.Cut(credentials, ":"); ok {
					req.SetBasicAuth(user, password)
				}
				resp, err := v.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != want {
					t.Errorf("%s with %q: %d, want %d", scheme, credentials, resp.StatusCode, want)
				}
			}
		}
	})
}

// TestAddresses lets visitors come by one connection of a trusted proxy, as a reverse
// proxy pools them, and by the PROXY protocol.
func TestAddresses(t *testing.T) {
	forServers(t, func(t *testing.T, edit func(*server.Config)) {
		conntest.NoLeak(t)
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "in") }))
		defer service.Close()
		w := newWorld(t, func(c *server.Config) { edit(c); trustLoopback(c) })
		tun := httpTunnel("club", service.Listener.Addr())
		tun.AllowCIDRs, tun.DenyCIDRs = []string{"192.0.2.0/24", "2001:db8::/32"}, []string{"192.0.2.66"}
		w.runClient(nil, tun)

		v := dialRaw(t, w.listen.HTTP.Addr())
		for _, tt := range []struct {
			forwarded string
			want      int
		}{
			{"192.0.2.1", 200}, {"192.0.2.66", 403}, {"198.51.100.1", 403}, {"192.0.2.1, 198.51.100.1", 403}, {"198.51.100.1, 192.0.2.1", 200},
			{"2001:db8::7", 200}, {"::ffff:192.0.2.66", 403}, {"192.0.2.1, unknown", 403}, {"192.0.2.2", 200}, {"", 403},
		} {
			v.send("GET / HTTP/1.1\r\nHost: club.localhost\r\nX-Forwarded-For: " + tt.forwarded + "\r\n\r\n")
			if resp, _ := v.answer("GET"); resp.StatusCode != tt.want {
				t.Errorf("forwarded for %q: %d, want %d", tt.forwarded, resp.StatusCode, tt.want)
			}
		}
		// A visitor named by PROXY is none of the proxies: what it says itself is not believed.
		for header, want := range map[string]int{
			"PROXY TCP4 192.0.2.1 127.0.0.1 5 80\r\n":    200,
			"PROXY TCP4 198.51.100.1 127.0.0.1 5 80\r\n": 403,
		} {
			v := dialRaw(t, w.listen.HTTP.Addr())
			v.send(header + "GET / HTTP/1.1\r\nHost: club.localhost\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
			if resp, _ := v.answer("GET"); resp.StatusCode != want {
				t.Errorf("%q: %d, want %d", header, resp.StatusCode, want)
			}
		}
		v = dialRaw(t, w.listen.HTTP.Addr())
		v.send("PROXY TCP4 nonsense\r\nGET / HTTP/1.1\r\nHost: club.localhost\r\n\r\n")
		if _, err := v.r.ReadByte(); err == nil {
			t.Error("a malformed PROXY header was answered")
		}
	})
}

// TestProxiesThatNobodyTrusts sees to it that strangers can't say who they are.
func TestProxiesThatNobodyTrusts(t *testing.T) {
	conntest.NoLeak(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "in") }))
	defer service.Close()
	w := newWorld(t, nil)
	tun := httpTunnel("club", service.Listener.Addr())
	tun.AllowCIDRs = []string{"192.0.2.0/24"}
	raw := tcpTunnel("raw", echoService(t))
	raw.DenyCIDRs = []string{"127.0.0.0/8"}
	c := w.runClient(nil, tun, raw)
	for input, want := range map[string]int{
		"GET / HTTP/1.1\r\nHost: club.localhost\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n":          403,
		"PROXY TCP4 192.0.2.1 127.0.0.1 5 80\r\nGET / HTTP/1.1\r\nHost: club.localhost\r\n\r\n": 400,
	} {
		v := dialRaw(t, w.listen.HTTP.Addr())
		v.send(input)
		if resp, _ := v.answer("GET"); resp.StatusCode != want {
			t.Errorf("%q: %d, want %d", input, resp.StatusCode, want)
		}
	}
	resetAtOnce(t, c.url("tcp"), "PROXY TCP4 192.0.2.1 127.0.0.1 5 80\r\nhello")
}

func TestAddressesOfTCPVisitors(t *testing.T) {
	forServers(t, func(t *testing.T, edit func(*server.Config)) {
		conntest.NoLeak(t)
		w := newWorld(t, func(c *server.Config) { edit(c); trustLoopback(c) })
		tun := tcpTunnel("raw", echoService(t))
		tun.AllowCIDRs = []string{"192.0.2.0/24", "127.0.0.1"}
		tun.ProxyProto = 1
		c := w.runClient(nil, tun)
		for _, tt := range []struct{ header, named string }{
			{"PROXY TCP4 192.0.2.1 127.0.0.1 5 80\r\n", "TCP4 192.0.2.1 "},
			{"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\x7f\x00\x00\x01\x12\x34\x00\x50", "TCP4 192.0.2.7 "},
			{"PROXY UNKNOWN\r\n", "TCP4 127.0.0.1 "},
			{"", "TCP4 127.0.0.1 "},
		} {
			nc := dialTCP(t, c.url("tcp"))
			nc.Write([]byte(tt.header + "hello"))
			nc.CloseWrite()
			b, err := io.ReadAll(nc)
			line, data, _ := strings.Cut(string(b), "\r\n")
			if !strings.HasPrefix(line, "PROXY "+tt.named) || data != "hello" || err != nil {
				t.Errorf("%q: service got %q, %v", tt.header, b, err)
			}
			if port := c.url("tcp")[strings.LastIndexByte(c.url("tcp"), ':')+1:]; !strings.HasSuffix(line, " "+port) {
				t.Errorf("%q does not name the public port %s", line, port)
			}
		}
		resetAtOnce(t, c.url("tcp"), "PROXY TCP4 198.51.100.1 127.0.0.1 5 80\r\nhello")
	})
}

// TestServiceThatSpeaksFirst waits for no header that a trusted proxy does not send.
func TestServiceThatSpeaksFirst(t *testing.T) {
	conntest.NoLeak(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(nc, "220 ready")
			nc.Close()
		}
	}()
	w := newWorld(t, trustLoopback)
	c := w.runClient(nil, tcpTunnel("smtp", l.Addr()))
	nc := dialTCP(t, c.url("tcp"))
	if b, err := io.ReadAll(nc); string(b) != "220 ready" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestMaxBody(t *testing.T) {
	forServers(t, func(t *testing.T, edit func(*server.Config)) {
		conntest.NoLeak(t)
		var reached atomic.Int32
		parts := make(chan struct{}, 1)
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if reached.Add(1); r.URL.Path == "/parts" {
				parts <- struct{}{}
			}
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				io.WriteString(w, "whole")
			}
		}))
		defer service.Close()
		w := newWorld(t, edit)
		tun := httpTunnel("small", service.Listener.Addr())
		tun.MaxBody = 1000
		c := w.runClient(nil, tun)
		post := func(n int, chunked bool) (int, string) {
			t.Helper()
			req, _ := http.NewRequest("POST", c.url("http"), struct{ io.Reader }{bytes.NewReader(make([]byte, n))})
			if req.ContentLength = int64(n); chunked {
				req.ContentLength = -1
			}
			resp, err := w.visitor().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			return resp.StatusCode, string(b)
		}
		for _, n := range []int{1, 1000} {
			for _, chunked := range []bool{false, true} {
				if status, body := post(n, chunked); status != 200 || body != "whole" {
					t.Errorf("%d bytes, chunked %v: %d %q", n, chunked, status, body)
				}
			}
		}
		before := reached.Load()
		if status, _ := post(1001, false); status != 413 {
			t.Errorf("1001 bytes: %d", status)
		}
		if reached.Load() != before {
			t.Error("a request that is too long bothered the service")
		}
		for _, n := range []int{1001, 1 << 20} {
			if status, _ := post(n, true); status != 413 {
				t.Errorf("%d bytes in chunks: %d", n, status)
			}
		}
		// The second part comes when the first is on its way already.
		v := dialRaw(t, w.listen.HTTP.Addr())
		v.send("POST /parts HTTP/1.1\r\nHost: small.localhost\r\nTransfer-Encoding: chunked\r\n\r\n200\r\n" + strings.Repeat("x", 512) + "\r\n")
		<-parts
		v.send("200\r\n" + strings.Repeat("x", 512) + "\r\n0\r\n\r\n")
		if resp, _ := v.answer("POST"); resp.StatusCode != 413 {
			t.Errorf("in two parts: %d", resp.StatusCode)
		}
	})
}

func TestHTTPSRedirect(t *testing.T) {
	conntest.NoLeak(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL) }))
	defer service.Close()
	w := newWorld(t, nil)
	tun := httpTunnel("safe", service.Listener.Addr())
	tun.HTTPSRedirect, tun.HTTPAuth = true, "user:password"
	c := w.runClient(nil, tun)
	v := dialRaw(t, w.listen.HTTP.Addr())
	for range 2 {
		// No password is asked for where all can read it.
		v.send("POST /a?b=c HTTP/1.1\r\nHost: safe.localhost\r\nContent-Length: 2\r\n\r\nhi")
		resp, _ := v.answer("POST")
		if want := c.url("https") + "/a?b=c"; resp.StatusCode != 307 || resp.Header.Get("Location") != want || resp.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%d to %q, want %q", resp.StatusCode, resp.Header.Get("Location"), want)
		}
	}
	followed := strings.Replace(c.url("http"), "http://", "http://user:password@", 1) + "/x"
	if status, body := get(t, w.visitor(), followed); status != 401 && (status != 200 || body != "/x") {
		t.Errorf("followed: %d %q", status, body)
	}
}

// TestHTTPSRedirectBehindAProxy believes a trusted proxy that it ended TLS, and nobody else.
func TestHTTPSRedirectBehindAProxy(t *testing.T) {
	conntest.NoLeak(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "in") }))
	defer service.Close()
	for trusted, want := range map[bool]int{true: 200, false: 307} {
		w := newWorld(t, func(c *server.Config) {
			if trusted {
				trustLoopback(c)
			}
		})
		tun := httpTunnel("safe", service.Listener.Addr())
		tun.HTTPSRedirect = true
		w.runClient(nil, tun)
		v := dialRaw(t, w.listen.HTTP.Addr())
		v.send("GET / HTTP/1.1\r\nHost: safe.localhost\r\nX-Forwarded-Proto: https\r\n\r\n")
		if resp, _ := v.answer("GET"); resp.StatusCode != want {
			t.Errorf("trusted %v: %d, want %d", trusted, resp.StatusCode, want)
		}
		v.send("GET / HTTP/1.1\r\nHost: safe.localhost\r\nX-Forwarded-Proto: http\r\n\r\n")
		if resp, _ := v.answer("GET"); resp.StatusCode != 307 {
			t.Errorf("trusted %v, by http: %d", trusted, resp.StatusCode)
		}
	}
}

// TestNoPasswordIsLogged looks for the passwords of tunnels in all that both sides log,
// whether their tunnels are granted or refused, and visitors let in or not.
func TestNoPasswordIsLogged(t *testing.T) {
	conntest.NoLeak(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "in") }))
	defer service.Close()
	var log syncBuffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w := newWorld(t, func(c *server.Config) { c.Logger = logger })
	tun := httpTunnel("locked", service.Listener.Addr())
	tun.HTTPAuth, tun.Users = "ann:canary-1", []string{"bob:canary-2"}
	c := w.runClient(func(c *client.Config) { c.Logger = logger }, tun)
	for _, password := range []string{"canary-2", "canary-3"} {
		req, _ := http.NewRequest("GET", c.url("http"), nil)
		req.SetBasicAuth("bob", password)
		resp, err := w.visitor().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		log.Write(b)
	}
	refused := httpTunnel("locked", service.Listener.Addr())
	refused.Name, refused.Users = "refused", []string{"bob:canary-4"}
	other := w.startClient(func(c *client.Config) { c.Logger, c.Identity = logger, "other" }, refused)
	<-other.done
	log.Write([]byte(fmt.Sprint(other.err)))
	if s := log.String(); strings.Contains(s, "canary") || !strings.Contains(s, "tunnel opened") || !strings.Contains(s, "tunnel refused") {
		t.Errorf("log:\n%s", s)
	}
}

// syncBuffer is a buffer for several writers.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
