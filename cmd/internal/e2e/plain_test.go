package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"ngrok/client"
	"ngrok/conn/conntest"
)

// pairing is a server and a client that work together: what a test sees of them.
type pairing struct {
	http, tcp string // URLs
	visitor   *http.Client
}

// forPairings runs f with each pair of ours and plain version-2 peers, in front of an
// HTTP and a TCP service.
func forPairings(t *testing.T, web, tcp net.Addr, f func(t *testing.T, p pairing)) {
	private := map[string]string{"http": web.String(), "https": web.String(), "tcp": tcp.String()}
	ours := func(t *testing.T, edit func(*client.Config)) {
		w := newWorld(t, nil)
		c := w.runClient(edit, httpTunnel("example", web), tcpTunnel("echo", tcp))
		f(t, pairing{http: c.url("http"), tcp: c.url("tcp"), visitor: w.visitor()})
	}
	t.Run("ours", func(t *testing.T) {
		conntest.NoLeak(t)
		ours(t, nil)
	})
	t.Run("ours without extensions", func(t *testing.T) {
		conntest.NoLeak(t)
		ours(t, func(c *client.Config) { c.PlainVersion2 = true })
	})
	t.Run("plain client", func(t *testing.T) {
		conntest.NoLeak(t)
		w := newWorld(t, nil)
		c := startPlainClient(t, w.listen.Tunnel.Addr().String(), w.clientTLS(), private)
		f(t, pairing{http: c.open("http+https", "example")["http"], tcp: c.open("tcp", "")["tcp"], visitor: w.visitor()})
	})
	t.Run("plain server", func(t *testing.T) {
		conntest.NoLeak(t)
		s, config := startPlainServer(t)
		w := &world{t: t, logger: testLogger(t), roots: config.RootCAs}
		c := w.runClient(func(c *client.Config) { c.ServerAddr = s.tunnel.Addr().String(); c.TLS = config },
			httpTunnel("example", web), tcpTunnel("echo", tcp))
		f(t, pairing{http: c.url("http"), tcp: c.url("tcp"), visitor: w.visitor()})
	})
}

func TestPairings(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.URL.Path == "/stream" {
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				w.(http.Flusher).Flush()
			}
			return
		}
		fmt.Fprintf(w, "%s %s %d bytes", r.Method, r.URL, len(b))
	}))
	defer service.Close()
	forPairings(t, service.Listener.Addr(), echoService(t), func(t *testing.T, p pairing) {
		for i := range 20 {
			if i%5 == 0 {
				p.visitor.CloseIdleConnections()
			}
			path := fmt.Sprintf("/a?%d", i)
			if status, body := get(t, p.visitor, p.http+path); status != 200 || body != "GET "+path+" 0 bytes" {
				t.Fatalf("%d %q", status, body)
			}
		}
		resp, err := p.visitor.Post(p.http+"/b", "text/plain", bytes.NewReader(make([]byte, 3<<20)))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(b) != "POST /b 3145728 bytes" {
			t.Errorf("POST: %q", b)
		}
		if _, body := get(t, p.visitor, p.http+"/stream"); body != "data: 0\n\ndata: 1\n\ndata: 2\n\n" {
			t.Errorf("stream: %q", body)
		}
		if status, body := get(t, p.visitor, strings.Replace(p.http, "example", "other", 1)); status != 404 || !strings.Contains(body, "not found") {
			t.Errorf("unknown host: %d %q", status, body)
		}
		for i := range 20 {
			nc := dialTCP(t, p.tcp)
			want := bytes.Repeat([]byte{byte(i)}, 1+i*1000)
			go nc.Write(want)
			got := make([]byte, len(want))
			if _, err := io.ReadFull(nc, got); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("tcp %d: %v", i, err)
			}
			nc.Close()
		}
	})
}

// TestChangesWithAPlainServer tells private services of their visitors, and changes heads,
// where the server knows nothing of that.
func TestChangesWithAPlainServer(t *testing.T) {
	conntest.NoLeak(t)
	s, config := startPlainServer(t)
	w := &world{t: t, logger: testLogger(t), roots: config.RootCAs}
	web := client.Tunnel{
		Name: "web", Subdomain: "web", Local: map[string]string{"http": echoHeads(t).Listener.Addr().String()}, HostHeader: "inner.example",
		RequestHeaders:  client.HeaderChanges{Add: []client.Header{{Name: "X-Key", Value: "k"}}, Remove: []string{"x-key"}},
		ResponseHeaders: client.HeaderChanges{Remove: []string{"server"}},
	}
	raw := tcpTunnel("raw", echoService(t))
	raw.ProxyProto = 1
	w.runClient(func(c *client.Config) { c.ServerAddr = s.tunnel.Addr().String(); c.TLS = config }, web, raw)

	host := "web.localhost:" + portOf(s.web)
	v := dialRaw(t, s.web.Addr())
	for range 2 {
		v.send("GET / HTTP/1.1\r\nHost: " + host + "\r\nX-Key: guess\r\n" + spoofed + "\r\n")
		resp, body := v.answer("GET")
		if want := "host=inner.example for=[127.0.0.1] proto=[http] fhost=[" + host + "] forwarded=[] real=[] key=[k] body=0"; body != want {
			t.Errorf("service saw %s, want %s", body, want)
		}
		if resp.Header.Get("Server") != "" {
			t.Errorf("visitor saw %v", resp.Header)
		}
	}
	v = dialRaw(t, s.tp.Addr())
	v.send("hello")
	line, err := v.r.ReadString('\n')
	data := make([]byte, len("hello"))
	if _, dataErr := io.ReadFull(v.r, data); !strings.HasPrefix(line, "PROXY TCP4 127.0.0.1 ") || string(data) != "hello" {
		t.Errorf("service got %q, %v, %q, %v", line, err, data, dataErr)
	}
}

// TestPairingsWithServiceDown reads the page that a visitor gets.
func TestPairingsWithServiceDown(t *testing.T) {
	down := conntest.Refused(t)
	forPairings(t, down, down, func(t *testing.T, p pairing) {
		for range 3 {
			status, body := get(t, p.visitor, p.http)
			if status != 502 || !strings.Contains(body, down.String()) {
				t.Errorf("%d %q", status, body)
			}
			// The reset may come while the visitor still connects.
			nc, err := net.Dial("tcp", "127.0.0.1"+p.tcp[strings.LastIndex(p.tcp, ":"):])
			if errors.Is(err, syscall.ECONNRESET) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(nc); len(b) > 0 {
				t.Errorf("tcp visitor read %q, %v", b, err)
			}
			nc.Close()
		}
	})
}
