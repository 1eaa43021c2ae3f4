package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
	"ngrok/msg"
	"ngrok/server"
	"ngrok/server/auth"
	"ngrok/server/limit"
)

// relay forwards connections to the tunnel port, so that a test can cut them.
type relay struct {
	net.Listener
	to   string
	wait sync.WaitGroup

	mu      sync.Mutex
	open    []net.Conn // the side of the client, since the last cut
	all     []net.Conn // both sides
	cutOnce bool
}

func newRelay(t testing.TB, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, to: to}
	r.wait.Go(r.run)
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		for _, nc := range r.all {
			nc.Close()
		}
		r.mu.Unlock()
		r.wait.Wait()
	})
	return r
}

func (r *relay) run() {
	for {
		a, err := r.Accept()
		if err != nil {
			return
		}
		b, err := net.Dial("tcp", r.to)
		if err != nil {
			a.Close()
			continue
		}
		r.mu.Lock()
		r.open = append(r.open, a)
		r.all = append(r.all, a, b)
		r.mu.Unlock()
		r.wait.Go(func() { plainJoin(a, a, b) })
	}
}

// cut aborts the control connection: the first of all, and later, since connections
// overtake each other, all that came after the last cut.
func (r *relay) cut(t testing.TB) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.open) == 0 {
		t.Fatal("nothing to cut")
	}
	if !r.cutOnce {
		r.open = r.open[:1]
	}
	for _, nc := range r.open {
		nc.(*net.TCPConn).SetLinger(0)
		nc.Close()
	}
	r.open, r.cutOnce = nil, true
}

// urls returns what the client has, in the order of its tunnels.
func (c *runningClient) urls() (all []string) {
	for _, t := range c.State().Tunnels {
		all = append(all, t.Name+" "+t.PublicURL)
	}
	slices.Sort(all)
	return all
}

// online waits for a session that began after t0.
func (c *runningClient) online(t testing.TB, t0 time.Time) {
	t.Helper()
	conntest.Eventually(t, "the client is online again", func() bool {
		s := c.State()
		return s.Status == client.Online && s.Since.After(t0)
	})
}

func identity(name string) func(*client.Config) {
	return func(c *client.Config) { c.Identity = name }
}

// TestServerRestart restarts the server under 50 clients, of which each must have the
// same URLs and ports again.
func TestServerRestart(t *testing.T) {
	conntest.NoLeak(t)
	echo := echoService(t)
	w := newWorld(t, nil)
	clients := make([]*runningClient, 50)
	before := make([][]string, len(clients))
	for i := range clients {
		random := client.Tunnel{Name: "random", Local: map[string]string{"http": echo.String(), "https": echo.String()}}
		clients[i] = w.runClient(identity(fmt.Sprint("user", i)),
			httpTunnel(fmt.Sprint("name", i), echo), random, tcpTunnel("tcp", echo))
		before[i] = clients[i].urls()
	}
	t0 := time.Now()
	w.stop()
	w.start()
	for i, c := range clients {
		c.online(t, t0)
		if got := c.urls(); !slices.Equal(got, before[i]) {
			t.Errorf("client %d has %v, had %v", i, got, before[i])
		}
		nc := dialTCP(t, c.url("tcp"))
		nc.Write([]byte("ping"))
		nc.CloseWrite()
		if got, err := readAll(t, nc); got != "ping" || err != nil {
			t.Errorf("client %d: %q, %v", i, got, err)
		}
	}
	t.Logf("50 clients were back after %v", time.Since(t0).Round(time.Millisecond))
}

// TestControlCut cuts control connections again and again. Whoever had names and ports
// has them at once again, also as many tunnels as it may have.
func TestControlCut(t *testing.T) {
	conntest.NoLeak(t)
	echo := echoService(t)
	w := newWorld(t, func(c *server.Config) {
		limits := limit.Default()
		limits.Tunnels = 4
		c.Policies = openPolicies(t, limits)
	})
	r := newRelay(t, w.listen.Tunnel.Addr().String())
	c := w.runClient(func(c *client.Config) { c.ServerAddr = r.Addr().String(); c.Identity = "user" },
		httpTunnel("example", echo), tcpTunnel("a", echo), tcpTunnel("b", echo))
	before := c.urls()
	flow := dialTCP(t, c.url("tcp"))
	ping := func() {
		t.Helper()
		flow.Write([]byte("ping"))
		if _, err := io.ReadFull(flow, make([]byte, 4)); err != nil {
			t.Fatalf("a visitor's connection did not outlive the session: %v", err)
		}
	}
	ping()
	for i := range 5 {
		t0 := time.Now()
		r.cut(t)
		c.online(t, t0)
		if got := c.urls(); !slices.Equal(got, before) {
			t.Fatalf("after cut %d: %v, had %v", i, got, before)
		}
		ping()
	}
}

