package web

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metrics "github.com/rcrowley/go-metrics"

	"ngrok/client"
	"ngrok/client/inspect"
)

func TestMain(m *testing.M) {
	metrics.NewTimer().Stop() // starts the one goroutine of that package
	os.Exit(m.Run())
}

const testVersion = "2.0-test"

// bed is an inspector with what it needs: a client that is played, the real store, a
// private service, and a tunnel that carries real bytes between visitors and it.
type bed struct {
	t       *testing.T
	client  *playedClient
	store   *inspect.Store
	service *httptest.Server
	tunnel  string // address that visitors connect to
	server  *Server
	url     string      // of the inspector
	host    string      // what visitors call the tunnel; empty for its address
	delay   atomic.Bool // whether the service takes some time, for the looks
}

// newBed starts an inspector; change may change its configuration.
func newBed(t *testing.T, change ...func(*Config, *inspect.Options)) *bed {
	t.Helper()
	b := &bed{t: t, client: newPlayedClient()}
	inner := privateService()
	b.service = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.delay.Load() {
			time.Sleep(time.Duration(3000+crc32.ChecksumIEEE([]byte(r.URL.Path))%60_000) * time.Microsecond)
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(b.service.Close)
	local := b.service.Listener.Addr().String()

	config := Config{Addr: "127.0.0.1:0", Client: b.client, Assets: os.DirFS("../../assets/client/static"), Version: testVersion}
	var options inspect.Options
	for _, f := range change {
		f(&config, &options)
	}
	b.store = inspect.New(options)
	config.Store = b.store
	b.tunnel = serveTunnel(t, b.store, local)
	b.client.set(func(s *client.State) {
		s.Tunnels = []client.TunnelState{
			{Name: "command_line", PublicURL: "http://" + b.tunnel, Protocol: "http", LocalAddr: local, Inspect: true},
			{Name: "command_line", PublicURL: "https://" + b.tunnel, Protocol: "https", LocalAddr: local, Inspect: true},
		}
	})
	server, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	b.server = server
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	b.url = "http://" + server.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-served:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(60 * time.Second):
			t.Error("Serve did not return after its context ended")
		}
	})
	return b
}

// visit sends a request through the tunnel and returns the response's body.
func (b *bed) visit(method, target, body string, header ...string) string {
	b.t.Helper()
	req, err := http.NewRequest(method, "http://"+b.tunnel+target, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Host = b.host
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	// A connection of its own, so that the exchange is over when this returns.
	tr := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	res, err := tr.RoundTrip(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	p, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(p)
}

// await waits for the store to hold an exchange that is as wanted, and returns it.
func (b *bed) await(what string, ok func(*inspect.Summary) bool) inspect.Summary {
	b.t.Helper()
	var found inspect.Summary
	waitFor(b.t, what, func() bool {
		for _, row := range b.store.List(inspect.ListOptions{Limit: 10_000}).Rows {
			if ok(&row) {
				found = row
				return true
			}
		}
		return false
	})
	return found
}

// capture sends a request through the tunnel and returns its finished exchange.
func (b *bed) capture(method, target, body string, header ...string) inspect.Summary {
	b.t.Helper()
	b.visit(method, target, body, header...)
	return b.await(method+" "+target, func(s *inspect.Summary) bool {
		return s.Method == method && s.Target == target && !s.Open && s.ReplayOf == ""
	})
}

// waitFor polls a condition of another goroutine's making.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// serveTunnel carries connections to the private service and offers their bytes to the
// store, as a client does. It returns the address to connect to.
func serveTunnel(t *testing.T, store *inspect.Store, local string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		l.Close()
		work.Wait()
	})
	work.Go(func() {
		for {
			public, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { carry(ctx, store, public, l.Addr().String(), local) })
		}
	})
	return l.Addr().String()
}

func carry(ctx context.Context, store *inspect.Store, public net.Conn, addr, local string) {
	defer public.Close()
	private, err := net.Dial("tcp", local)
	if err != nil {
		return
	}
	defer private.Close()
	defer context.AfterFunc(ctx, func() { public.Close(); private.Close() })()
	tap := store.Open(client.ConnInfo{
		Tunnel: "command_line", PublicURL: "http://" + addr, Protocol: "http",
		LocalAddr: local, VisitorAddr: public.RemoteAddr().String(),
	})
	var both sync.WaitGroup
	both.Go(func() {
		tap.RequestEnd(pipe(private, public, tap.Request))
		private.(*net.TCPConn).CloseWrite()
	})
	both.Go(func() {
		tap.ResponseEnd(pipe(public, private, tap.Response))
		public.Close()
	})
	both.Wait()
	tap.Close()
}

func pipe(to io.Writer, from io.Reader, offer func([]byte)) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return werr
			}
			offer(buf[:n])
		}
		if err == io.EOF || errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// playedClient is a Client whose state a test sets.
type playedClient struct {
	mu      sync.Mutex
	state   client.State
	subs    map[chan struct{}]bool
	refuse  map[string]error // protocol → why it is not granted
	opened  []client.Tunnel
	closing []string
}

func newPlayedClient() *playedClient {
	return &playedClient{
		subs:   map[chan struct{}]bool{},
		refuse: map[string]error{},
		state: client.State{
			Status: client.Online, Since: time.Now(), ServerAddr: "tunnels.example:4443",
			ClientVersion: testVersion, ServerVersion: "2.0",
		},
	}
}

func (c *playedClient) State() client.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// set changes the state and tells everybody.
func (c *playedClient) set(change func(*client.State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.state)
	for ch := range c.subs {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func (c *playedClient) Subscribe() (<-chan struct{}, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan struct{}, 1)
	c.subs[ch] = true
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.subs, ch)
	}
}

func (c *playedClient) Open(_ context.Context, t client.Tunnel) ([]client.TunnelState, error) {
	c.mu.Lock()
	c.opened = append(c.opened, t)
	var granted []client.TunnelState
	host := t.Hostname
	if host == "" {
		host = t.Subdomain + ".example"
	}
	for _, proto := range []string{"http", "https", "tcp"} {
		if local, ok := t.Local[proto]; ok {
			if err := c.refuse[proto]; err != nil {
				c.mu.Unlock()
				return nil, err
			}
			granted = append(granted, client.TunnelState{
				Name: t.Name, PublicURL: proto + "://" + host, Protocol: proto, LocalAddr: local, Inspect: !t.NoInspect,
			})
		}
	}
	c.mu.Unlock()
	c.set(func(s *client.State) { s.Tunnels = append(s.Tunnels[:len(s.Tunnels):len(s.Tunnels)], granted...) })
	return granted, nil
}

func (c *playedClient) CloseTunnel(name string) error {
	known := slices.ContainsFunc(c.State().Tunnels, func(t client.TunnelState) bool { return t.Name == name })
	if !known {
		return client.ErrNoTunnel
	}
	c.mu.Lock()
	c.closing = append(c.closing, name)
	c.mu.Unlock()
	c.set(func(s *client.State) {
		var rest []client.TunnelState
		for _, t := range s.Tunnels {
			if t.Name != name {
				rest = append(rest, t)
			}
		}
		s.Tunnels = rest
	})
	return nil
}
