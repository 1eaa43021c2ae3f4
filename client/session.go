package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ngrok/client/trust"
	"ngrok/conn"
	"ngrok/msg"
)

const (
	// dialTimeout is how long it may take to reach the server, TLS included, and how
	// long the server may take to answer Auth.
	dialTimeout = 10 * time.Second

	// pingEvery and pongTimeout find a session that is dead within 25 s.
	pingEvery   = 10 * time.Second
	pongTimeout = 15 * time.Second

	// ownPongTimeout is the same for servers with FeatureDrain: trying anew costs a
	// handshake, waiting for a path that has died costs visitors their time.
	ownPongTimeout = 6 * time.Second

	// silentGrace is for how long connections of a session that has died in silence
	// may go without acknowledgement of what was sent: most likely they are dead too.
	silentGrace = 10 * time.Second

	// connectTimeout is how long TCP may take to reach a server that was reached
	// before: on a path that was dead, a new attempt is sooner there than an old one.
	connectTimeout = 3 * time.Second

	// idleAfter is for how long idle proxy connections of a session that was lost may
	// still be used, by a server that has not noticed yet.
	idleAfter = 30 * time.Second

	// farewell is how long the server may take to close idle proxy connections when
	// the client ends: closed from this side, one might just have been given a visitor.
	farewell = time.Second

	// wakePongTimeout is the same after the machine has slept: the session is most
	// likely dead then.
	wakePongTimeout = 2500 * time.Millisecond

	// clockGap is how far the clock must have jumped ahead of the time that passed for
	// the machine to have slept.
	clockGap = 5 * time.Second

	// controlWrite is how long the server may take to read what it is sent.
	controlWrite = 10 * time.Second

	// proxyDials is how many proxy connections are opened at the same time.
	proxyDials = 64

	// askAgain is when a tunnel that was refused during a reconnect is asked for again.
	askAgain = 10 * time.Second
)

// errPong is the end of a session whose server does not answer.
var errPong = errors.New("the server does not answer any more")

// session is one connection to the server: one goroutine reads it, another one sends
// pings; messages are written by whoever has one.
type session struct {
	client  *Client
	link    *conn.Link
	logger  *slog.Logger
	id      string // a secret
	reuse   bool   // proxy connections may serve several visitors
	closes  bool   // the server understands CloseTunnel
	drains  bool   // the server may send Drain
	ctx     context.Context
	cancel  context.CancelCauseFunc
	ending  context.Context // of the client
	running context.Context // outlives the session while the connections it carries end
	dials   chan struct{}   // limits concurrent dials of proxy connections

	opening atomic.Int64 // proxy connections under way

	// enforces says that the server enforces msg.TunnelOptions, and has read each
	// request that it passes on.
	enforces bool

	writing sync.Mutex

	mu       sync.Mutex
	pending  map[string]*pendingTunnel // by ReqId
	links    map[*conn.Link]struct{}   // proxy connections
	idle     map[*conn.Link]struct{}   // those between two visitors
	ended    bool
	until    time.Time     // when idle ones end, once ended is set
	drained  chan struct{} // closed when the server wants another session to be opened
	draining bool          // drained is closed
	pong     time.Time     // until when the server must answer; zero while nothing is owed
}

// pendingTunnel is a ReqTunnel that has not been answered for all its protocols.
type pendingTunnel struct {
	record *tunnelRecord
	left   int // answers to come
	got    []grant
	done   chan error // one slot
}

// runSession makes a session and serves it until it ends.
func (c *Client) runSession(ctx, running context.Context) error {
	if c.State().Status != Connecting {
		c.setStatus(Reconnecting, time.Time{}, nil)
	}
	link, err := c.reach(ctx)
	if err != nil {
		return trust.Explain(err, c.config.ServerAddr)
	}
	s, err := c.authenticate(ctx, running, link)
	if err != nil {
		link.Reset()
		// A server may refuse a handshake that is over on this side (TLS 1.3).
		return trust.Explain(err, c.config.ServerAddr)
	}
	ended := make(chan error, 1)
	c.sessions.Go(func() { ended <- s.run() })
	select {
	case err := <-ended:
		return err
	case <-s.drained:
		return errDrained // it goes on for the connections that it carries
	}
}