// openPolicies admits everyone. The ports of tunnels are nobody else's, also while the
// server that had them is away. Where a test does not say how long a handshake may take,
// it may take what it does on a machine that has much else to do.
func openPolicies(t testing.TB, limits limit.Limits) *auth.Policies {
	t.Helper()
	reserved := make([]string, 64)
	for i := range reserved {
		reserved[i] = conntest.ReservePort(t)
	}
	ports, err := auth.ParsePorts(strings.Join(reserved, ","))
	if err != nil {
		t.Fatal(err)
	}
	usual := limit.Default()
	if limits.Handshake == usual.Handshake {
		limits.Handshake = patience
	}
	if limits.FirstMessage == usual.FirstMessage {
		limits.FirstMessage = patience
	}
	return policies(t, auth.Config{Open: true, Limits: &limits, TCPPorts: &ports})
}

func policies(t testing.TB, c auth.Config) *auth.Policies {
	t.Helper()
	p, err := auth.NewPolicy(c)
	if err != nil {
		t.Fatal(err)
	}
	return auth.NewPolicies(p)
}

// TestTakeover starts a second client of the same user that wants one name of the first.
func TestTakeover(t *testing.T) {
	conntest.NoLeak(t)
	echo := echoService(t)
	w := newWorld(t, func(c *server.Config) {
		limits := limit.Default()
		limits.Tunnels = 3
		c.Policies = openPolicies(t, limits)
	})
	r := newRelay(t, w.listen.Tunnel.Addr().String())
	older := w.runClient(func(c *client.Config) { c.ServerAddr = r.Addr().String(); c.Identity = "user" },
		client.Tunnel{Name: "wanted", Subdomain: "wanted", Local: map[string]string{"http": echo.String()}},
		client.Tunnel{Name: "kept", Subdomain: "kept", Local: map[string]string{"http": echo.String()}},
		tcpTunnel("tcp", echo))
	port := portOfURL(t, older.url("tcp"))
	tcp := tcpTunnel("tcp", echo)
	tcp.RemotePort = port
	newer := w.runClient(identity("user"),
		client.Tunnel{Name: "wanted", Subdomain: "wanted", Local: map[string]string{"http": echo.String()}}, tcp)
	if got := newer.urls(); len(got) != 2 {
		t.Errorf("newer has %v", got)
	}
	conntest.Eventually(t, "the older one has lost both", func() bool { return len(older.State().Tunnels) == 1 })
	if got := older.State().Tunnels[0].Name; got != "kept" {
		t.Errorf("older keeps %s", got)
	}
	if !strings.Contains(older.State().LastError, "same token") {
		t.Errorf("older was told %q", older.State().LastError)
	}
	t0 := time.Now()
	r.cut(t) // also a new session must not take them back
	older.online(t, t0)
	if len(older.urls()) != 1 || len(newer.urls()) != 2 {
		t.Errorf("after a reconnect older has %v, newer %v", older.urls(), newer.urls())
	}
}

func portOfURL(t testing.TB, public string) (port uint16) {
	t.Helper()
	if _, err := fmt.Sscanf(public[strings.LastIndexByte(public, ':')+1:], "%d", &port); err != nil {
		t.Fatal(err)
	}
	return port
}

// TestTakenName asks for what a stranger has: a client that was never online ends with
// the server's words.
func TestTakenName(t *testing.T) {
	conntest.NoLeak(t)
	echo := echoService(t)
	w := newWorld(t, nil)
	first := w.runClient(identity("a"), httpTunnel("example", echo), tcpTunnel("tcp", echo))
	taken := tcpTunnel("tcp", echo)
	taken.RemotePort = portOfURL(t, first.url("tcp"))
	for name, tunnel := range map[string]client.Tunnel{"name": httpTunnel("example", echo), "port": taken} {
		for who, edit := range map[string]func(*client.Config){"another": identity("b"), "nobody": nil} {
			second := w.startClient(edit, tunnel)
			select {
			case <-second.done:
			case <-time.After(patience):
				t.Fatalf("%s asking for the %s goes on, with %v", who, name, second.urls())
			}
			var refused *client.TunnelError
			if !errors.As(second.err, &refused) || !strings.Contains(refused.Reason, "taken") {
				t.Errorf("%s asking for the %s: %v", who, name, second.err)
			}
		}
	}
	if len(first.urls()) != 3 {
		t.Errorf("first has %v", first.urls())
	}
}

