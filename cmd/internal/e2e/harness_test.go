// Package e2e tests server and client together, in one process and as the programs
// that users run.
package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
	"ngrok/server"
	"ngrok/server/limit"
)

// world is a server that runs, and what is needed to reach it.
type world struct {
	t      testing.TB
	server *server.Server
	listen server.Listeners
	roots  *x509.CertPool
	config server.Config
	logger *slog.Logger
	stop   func()          // ends the server and waits for it
	hurry  context.Context // of the next start; may be nil
}

// newWorld starts a server on loopback that ends with the test. edit may change its
// configuration.
func newWorld(t testing.TB, edit func(*server.Config)) *world {
	t.Helper()
	cert, roots := conntest.Certificate(t, "localhost", "*.localhost", "127.0.0.1")
	w := &world{t: t, roots: roots, logger: testLogger(t)}
	w.config = server.Config{
		Domain:     "localhost",
		HTTPAddr:   conntest.Reserve(t),
		HTTPSAddr:  conntest.Reserve(t),
		TunnelAddr: conntest.Reserve(t),
		DataDir:    t.TempDir(),
		TLS:        &tls.Config{Certificates: []tls.Certificate{cert}},
		Policies:   openPolicies(t, limit.Default()),
		Grace:      -1,
		Version:    "test",
		Logger:     w.logger,
	}
	if edit != nil {
		edit(&w.config)
	}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// start runs the server; after stop, on the same addresses.
func (w *world) start() {
	w.t.Helper()
	s, err := server.New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := s.Listen()
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(ctx, l, w.hurry); err != nil {
			w.t.Error(err)
		}
	}()
	w.server, w.listen = s, l
	w.stop = func() { cancel(); <-done }
	w.config.TunnelAddr = l.Tunnel.Addr().String()
	if l.HTTP != nil {
		w.config.HTTPAddr = l.HTTP.Addr().String()
	}
	if l.HTTPS != nil {
		w.config.HTTPSAddr = l.HTTPS.Addr().String()
	}
}

// runClient starts a client that ends with the test, and returns when it is online.
func (w *world) runClient(edit func(*client.Config), tunnels ...client.Tunnel) *runningClient {
	w.t.Helper()
	c := w.startClient(edit, tunnels...)
	conntest.Eventually(w.t, "the client is online", func() bool {
		select {
		case <-c.done:
			w.t.Fatalf("client ended: %v", c.err)
		default:
		}
		return c.State().Status == client.Online
	})
	return c
}

// clientTLS returns what verifies the server.
func (w *world) clientTLS() *tls.Config {
	return &tls.Config{RootCAs: w.roots, ServerName: "localhost"}
}

type runningClient struct {
	*client.Client
	stop func()
	done chan struct{}
	err  error
}

func (w *world) startClient(edit func(*client.Config), tunnels ...client.Tunnel) *runningClient {
	w.t.Helper()
	config := client.Config{
		TLS:     w.clientTLS(),
		Tunnels: tunnels,
		Version: "test",
		Logger:  w.logger,
	}
	if w.listen.Tunnel != nil {
		config.ServerAddr = w.listen.Tunnel.Addr().String()
	}
	if edit != nil {
		edit(&config)
	}
	c, err := client.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &runningClient{Client: c, done: make(chan struct{})}
	go func() { r.err = c.Run(ctx); close(r.done) }()
	r.stop = func() { cancel(); <-r.done }
	w.t.Cleanup(r.stop)
	return r
}

// url returns the public URL of the protocol.
func (c *runningClient) url(protocol string) string {
	for _, t := range c.State().Tunnels {
		if t.Protocol == protocol {
			return t.PublicURL
		}
	}
	return ""
}

// visitor returns an HTTP client that finds all names on loopback.
func (w *world) visitor() *http.Client {
	tr := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(addr)
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
		},
		TLSClientConfig: &tls.Config{RootCAs: w.roots},
	}
	w.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 60 * time.Second}
}

// dialTCP connects to a tcp:// URL.
func dialTCP(t testing.TB, public string) *net.TCPConn {
	t.Helper()
	u, err := url.Parse(public)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", "127.0.0.1:"+u.Port())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc.(*net.TCPConn)
}

// resetAtOnce connects to public, sends that and expects to be reset instead of answered.
// The first call that meets the reset returns it, be it connect; those after it don't.
func resetAtOnce(t testing.TB, public, send string) {
	t.Helper()
	u, err := url.Parse(public)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", "127.0.0.1:"+u.Port())
	if err == nil {
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(patience))
		if _, err = io.WriteString(nc, send); err == nil {
			_, err = nc.Read(make([]byte, 1))
		}
	}
	var timeout interface{ Timeout() bool }
	if err == nil || err == io.EOF || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("visitor of %s: %v, want a reset", public, err)
	}
}

// get returns the status and the body of a GET.
func get(t testing.TB, c *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// httpTunnel returns a tunnel for http and https to a private service.
func httpTunnel(name string, l net.Addr) client.Tunnel {
	return client.Tunnel{Name: name, Subdomain: name, Local: map[string]string{"http": l.String(), "https": l.String()}}
}

func tcpTunnel(name string, l net.Addr) client.Tunnel {
	return client.Tunnel{Name: name, Local: map[string]string{"tcp": l.String()}}
}

// testLogger shows the logs of failed tests.
func testLogger(t testing.TB) *slog.Logger {
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(logWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type logWriter struct{ t testing.TB }

func (w logWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}
