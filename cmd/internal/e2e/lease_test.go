package e2e

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
	"ngrok/server"
)

// gateway is a TCP forwarder between clients and the server whose connections a test
// can cut.
type gateway struct {
	net.Listener
	mu    sync.Mutex
	to    string
	open  map[net.Conn]struct{}
	shut  bool // new connections are closed at once
	count atomic.Int64
}

func newGateway(t testing.TB, to string) *gateway {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{Listener: l, to: to, open: make(map[net.Conn]struct{})}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { g.forward(nc) })
		}
	})
	t.Cleanup(func() { l.Close(); g.cut(true); wg.Wait() })
	return g
}

func (g *gateway) forward(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer out.Close()
	g.mu.Lock()
	if g.shut {
		g.mu.Unlock()
		return
	}
	g.count.Add(1)
	g.open[in], g.open[out] = struct{}{}, struct{}{}
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.open, in)
		delete(g.open, out)
	}()
	done := make(chan struct{}, 2)
	go func() { io.Copy(out, in); done <- struct{}{} }()
	go func() { io.Copy(in, out); done <- struct{}{} }()
	<-done
	in.Close()
	out.Close()
	<-done
}

// cut resets all connections; with shut no new ones are let through.
func (g *gateway) cut(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	for nc := range g.open {
		nc.(*net.TCPConn).SetLinger(0)
		nc.Close()
	}
}

func (g *gateway) reopen() { g.mu.Lock(); g.shut = false; g.mu.Unlock() }

func hello(t testing.TB) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s", r.URL.Path)
	}))
	t.Cleanup(s.Close)
	return s
}

func as(token string) func(*client.Config) {
	return func(c *client.Config) { c.AuthToken = token }
}

func through(g *gateway, token string) func(*client.Config) {
	return func(c *client.Config) { c.AuthToken, c.ServerAddr = token, g.Addr().String() }
}

// refusal runs a client until it is refused and returns why.
func (w *world) refusal(edit func(*client.Config), tunnels ...client.Tunnel) string {
	w.t.Helper()
	c := w.startClient(edit, tunnels...)
	select {
	case <-c.done:
	case <-time.After(patience):
		w.t.Fatal("the client was not refused")
	}
	if c.err == nil {
		w.t.Fatal("the client ended without an error")
	}
	return c.err.Error()
}

func TestNamesAreKeptForTheirOwner(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Lease = time.Minute })
	service := hello(t).Listener.Addr()
	g := newGateway(t, w.listen.Tunnel.Addr().String())
	tcp := client.Tunnel{Name: "tcp", Local: map[string]string{"tcp": service.String()}}
	c := w.runClient(through(g, "alice"), httpTunnel("mine", service), tcp)
	tcpURL := c.url("tcp")
	var port uint16
	fmt.Sscanf(tcpURL[strings.LastIndex(tcpURL, ":")+1:], "%d", &port)
	stranger := client.Tunnel{Name: "tcp", RemotePort: port, Local: tcp.Local}

	g.cut(true)
	conntest.Eventually(t, "the server has noticed", func() bool {
		return strings.Contains(w.refusal(as("bob"), httpTunnel("mine", service)), "reserved for its owner")
	})
	if why := w.refusal(as("bob"), stranger); !strings.Contains(why, "reserved for its owner") {
		t.Error(why)
	}

	// The server restarts while the owner is away, without a chance to write anything.
	w.crash()
	w.start()
	if why := w.refusal(as("bob"), httpTunnel("mine", service)); !strings.Contains(why, "reserved for its owner") {
		t.Error(why)
	}
	if why := w.refusal(as("bob"), stranger); !strings.Contains(why, "reserved for its owner") {
		t.Error(why)
	}
	other := w.runClient(as("alice"), httpTunnel("mine", service), tcp) // from elsewhere
	if other.url("tcp") != tcpURL {
		t.Errorf("the owner was given %s, had %s", other.url("tcp"), tcpURL)
	}
	if status, body := get(t, w.visitor(), other.url("http")+"/x"); status != 200 || body != "hello /x" {
		t.Error(status, body)
	}
}

// crash ends the server as a kill does: nothing is written any more.
func (w *world) crash() {
	w.t.Helper()
	names := filepath.Join(w.config.DataDir, "names.json")
	conntest.Eventually(w.t, "names are written", func() bool {
		b, _ := os.ReadFile(names)
		return strings.Contains(string(b), `"held": "http+https"`) && strings.Contains(string(b), `"held": "tcp"`)
	})
	w.config.DataDir = copyDir(w.t, w.config.DataDir)
	w.stop()
}

func TestLeaseEnds(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Lease = 1500 * time.Millisecond })
	service := hello(t).Listener.Addr()
	g := newGateway(t, w.listen.Tunnel.Addr().String())
	w.runClient(through(g, "alice"), httpTunnel("mine", service))
	g.cut(true)
	conntest.Eventually(t, "the name is free", func() bool {
		c := w.startClient(as("bob"), httpTunnel("mine", service))
		defer c.stop()
		for {
			select {
			case <-c.done:
				return false
			default:
			}
			if c.State().Status == client.Online {
				return true
			}
			time.Sleep(time.Millisecond)
		}
	})
}

