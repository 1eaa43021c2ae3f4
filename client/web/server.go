package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"ngrok/client"
	"ngrok/client/inspect"
)

// DefaultAddr is where the inspector listens when nothing else is configured.
const DefaultAddr = "127.0.0.1:4040"

// Limits of the HTTP server. A browser on the same machine needs none of this time.
const (
	headTimeout  = 10 * time.Second
	idleTimeout  = 2 * time.Minute
	bodyTimeout  = time.Minute     // for the body of a request, a HAR file of 64 MiB for one
	stallTimeout = 5 * time.Second // of a peer that does not read what it asked for
	maxHead      = 64 << 10        // bytes
)

// Client is what the inspector needs of a [client.Client].
type Client interface {
	State() client.State
	Subscribe() (changed <-chan struct{}, stop func())
	// Open asks for a tunnel and returns what the server granted of it.
	Open(ctx context.Context, t client.Tunnel) ([]client.TunnelState, error)
	// CloseTunnel closes all of a tunnel.
	CloseTunnel(name string) error
}

// Config configures a [Server]. The zero value of a field is its documented default.
type Config struct {
	// Addr is where to listen, as host:port; empty means [DefaultAddr]. When the
	// default address is in use, the next free port up to 4050 is taken instead.
	Addr string

	// Client is shown and asked for tunnels. Required.
	Client Client

	// Store holds the exchanges. Required.
	Store *inspect.Store

	// Assets holds the page, index.html at its root. Required.
	Assets fs.FS

	// AllowHosts are further names that browsers may reach the page by, each a host
	// or host:port, compared exactly. Without a port, any port will do.
	AllowHosts []string

	// Auth is "user:password" that visitors of the page must present; empty means
	// none, which is refused when Addr is not on loopback.
	Auth string

	// Version is shown and given as agent_version.
	Version string

	// Logger receives what happens; nil discards it.
	Logger *slog.Logger

	stall time.Duration // tests shorten stallTimeout with it
}

// Server serves the inspector. Make one with [New].
type Server struct {
	client  Client
	store   *inspect.Store
	assets  fs.FS
	version string
	log     *slog.Logger

	addr   string
	guard  *guard
	http   *httpMetrics
	closed *closedNames

	mu       sync.Mutex
	listener net.Listener

	// ctx is that of Serve, for what outlives a request: replays and websockets.
	ctx     context.Context
	conns   sync.WaitGroup // connections that are not hijacked
	work    sync.WaitGroup // everything else; grows while a connection is counted
	replays chan struct{}  // one element for each replay under way
	tabs    chan struct{}  // one element for each websocket
}

// New checks the configuration and has the store's exchanges counted from now on. It
// binds no port and starts nothing.
func New(c Config) (*Server, error) {
	switch {
	case c.Client == nil:
		return nil, errors.New("web: Config.Client is missing")
	case c.Store == nil:
		return nil, errors.New("web: Config.Store is missing")
	case c.Assets == nil:
		return nil, errors.New("web: Config.Assets is missing")
	}
	if c.Addr == "" {
		c.Addr = DefaultAddr
	}
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return nil, fmt.Errorf("inspect_addr %q: %w; write host:port, as %s", c.Addr, err, DefaultAddr)
	}
	g, err := newGuard(c.AllowHosts, c.Auth)
	if err != nil {
		return nil, err
	}
	if c.stall > 0 {
		g.stall = c.stall
	}
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		client:  c.Client,
		store:   c.Store,
		assets:  c.Assets,
		version: c.Version,
		log:     log.With("obj", "web"),
		addr:    c.Addr,
		guard:   g,
		http:    newHTTPMetrics(),
		closed:  newClosedNames(),
		replays: make(chan struct{}, maxReplayRuns),
		tabs:    make(chan struct{}, maxTabs),
	}
	s.store.OnEnd(s.http.add)
	return s, nil
}

// Serve answers requests until ctx ends, and returns when all it started has ended.
// It calls [Server.Listen] unless that was done. The error is nil after ctx ended.
// Serve is to be called once.
func (s *Server) Serve(ctx context.Context) error {
	if err := s.Listen(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.ctx = ctx

	srv := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnState:         s.countConn,
	}
	defer s.store.OnEnd(nil)
	s.work.Go(func() { s.http.follow(ctx, s.client) })
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()

	s.log.Info("starting web service", "addr", s.Addr().String())
	if !isLoopback(s.Addr()) {
		s.log.Warn("the inspector can be reached from other machines, without encryption: whoever knows inspect_auth sees all traffic",
			"addr", s.Addr().String())
	}
	err := srv.Serve(s.listener)
	cancel()
	srv.Close()
	s.conns.Wait()
	s.work.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve inspector: %w", err)
}

// countConn keeps track of the goroutines that package http starts.
func (s *Server) countConn(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateHijacked, http.StateClosed:
		s.conns.Done()
	}
}
