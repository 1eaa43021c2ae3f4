package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ngrok/conn"
	"ngrok/conn/http1"
	"ngrok/server/auth"
	"ngrok/server/limit"
)

const (
	defaultGrace = 30 * time.Second

	// cutTime is how long clients have to end their side of what was cut.
	cutTime = 2 * time.Second

	// memoryFile is where, in the data directory, it is kept who had which name.
	memoryFile = "names.json"

	// sweepEvery is how often pools are looked after and revoked users sent away.
	sweepEvery = time.Second

	// saveRest is how long names.json is left alone after it was written: when many
	// clients come at once, each of them changes it.
	saveRest = 100 * time.Millisecond

	// saveShare is how many times as long as writing it took it is left alone at least:
	// somebody may open and close a tunnel for ever, and it may hold 20,000 names.
	saveShare = 9
)

// Server is the public side of the tunnels. It serves once.
type Server struct {
	config    Config
	domain    string
	tcpHost   string
	logger    *slog.Logger
	tunnelTLS *tls.Config
	publicTLS *tls.Config

	key      sessionKey
	policies *auth.Policies
	registry *registry
	metrics  *serverMetrics

	gate     limit.Gate
	known    limit.Known // addresses of clients
	visitors limit.Visitors
	present  limit.Gate // visitors, by their address
	accounts limit.Accounts
	requests limit.Requests // for tunnels
	sessions limit.Requests // to begin a session
	refusals limit.Visitors // clients, in the log
	shedding shed
	parking  parking
	handed   atomic.Bool // to another process, see ErrHandOver
	flows    flows       // public connections
	peers    flows       // connections on the tunnel port
	tidy     conn.Tidy

	ports     map[string]int  // of the http and https listeners, for the URLs
	serving   sync.WaitGroup  // all goroutines
	accepts   sync.WaitGroup  // those that accept connections
	accepting context.Context // ends when no more public connections are taken
	running   context.Context // ends when what flows is cut

	mu       sync.Mutex
	controls map[sessionID]*control
	ended    []*control // no sessions any more, but some of their visitors are still served
}

// Listeners are what a server accepts connections on. HTTP and HTTPS may be nil.
type Listeners struct {
	Tunnel, HTTP, HTTPS net.Listener
}

