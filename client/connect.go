package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"syscall"
	"time"

	"ngrok/conn"
	"ngrok/msg"
)

const (
	// dialTimeout is how long it may take to reach the server, TLS included, and how
	// long the server may take to answer Auth.
	dialTimeout = 10 * time.Second

	// connectTimeout is how long TCP may take to reach a server that was reached
	// before: on a path that was dead, a new attempt is sooner there than an old one.
	connectTimeout = 3 * time.Second
)

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
		return nil, fmt.Errorf("reach the server %s: %w%s", c.config.ServerAddr, err, advice(err))
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

// advice says what to look at when the server can't be reached.
func advice(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return ": see whether ngrokd runs, and whether server_addr names its tunnel port"
	case errors.As(err, &dns) && dns.IsNotFound:
		return ": see whether server_addr names the host rightly"
	}
	return ""
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
	if errors.Is(err, msg.ErrHTTP) {
		return nil, fmt.Errorf("%w: server_addr (-server-addr) has to name the server's tunnel port, which is 4443 unless its operator has chosen another", err)
	}
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
