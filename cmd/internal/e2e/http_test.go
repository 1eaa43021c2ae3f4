package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ngrok/client"
	"ngrok/conn/conntest"
)

// forModes runs f with and without reusable proxy connections.
func forModes(t *testing.T, f func(t *testing.T, edit func(*client.Config))) {
	t.Run("reuse", func(t *testing.T) { f(t, nil) })
	t.Run("plain", func(t *testing.T) { f(t, func(c *client.Config) { c.PlainVersion2 = true }) })
}

func TestHTTPTunnel(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %s from %s", r.Method, r.URL, r.Host)
		}))
		defer service.Close()
		w := newWorld(t, nil)
		c := w.runClient(edit, httpTunnel("example", service.Listener.Addr()))
		for _, scheme := range []string{"http", "https"} {
			public := c.url(scheme)
			if !strings.HasPrefix(public, scheme+"://example.localhost:") {
				t.Fatalf("%s URL is %q", scheme, public)
			}
			for range 3 {
				status, body := get(t, w.visitor(), public+"/a?b=c")
				if want := "GET /a?b=c from " + strings.TrimPrefix(public, scheme+"://"); status != 200 || body != want {
					t.Errorf("%s: %d %q, want %q", scheme, status, body, want)
				}
			}
		}
	})
}

func TestLargeBodies(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := sha256.New()
			n, err := io.Copy(h, r.Body)
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Sum", fmt.Sprintf("%d %x", n, h.Sum(nil)))
			io.Copy(w, io.LimitReader(zeros{}, 32<<20))
		}))
		defer service.Close()
		w := newWorld(t, nil)
		c := w.runClient(edit, httpTunnel("example", service.Listener.Addr()))
		up := bytes.Repeat([]byte("0123456789abcdef"), 2<<20)
		for _, length := range []int64{int64(len(up)), -1} {
			req, _ := http.NewRequest("POST", c.url("http"), struct{ io.Reader }{bytes.NewReader(up)})
			req.ContentLength = length
			resp, err := w.visitor().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if n != 32<<20 || err != nil {
				t.Errorf("read %d bytes, %v", n, err)
			}
			if got, want := resp.Header.Get("Sum"), fmt.Sprintf("%d %x", len(up), sha256.Sum256(up)); got != want {
				t.Errorf("service received %s, want %s", got, want)
			}
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestPasswordAndUnknownHost(t *testing.T) {
	conntest.NoLeak(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "in") }))
	defer service.Close()
	w := newWorld(t, nil)
	tun := httpTunnel("locked", service.Listener.Addr())
	tun.HTTPAuth = "user:password"
	c := w.runClient(nil, tun)
	v := w.visitor()
	if status, _ := get(t, v, c.url("http")); status != 401 {
		t.Errorf("without password: %d", status)
	}
	withAuth := strings.Replace(c.url("http"), "http://", "http://user:password@", 1)
	if status, body := get(t, v, withAuth); status != 200 || body != "in" {
		t.Errorf("with password: %d %q", status, body)
	}
	other := strings.Replace(c.url("http"), "locked", "nobody", 1)
	if status, body := get(t, v, other); status != 404 || !strings.Contains(body, "not found") {
		t.Errorf("unknown host: %d %q", status, body)
	}
}

func TestServiceDown(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		down := conntest.Refused(t)
		w := newWorld(t, nil)
		c := w.runClient(edit, httpTunnel("down", down), tcpTunnel("tcp", down))
		for range 3 {
			status, body := get(t, w.visitor(), c.url("http"))
			if status != 502 || !strings.Contains(body, down.String()) {
				t.Errorf("%d %q", status, body)
			}
		}
		resetAtOnce(t, c.url("tcp"), "")
	})
}

func TestTCPTunnel(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		echo := echoService(t)
		w := newWorld(t, nil)
		c := w.runClient(edit, tcpTunnel("echo", echo))
		for range 20 {
			nc := dialTCP(t, c.url("tcp"))
			nc.Write([]byte("hello"))
			nc.CloseWrite()
			if b, err := io.ReadAll(nc); string(b) != "hello" || err != nil {
				t.Fatalf("%q, %v", b, err)
			}
			nc.Close()
		}
	})
}

// echoService sends back what it receives, and ends when its visitor does.
func echoService(t testing.TB) net.Addr { return conntest.Serve(t, conntest.Echo) }