func TestVisitorsWaitForAReconnect(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Lease, c.Park = time.Minute, time.Minute })
	var order []string
	var mu sync.Mutex
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		order = append(order, r.URL.Path)
		mu.Unlock()
		io.Copy(w, r.Body)
	}))
	t.Cleanup(service.Close)
	echo := echoService(t)
	g := newGateway(t, w.listen.Tunnel.Addr().String())
	c := w.runClient(through(g, "alice"), httpTunnel("mine", service.Listener.Addr()), tcpTunnel("tcp", echo))
	url, tcpURL := c.url("http"), c.url("tcp")
	g.cut(true)
	conntest.Eventually(t, "the session is lost", func() bool { return c.State().Status == client.Reconnecting })

	const n = 50
	var wg sync.WaitGroup
	visitor := w.visitor()
	for i := range n {
		wg.Go(func() {
			body := fmt.Sprintf("body %d", i)
			resp, err := visitor.Post(url+fmt.Sprintf("/%d", i), "text/plain", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || string(b) != body {
				t.Errorf("%d: %d %q %v", i, resp.StatusCode, b, err)
			}
		})
	}
	tcp := dialTCP(t, tcpURL)
	if _, err := tcp.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	conntest.Eventually(t, "all wait", func() bool { return w.server.Waiting() == n+1 })
	g.reopen()
	wg.Wait()
	if len(order) != n {
		t.Errorf("the service saw %d requests, want each of the %d once", len(order), n)
	}
	answer := make([]byte, 4)
	tcp.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(tcp, answer); err != nil || string(answer) != "ping" {
		t.Errorf("tcp: %q %v", answer, err)
	}
	if n := w.server.Waiting(); n != 0 {
		t.Errorf("%d still counted as waiting", n)
	}
}

func TestVisitorsAreToldOfAReconnect(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Lease, c.Park = time.Minute, 100*time.Millisecond })
	g := newGateway(t, w.listen.Tunnel.Addr().String())
	echo := echoService(t)
	c := w.runClient(through(g, "alice"), httpTunnel("mine", hello(t).Listener.Addr()), tcpTunnel("tcp", echo))
	url, tcpURL := c.url("http"), c.url("tcp")
	g.cut(true)
	conntest.Eventually(t, "the session is lost", func() bool { return c.State().Status == client.Reconnecting })
	// The gateway's cut reaches the server by itself.
	var resp *http.Response
	conntest.Eventually(t, "the server has noticed", func() bool {
		var err error
		if resp, err = w.visitor().Get(url); err != nil {
			return false
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(b), "is reconnecting")
	})
	if resp.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	resetAtOnce(t, tcpURL, "")
}

func TestNobodyIsNotExpected(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Lease, c.Park = time.Minute, time.Minute })
	g := newGateway(t, w.listen.Tunnel.Addr().String())
	c := w.runClient(through(g, ""), httpTunnel("mine", hello(t).Listener.Addr()))
	url := c.url("http")
	g.cut(true)
	conntest.Eventually(t, "the tunnel is gone", func() bool {
		resp, err := w.visitor().Get(url)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusNotFound
	})
	other := w.runClient(as("bob"), httpTunnel("mine", hello(t).Listener.Addr()))
	if other.url("http") != url {
		t.Error(other.url("http"))
	}
}

// Two clients of one user want the same name: the newer has it, and the older does not
// take it back, whichever protocol it speaks and however often it reconnects.
func TestTheNewerSessionKeepsTheName(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain=%v", plain), func(t *testing.T) {
			w := newWorld(t, func(c *server.Config) { c.Lease, c.Park = time.Minute, time.Second })
			g := newGateway(t, w.listen.Tunnel.Addr().String())
			service := hello(t).Listener.Addr()
			mode := func(edit func(*client.Config)) func(*client.Config) {
				return func(c *client.Config) { edit(c); c.PlainVersion2 = plain }
			}
			other := httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(other.Close)
			older := w.runClient(mode(through(g, "alice")), httpTunnel("mine", service), httpTunnel("other", service))
			started := time.Now()
			newer := w.runClient(mode(as("alice")), httpTunnel("mine", other.Listener.Addr()))
			if d := time.Since(started); d > 15*time.Second {
				t.Errorf("the takeover took %v", d)
			}
			for range 3 {
				was := g.count.Load()
				g.cut(false)
				conntest.Eventually(t, "the older client is back", func() bool {
					return g.count.Load() > was && older.State().Status == client.Online
				})
				conntest.Eventually(t, "its other tunnel works", func() bool {
					resp, err := w.visitor().Get("http://other.localhost:" + publicPort(w.listen.HTTP.Addr()))
					if err != nil {
						return false
					}
					resp.Body.Close()
					return resp.StatusCode == 200
				})
				if status, _ := get(t, w.visitor(), newer.url("http")); status != http.StatusNotFound {
					t.Fatal("the older client has taken the name back")
				}
			}
			select {
			case <-older.done:
				t.Error("the older client has ended:", older.err)
			default:
			}
		})
	}
}

func publicPort(a net.Addr) string { _, port, _ := net.SplitHostPort(a.String()); return port }

// copyDir copies what a server may be writing at this moment.
func copyDir(t testing.TB, from string) (to string) {
	t.Helper()
	conntest.Eventually(t, "the directory is copied", func() bool {
		to = t.TempDir()
		err := os.CopyFS(to, os.DirFS(from))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it has its name by now
			t.Fatal(err)
		}
		return err == nil
	})
	return to
}