// errDrained is the reason to open another session beside one that goes on.
var errDrained = errors.New("the server is about to restart")

// reach is dial for a session: once the server was reached it does not wait long.
func (c *Client) reach(ctx context.Context) (*conn.Link, error) {
	c.mu.Lock()
	timeout := dialTimeout
	if c.wasOnline {
		timeout = connectTimeout
	}
	c.mu.Unlock()
	return c.dialWithin(ctx, timeout)
}

// dialWithin reaches the server's tunnel port; connect is how long TCP may take for it.
func (c *Client) dialWithin(ctx context.Context, connect time.Duration) (*conn.Link, error) {
	conn.GrowStackForHandshake()
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	connecting, stop := context.WithTimeout(ctx, connect)
	nc, err := conn.Dial(connecting, c.config.ServerAddr, c.config.Proxy)
	stop()
	if err != nil {
		return nil, fmt.Errorf("reach the server %s: %w", c.config.ServerAddr, err)
	}
	conn.BoundUnsent(nc)
	tc := conn.ClientTLS(nc, c.tls)
	if err := tc.TLS().HandshakeContext(ctx); err != nil {
		tc.Reset()
		return nil, err
	}
	c.tidy.Handshake()
	return conn.NewLink(tc), nil
}

// authenticate opens the session on link.
func (c *Client) authenticate(ctx, running context.Context, link *conn.Link) (*session, error) {
	c.mu.Lock()
	sessionID := c.sessionID
	c.mu.Unlock()
	auth := &msg.Auth{
		Version:   msg.ProtocolVersion,
		MmVersion: c.config.Version,
		User:      c.config.AuthToken,
		OS:        runtime.GOOS,
		Arch:      runtime.GOARCH,
		ClientId:  sessionID,
	}
	if auth.User == "" {
		auth.User = c.config.Identity
	}
	if !c.config.PlainVersion2 {
		auth.Features = []string{msg.FeatureReuse, msg.FeatureClose, msg.FeatureOptions, msg.FeatureDrain}
	}
	stop := context.AfterFunc(ctx, link.Reset)
	defer stop()
	link.SetDeadline(time.Now().Add(dialTimeout))
	if err := link.WriteMessages(auth); err != nil {
		return nil, fmt.Errorf("send auth: %w", err)
	}
	m, err := link.ReadMessage(msg.MaxAfterAuth)
	if err != nil {
		return nil, fmt.Errorf("read the server's answer to auth: %w", err)
	}
	resp, ok := m.(*msg.AuthResp)
	switch {
	case !ok:
		return nil, fmt.Errorf("the server answered auth with %T", m)
	case resp.Error != "":
		return nil, &RefusedError{Server: c.config.ServerAddr, Reason: conceal(resp.Error, auth.User, auth.ClientId)}
	case resp.Version != msg.ProtocolVersion:
		return nil, &RefusedError{Server: c.config.ServerAddr,
			Reason: fmt.Sprintf("it speaks protocol version %q, this client %s", resp.Version, msg.ProtocolVersion)}
	}
	link.SetDeadline(time.Time{})
	s := &session{
		client:  c,
		link:    link,
		logger:  c.logger,
		id:      resp.ClientId,
		reuse:   slices.Contains(resp.Features, msg.FeatureReuse) && !c.config.PlainVersion2,
		closes:  slices.Contains(resp.Features, msg.FeatureClose),
		drains:  slices.Contains(resp.Features, msg.FeatureDrain),
		ending:  ctx,
		running: running,
		dials:   make(chan struct{}, proxyDials),
		pending: make(map[string]*pendingTunnel),
		links:   make(map[*conn.Link]struct{}),
		idle:    make(map[*conn.Link]struct{}),
		drained: make(chan struct{}),
	}
	s.enforces = slices.Contains(resp.Features, msg.FeatureOptions) && !c.config.PlainVersion2
	link.GiveUpAfter(pingEvery + pongTimeout)
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	c.mu.Lock()
	c.sessionID = resp.ClientId
	c.state.ServerVersion = resp.MmVersion
	c.mu.Unlock()
	return s, nil
}