// TestTakenNameWhileAway lets a stranger take a name while its owner is away. The owner
// must stay, keep what else it has, and have the name again when it is free.
func TestTakenNameWhileAway(t *testing.T) {
	t.Parallel() // it waits for the client to ask again
	echo := echoService(t)
	w := newWorld(t, nil)
	owner := w.runClient(identity("a"), httpTunnel("example", echo), tcpTunnel("tcp", echo))
	w.stop()
	w.config.DataDir = t.TempDir() // the server has lost its memory, too
	conntest.Eventually(t, "the owner is away", func() bool { return owner.State().Status == client.Reconnecting })
	w.start()
	// Whoever comes first: the stranger can't be told to win, so it tries.
	stranger := w.rawClient(msg.Auth{User: "b"})
	stranger.send(&msg.ReqTunnel{ReqId: "1", Protocol: "http", Subdomain: "example"})
	won := next[*msg.NewTunnel](stranger).Error == ""
	t0 := time.Now()
	conntest.Eventually(t, "the owner is online", func() bool { return owner.State().Status == client.Online })
	select {
	case <-owner.done:
		t.Fatalf("the owner ended: %v", owner.err)
	default:
	}
	if won && owner.State().LastError == "" {
		t.Error("the owner does not say that a name is missing")
	}
	stranger.control.Close()
	for deadline := t0.Add(patience); owner.State().LastError != ""; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the owner has %v, %s", owner.urls(), owner.State().LastError)
		}
	}
}

// TestLease keeps a name for an owner who is away, for as long as is configured.
func TestLease(t *testing.T) {
	conntest.NoLeak(t)
	echo := echoService(t)
	w := newWorld(t, func(c *server.Config) { c.Lease = time.Hour })
	owner := w.runClient(identity("a"), httpTunnel("example", echo), tcpTunnel("tcp", echo))
	tcp := tcpTunnel("tcp", echo)
	tcp.RemotePort = portOfURL(t, owner.url("tcp"))
	owner.stop()
	w.stop()
	w.start()
	for _, tunnel := range []client.Tunnel{httpTunnel("example", echo), tcp} {
		stranger := w.startClient(identity("b"), tunnel)
		<-stranger.done
		if stranger.err == nil || !strings.Contains(stranger.err.Error(), "reserved") {
			t.Errorf("a stranger asking for %s: %v", tunnel.Name, stranger.err)
		}
	}
	w.runClient(identity("a"), httpTunnel("example", echo), tcp)
	w.stop()
	w.config.Lease = time.Nanosecond
	w.start()
	w.runClient(identity("c"), httpTunnel("other", echo))
}

// TestNamesFreeAtOnce ends a client and starts another one that wants its names.
func TestNamesFreeAtOnce(t *testing.T) {
	conntest.NoLeak(t)
	echo := echoService(t)
	w := newWorld(t, nil)
	port, slow := uint16(0), 0
	for i := range 10 {
		tcp := tcpTunnel("tcp", echo)
		tcp.RemotePort = port
		tunnels := []client.Tunnel{httpTunnel("example", echo), tcp}
		// The server learns of the end by itself: until then the name is taken.
		var c *runningClient
		conntest.Eventually(t, "the names are free", func() bool {
			c = w.startClient(identity(fmt.Sprint(i)), tunnels...)
			for c.State().Status != client.Online {
				select {
				case <-c.done:
					return false
				case <-time.After(time.Millisecond):
				}
			}
			return true
		})
		port = portOfURL(t, c.url("tcp"))
		t0 := time.Now()
		c.stop()
		if time.Since(t0) > time.Second {
			slow++
		}
	}
	// A busy machine may hold up one or the other.
	if slow > 5 {
		t.Errorf("Run took more than a second to end %d times of 10", slow)
	}
}

