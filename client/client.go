package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"ngrok/client/trust"
	"ngrok/conn"
)

const (
	// drainPause is before the first attempt when a server restarts, at most: so that
	// its clients do not come all in the same moment.
	drainPause = 100 * time.Millisecond

	// stableAfter is how long a session must last for the next attempt to be made
	// without delay.
	stableAfter = 10 * time.Second
)

// Client keeps a session with a server and carries what visitors send to its tunnels.
// It runs once. Its methods are safe for concurrent use.
type Client struct {
	config   Config
	tls      *tls.Config
	logger   *slog.Logger
	metrics  *clientMetrics
	proxies  sync.WaitGroup // goroutines of proxy connections
	sessions sync.WaitGroup // goroutines of sessions
	tidy     conn.Tidy
	wall     func() time.Time // the clock that goes on while the machine sleeps

	mu          sync.Mutex
	state       State // without Tunnels and Metrics
	tunnels     []*tunnelRecord
	session     *session // nil while there is none
	sessionID   string   // of the last session, a secret
	wasOnline   bool
	ends        bool // Run's context has ended
	returns     bool // see ExpectReturn
	subscribers map[chan struct{}]struct{}
}

// New checks the configuration and returns a client. It connects to nothing.
func New(config Config) (*Client, error) {
	host, _, err := net.SplitHostPort(config.ServerAddr)
	if err != nil || host == "" {
		return nil, fmt.Errorf("the server's address %q must be host:port, such as tunnel.example.com:4443", config.ServerAddr)
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Client{
		config:      config,
		logger:      config.Logger,
		metrics:     newMetrics(),
		wall:        func() time.Time { return time.Now().Round(0) },
		state:       State{Status: Connecting, Since: time.Now(), ServerAddr: config.ServerAddr, ClientVersion: config.Version},
		subscribers: make(map[chan struct{}]struct{}),
	}
	c.tls = &tls.Config{}
	if config.TLS != nil {
		c.tls = config.TLS.Clone()
	}
	if c.tls.ServerName == "" {
		c.tls.ServerName = host
	}
	if c.tls.ClientSessionCache == nil {
		c.tls.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	c.tls.MinVersion = max(c.tls.MinVersion, tls.VersionTLS12)
	c.tls.DynamicRecordSizingDisabled = true
	for _, t := range config.Tunnels {
		if _, err := c.addTunnel(t); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Run keeps a session until ctx ends and then returns nil, after the connections that
// it carries have ended or Grace is over. It returns an error when going on is of no
// use: the server refuses the user, or, before the first session was up, its
// certificate cannot be trusted or it does not grant a tunnel.
func (c *Client) Run(ctx context.Context) error {
	running, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	ending, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := sync.OnceFunc(func() { c.noteEnd(); end() }) // in this order: sessions look
	defer context.AfterFunc(ctx, stop)()
	err := c.keepSession(ending, running)
	stop()
	c.sessions.Wait()
	c.setStatus(Closed, time.Time{}, err)
	c.drain(ctx, cut)
	c.metrics.stop()
	c.tidy.Stop()
	return err
}

func (c *Client) keepSession(ctx, running context.Context) error {
	var wait backoff
	for {
		start := time.Now()
		err := c.runSession(ctx, running)
		if ctx.Err() != nil {
			return nil
		}
		if c.isFatal(err) {
			return err
		}
		took := time.Since(start)
		if took > stableAfter || errors.Is(err, errDrained) {
			wait = backoff{}
		}
		var pause time.Duration
		if errors.Is(err, errDrained) {
			pause, err = rand.N(drainPause), nil
		} else {
			pause = wait.next(took)
		}
		c.setStatus(Reconnecting, time.Now().Add(pause), err)
		c.logger.Info("session closed, starting reconnect loop", "err", err, "in", pause.Round(time.Millisecond))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *Client) noteEnd() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends = true
}

// isFatal reports whether err ends the client.
func (c *Client) isFatal(err error) bool {
	c.mu.Lock()
	wasOnline := c.wasOnline
	c.mu.Unlock()
	var refused *RefusedError
	var tunnel *TunnelError
	var untrusted *trust.Error
	switch {
	case errors.As(err, &refused):
		return true
	case wasOnline:
		return false
	default:
		return errors.As(err, &tunnel) || errors.As(err, &untrusted) && !untrusted.Temporary
	}
}

// drain waits for the connections that the client carries.
func (c *Client) drain(ctx context.Context, cut context.CancelFunc) {
	gone := make(chan struct{})
	go func() { c.proxies.Wait(); close(gone) }()
	grace := time.NewTimer(max(c.config.Grace, 0))
	defer grace.Stop()
	var hurry <-chan struct{}
	if c.config.Hurry != nil {
		hurry = c.config.Hurry.Done()
	}
	select {
	case <-gone:
	case <-grace.C:
	case <-hurry:
	}
	cut()
	<-gone
}