// run serves the session until it ends, and gives back what it holds.
func (s *session) run() error {
	c := s.client
	s.logger.Info("client session established", "obj", "tunnels.session", "server", c.config.ServerAddr)
	c.setSession(s)
	var others sync.WaitGroup
	others.Go(s.keepAlive)
	others.Go(func() {
		if err := s.askAll(); err != nil {
			s.cancel(err)
		}
	})
	stop := context.AfterFunc(s.ctx, func() { s.link.SetReadDeadline(time.Unix(1, 0)) })
	err := s.read()
	stop()
	if cause := context.Cause(s.ctx); cause != nil {
		err = cause
	}
	s.cancel(err)
	c.endSession(s)
	if c.stopping() {
		s.goodbye()
	}
	s.end(err)
	others.Wait()
	s.link.Close()
	return err
}

// read acts on the server's messages until the session ends.
func (s *session) read() error {
	for {
		m, err := s.link.ReadMessage(msg.MaxAfterAuth)
		var unknown *msg.UnknownTypeError
		if errors.As(err, &unknown) {
			s.logger.Debug("ignoring a message of unknown type", "type", unknown.Type)
			continue
		}
		if err != nil {
			return fmt.Errorf("the session was cut: %w", err)
		}
		switch m := m.(type) {
		case *msg.ReqProxy:
			if !s.isDraining() { // it could not be reached any more
				s.openProxy(order{until: time.Now().Add(proxyTime)})
			}
		case *msg.NewTunnel:
			s.answered(m)
		case *msg.Ping:
			s.send(&msg.Pong{})
		case *msg.Pong:
			s.ponged()
		case *msg.CloseTunnel:
			s.client.lost(m)
		case *msg.Drain:
			s.drain()
		}
	}
}

// send writes a message; when that fails the session ends.
func (s *session) send(m msg.Message) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.link.SetWriteDeadline(time.Now().Add(controlWrite))
	if err := s.link.WriteMessages(m); err != nil {
		s.cancel(fmt.Errorf("write to the server: %w", err))
	}
}

// keepAlive sends pings and ends the session when one is not answered. After the
// machine has slept it does not wait for the usual time.
func (s *session) keepAlive() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	timeout := pongTimeout
	if s.drains {
		timeout = ownPongTimeout
	}
	last, lastPing := time.Now(), time.Now()
	lastWall := s.client.wall()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		wall := s.client.wall()
		slept := wall.Sub(lastWall)-now.Sub(last) > clockGap
		last, lastWall = now, wall
		switch {
		case s.overdue(now):
			s.giveUpAfter(silentGrace)
			s.cancel(errPong)
			return
		case slept:
			s.ping(now, wakePongTimeout)
			lastPing = now
		case now.Sub(lastPing) >= pingEvery:
			s.ping(now, timeout)
			lastPing = now
		}
	}
}

func (s *session) ping(now time.Time, timeout time.Duration) {
	s.mu.Lock()
	if until := now.Add(timeout); s.pong.IsZero() || until.Before(s.pong) {
		s.pong = until
	}
	s.mu.Unlock()
	s.send(&msg.Ping{})
}

func (s *session) ponged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pong = time.Time{}
}

func (s *session) overdue(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.pong.IsZero() && now.After(s.pong)
}

// end tells those who wait for tunnels, and limits the time of idle proxy connections.
func (s *session) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.until = time.Now().Add(idleAfter)
	if s.client.stopping() {
		s.until = time.Now().Add(farewell)
	}
	for id, p := range s.pending {
		p.done <- err
		delete(s.pending, id)
	}
	for link := range s.idle {
		link.SetReadDeadline(s.until)
	}
}

func (c *Client) setSession(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = s
}

func randomID() string {
	b := make([]byte, 8)
	rand.Read(b)
	return hex.EncodeToString(b)
}