// TestRandomNamesComeBack gives each of several tunnels without a name what it had:
// after a restart of the client, of the server, and of both.
func TestRandomNamesComeBack(t *testing.T) {
	conntest.NoLeak(t)
	echo := echoService(t)
	w := newWorld(t, nil)
	var tunnels []client.Tunnel
	for i := range 4 {
		tunnels = append(tunnels,
			client.Tunnel{Name: fmt.Sprint("web", i), Local: map[string]string{"http": echo.String(), "https": echo.String()}},
			tcpTunnel(fmt.Sprint("tcp", i), echo))
	}
	c := w.runClient(identity("a"), tunnels...)
	want := c.urls()
	check := func(after string) {
		t.Helper()
		if got := c.urls(); !slices.Equal(got, want) {
			t.Errorf("after %s:\n%v\nwant\n%v", after, got, want)
		}
	}
	for range 3 {
		c.stop()
		c = w.runClient(identity("a"), tunnels...)
		check("a restart of the client")
	}
	t0 := time.Now()
	w.stop()
	w.start()
	c.online(t, t0)
	check("a restart of the server")
	w.stop()
	c.stop()
	w.start()
	c = w.runClient(identity("a"), tunnels...)
	check("a restart of both")
}

// TestNobody has no identity: it owns names while it is connected, and gets them back
// by its session id alone.
func TestNobody(t *testing.T) {
	conntest.NoLeak(t)
	echo := echoService(t)
	w := newWorld(t, nil)
	r := newRelay(t, w.listen.Tunnel.Addr().String())
	c := w.runClient(func(c *client.Config) { c.ServerAddr = r.Addr().String() }, httpTunnel("example", echo),
		client.Tunnel{Name: "random", Local: map[string]string{"http": echo.String()}}, tcpTunnel("tcp", echo))
	before := c.urls()
	for range 3 {
		t0 := time.Now()
		r.cut(t)
		c.online(t, t0)
		if got := c.urls(); !slices.Equal(got, before) {
			t.Fatalf("after a cut: %v, had %v", got, before)
		}
	}
	t0 := time.Now()
	w.stop()
	w.start()
	c.online(t, t0)
	if got := c.urls(); !slices.Equal(got, before) {
		t.Errorf("after a restart: %v, had %v", got, before)
	}
	other := w.startClient(nil, httpTunnel("example", echo))
	<-other.done
	if other.err == nil {
		t.Error("another nobody got the name")
	}
}

// TestSessionIDs tries to resume sessions and to register proxy connections with ids
// that were not given for that.
func TestSessionIDs(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	victim := w.rawClient(msg.Auth{User: "victim"})
	victim.tunnel("http", "example")
	id := victim.resp.ClientId
	public, mac, ok := strings.Cut(id, ".")
	if !ok {
		t.Fatalf("session id %q", id)
	}
	altered := []byte(id)
	altered[len(altered)-2] ^= 1
	forged := map[string]string{
		"empty":             "",
		"public part":       public,
		"without MAC":       public + ".",
		"altered":           string(altered),
		"other public part": strings.Repeat("A", len(public)) + "." + mac,
		"longer":            id + "A",
		"old style":         "3d0fe2b8cd7a08ac04fbafb92fd68526",
		"control bytes":     "\x00\n" + id,
		"very long":         strings.Repeat("A", 60_000),
	}
	for name, wrong := range forged {
		t.Run(name, func(t *testing.T) {
			p := w.dialTunnel()
			if err := msg.Write(p, &msg.RegProxy{ClientId: wrong}); err != nil {
				t.Fatal(err)
			}
			if got, err := readAll(t, p); got != "" || err != nil {
				t.Errorf("RegProxy: read %q, %v; want the end", got, err)
			}
			c := w.rawClient(msg.Auth{User: "victim", ClientId: wrong})
			defer c.control.Close()
			if c.resp.ClientId == wrong || c.resp.ClientId == id {
				t.Error("Auth: the id was accepted")
			}
		})
	}
	for name, user := range map[string]string{"nobody": "", "another": "attacker"} {
		c := w.rawClient(msg.Auth{User: user, ClientId: id})
		if c.resp.ClientId == id {
			t.Errorf("%s resumed the session of the victim", name)
		}
		c.send(&msg.ReqTunnel{ReqId: "1", Protocol: "http", Subdomain: "example"})
		if m := next[*msg.NewTunnel](c); m.Error == "" {
			t.Errorf("%s got the name of the victim", name)
		}
	}
	// The rightful one resumes, and the server ends the connection from before.
	again := w.rawClient(msg.Auth{User: "victim", ClientId: id})
	if again.resp.ClientId != id {
		t.Error("the session was not resumed")
	}
	victim.ended()
	again.tunnel("http", "example")
}