// New returns a server. It reads and makes what the data directory holds, and binds
// nothing.
func New(config Config) (*Server, error) {
	domain, err := http1.CanonicalHost(config.Domain)
	if err != nil || domain == "" {
		return nil, fmt.Errorf("the domain %q is no host name", config.Domain)
	}
	if config.TLS == nil {
		return nil, errors.New("a server needs a certificate")
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Policies == nil {
		config.Policies = auth.NewPolicies(nil)
	}
	if config.Grace == 0 {
		config.Grace = defaultGrace
	}
	key, err := loadSessionKey(config.DataDir, config.Logger)
	if err != nil {
		return nil, err
	}
	if config.NamesFile == "" && config.DataDir != "" {
		config.NamesFile = filepath.Join(config.DataDir, memoryFile)
	}
	s := &Server{
		config:    config,
		domain:    domain,
		tcpHost:   config.TCPHost,
		logger:    config.Logger,
		tunnelTLS: config.TLS.Clone(),
		publicTLS: config.TLS.Clone(),
		key:       key,
		policies:  config.Policies,
		registry:  newRegistry(newMemory(config.NamesFile, config.Logger), config.Lease, config.Park),
		metrics:   newMetrics(),
		ports:     make(map[string]int),
		controls:  make(map[sessionID]*control),
	}
	s.registry.tunnelsOf = func(owner string) int { return s.policies.Current().Tunnels(owner) }
	s.shedding.descriptors = limit.ProcessDescriptors()
	for _, t := range []*tls.Config{s.tunnelTLS, s.publicTLS} {
		t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	}
	s.tunnelTLS.DynamicRecordSizingDisabled = true
	s.publicTLS.NextProtos = []string{"http/1.1", "http/1.0"} // without the second, visitors that offer it alone are turned away
	if config.Certificates != nil {
		s.publicTLS.NextProtos = append(s.publicTLS.NextProtos, acmeTLS)
	}
	if s.tcpHost == "" {
		s.tcpHost, _, _ = net.SplitHostPort(config.TunnelAddr)
	}
	return s, nil
}

// Listen binds the addresses of the configuration.
func (s *Server) Listen() (l Listeners, err error) {
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.Tunnel, err = s.listen("tunnel", s.config.TunnelAddr); err != nil {
		return l, err
	}
	if s.config.HTTPAddr != "" {
		if l.HTTP, err = s.listen("http", s.config.HTTPAddr); err != nil {
			return l, err
		}
	}
	if s.config.HTTPSAddr != "" {
		if l.HTTPS, err = s.listen("https", s.config.HTTPSAddr); err != nil {
			return l, err
		}
	}
	return l, nil
}

// listen opens a listener. name is "tunnel", "http", "https", or that of a TCP tunnel's
// port.
func (s *Server) listen(name, addr string) (net.Listener, error) {
	if s.config.Listen != nil {
		return s.config.Listen(name, addr)
	}
	return conn.ListenConfig().Listen(context.Background(), "tcp", addr)
}

func (l *Listeners) close() {
	for _, one := range []net.Listener{l.Tunnel, l.HTTP, l.HTTPS} {
		if one != nil {
			one.Close()
		}
	}
}

// Serve accepts connections on l until ctx ends. Then it takes no more, lets flow for
// up to Grace what flows, and returns nil when everything has ended. It closes l. A
// second context, hurry, ends the wait; nil means never.
func (s *Server) Serve(ctx context.Context, l Listeners, hurry context.Context) error {
	var stop, cut context.CancelFunc
	s.accepting, stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running, cut = context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	defer stop()
	s.notePorts(l)
	s.registry.memory.load()
	s.expectOwners()

	var looking sync.WaitGroup
	looking.Go(func() { s.look(s.running) })
	s.acceptOn(l.Tunnel, func(nc net.Conn) { s.acceptTunnel(nc) })
	s.acceptOn(l.HTTP, func(nc net.Conn) { s.acceptHTTP("http", nc) })
	s.acceptOn(l.HTTPS, func(nc net.Conn) { s.acceptHTTP("https", nc) })
	if c := s.config.Certificates; c != nil {
		s.serving.Go(func() { c.Run(s.accepting, s.certificateOwner) })
	}

	<-ctx.Done()
	if errors.Is(context.Cause(ctx), ErrHandOver) {
		s.handOver()
	}
	s.logger.Info("stopping: no more connections are taken", "grace", s.config.Grace)
	stop()
	l.close()
	s.accepts.Wait()
	for _, c := range s.allControls() {
		s.sendAway(c)
	}
	s.drain(hurry)
	for _, c := range s.allControls() {
		c.cancel(errShuttingDown)
	}
	cut()
	s.flows.reset()
	s.peers.stop()
	late := time.AfterFunc(cutTime, s.peers.reset)
	s.serving.Wait()
	late.Stop()
	looking.Wait()
	s.registry.memory.save()
	s.metrics.report(s.logger) // of what came since the last one, be it everything
	s.metrics.stop()
	s.tidy.Stop()
	return nil
}

func (s *Server) acceptOn(l net.Listener, handle func(net.Conn)) {
	if l == nil {
		return
	}
	s.accepts.Go(func() {
		stop := context.AfterFunc(s.accepting, func() { l.Close() })
		defer stop()
		accept(s.accepting, l, s.logger, handle)
	})
}

// notePorts learns the ports that the URLs show.
func (s *Server) notePorts(l Listeners) {
	for scheme, one := range map[string]net.Listener{"http": l.HTTP, "https": l.HTTPS} {
		if one == nil {
			continue
		}
		if addr, ok := one.Addr().(*net.TCPAddr); ok {
			s.ports[scheme] = addr.Port
		}
	}
	for scheme, port := range map[string]int{"http": s.config.ShownHTTPPort, "https": s.config.ShownHTTPSPort} {
		if port != 0 {
			s.ports[scheme] = port
		}
	}
}

// expectOwners keeps names and their visitors for those who had them when the server
// before this one ended.
func (s *Server) expectOwners() {
	for _, e := range s.registry.memory.held() {
		if port, ok := portOf(e.Name); ok {
			s.expectPort(port, e.Owner)
			continue
		}
		for protocol := range strings.SplitSeq(e.Held, "+") {
			s.registry.expectHost(e.Name, protocol, e.Owner)
		}
	}
}

// look does what is to be done from time to time, until ctx ends.
func (s *Server) look(ctx context.Context) {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	report := time.NewTicker(reportEvery)
	defer report.Stop()
	changed := s.registry.memory.changed
	var rested <-chan time.Time
	for {
		select {
		case now := <-sweep.C:
			s.registry.sweep(now)
			s.registry.memory.save() // again, if it failed before
			policy := s.policies.Current()
			s.cutStalled(now, policy.Limits().StalledVisitors)
			for _, c := range s.allControls() {
				c.pool.sweep(now)
				policy.ApplyRate(c.identity, c.account)
				if err := policy.StillValid(c.identity); err != nil {
					c.cancel(&unwelcomeError{err})
				}
			}
			for _, c := range s.endedControls() {
				if policy.StillValid(c.identity) != nil {
					c.pool.cut()
				}
			}
			if s.config.Alive != nil {
				s.config.Alive()
			}
		case <-changed:
			began := time.Now()
			s.registry.memory.save()
			changed, rested = nil, time.After(max(saveRest, saveShare*time.Since(began)))
		case <-rested:
			changed = s.registry.memory.changed
		case <-report.C:
			s.metrics.report(s.logger)
			s.registry.reconcile()
		case <-ctx.Done():
			return
		}
	}
}