// TestRefusedToken ends a client that the server does not admit, at its start and later.
func TestRefusedToken(t *testing.T) {
	conntest.NoLeak(t)
	token := auth.Token{Name: "user", Hash: auth.HashToken("right")}
	in := policies(t, auth.Config{Tokens: []auth.Token{token}})
	w := newWorld(t, func(c *server.Config) { c.Policies = in })
	var refused *client.RefusedError
	for _, wrong := range []string{"", "wrong"} {
		c := w.startClient(func(c *client.Config) { c.AuthToken = wrong })
		<-c.done
		if !errors.As(c.err, &refused) {
			t.Errorf("token %q: %v", wrong, c.err)
		}
	}
	c := w.runClient(func(c *client.Config) { c.AuthToken = "right" }, httpTunnel("example", echoService(t)))
	none, err := auth.NewPolicy(auth.Config{})
	if err != nil {
		t.Fatal(err)
	}
	in.Swap(none)
	<-c.done
	if !errors.As(c.err, &refused) {
		t.Errorf("after the token was revoked: %v", c.err)
	}
}

// TestUnreachableServer starts a client before its server.
func TestUnreachableServer(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	w.stop()
	c := w.startClient(nil, httpTunnel("example", echoService(t)))
	conntest.Eventually(t, "it has failed and says so", func() bool {
		s := c.State()
		return s.Status == client.Reconnecting && s.LastError != "" && !s.RetryAt.IsZero()
	})
	t0 := time.Now()
	w.start()
	c.online(t, t0)
	w.stop()
	conntest.Eventually(t, "it has noticed", func() bool { return c.State().Status == client.Reconnecting })
	c.stop()
	if c.err != nil || c.State().Status != client.Closed {
		t.Errorf("Run returned %v, %v", c.err, c.State().Status)
	}
}

// TestOpenAndClose changes the tunnels of a client while it runs.
func TestOpenAndClose(t *testing.T) {
	conntest.NoLeak(t)
	echo := echoService(t)
	w := newWorld(t, nil)
	r := newRelay(t, w.listen.Tunnel.Addr().String())
	c := w.runClient(func(c *client.Config) { c.ServerAddr = r.Addr().String(); c.Identity = "a" })
	for round := range 5 {
		states, err := c.Open(context.Background(), httpTunnel("example", echo))
		if err != nil || len(states) != 2 {
			t.Fatalf("round %d: %v, %v", round, states, err)
		}
		if _, err := c.Open(context.Background(), httpTunnel("example", echo)); !errors.Is(err, client.ErrTunnelExists) {
			t.Errorf("opened twice: %v", err)
		}
		tcp, err := c.Open(context.Background(), tcpTunnel("tcp", echo))
		if err != nil {
			t.Fatal(err)
		}
		t0 := time.Now()
		r.cut(t)
		c.online(t, t0)
		if len(c.urls()) != 3 {
			t.Errorf("after a cut: %v", c.urls())
		}
		for _, name := range []string{"example", "tcp"} {
			if err := c.CloseTunnel(name); err != nil {
				t.Error(err)
			}
		}
		if err := c.CloseTunnel("tcp"); !errors.Is(err, client.ErrNoTunnel) {
			t.Errorf("closed twice: %v", err)
		}
		w.gone("example")
		conntest.Eventually(t, "the port is closed", func() bool {
			nc, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", portOfURL(t, tcp[0].PublicURL)))
			if err == nil {
				nc.Close()
			}
			return err != nil
		})
	}
	stranger := w.runClient(identity("b"), httpTunnel("taken", echo))
	var refused *client.TunnelError
	if _, err := c.Open(context.Background(), httpTunnel("taken", echo)); !errors.As(err, &refused) {
		t.Errorf("a taken name: %v", err)
	}
	stranger.stop()
	w.stop()
	conntest.Eventually(t, "there is no session", func() bool {
		_, err := c.Open(context.Background(), httpTunnel("late", echo))
		return errors.Is(err, client.ErrNoSession)
	})
}
