package server

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"ngrok/conn"
	"ngrok/msg"
	"ngrok/server/auth"
	"ngrok/server/limit"
)

// Of the clients of one address that are refused, refusalBurst at once and refusalRate a
// second are worth a line in the log: nobody else's shall be lost among them.
const (
	refusalRate  = 0.1
	refusalBurst = 20
)

// sessionPatience is for how long a client waits for its session to begin, one of many of
// its user. Clients give up after 10 s.
const sessionPatience = 5 * time.Second

// addressHolder begins the holder of what clients without a token have that share an
// address.
const addressHolder = "addr:"

// acceptTunnel takes a connection on the tunnel port: of a client's session, or a proxy
// connection of one.
func (s *Server) acceptTunnel(nc net.Conn) {
	addr := limit.AddrOf(nc.RemoteAddr())
	l := s.policies.Current().Limits()
	total := l.Unauthenticated
	if s.known.Has(addr, time.Now()) {
		total = 0 // strangers fill it; who is served here already needs its proxy connections
	}
	if err := s.gate.Enter(addr, l.UnauthenticatedPerAddress, total); err != nil {
		s.logger.Debug("connection turned away", "addr", nc.RemoteAddr(), "why", err)
		conn.NewConn(nc).Reset()
		return
	}
	c := conn.ServerTLS(nc, s.tunnelTLS)
	fl := s.peers.add(c)
	if fl == nil {
		s.gate.Leave(addr)
		c.Reset()
		return
	}
	s.serving.Go(func() {
		conn.GrowStackForHandshake()
		m, err := s.firstMessage(c, l)
		s.gate.Leave(addr)
		if err != nil {
			s.logger.Debug("connection failed before it said who it is", "addr", nc.RemoteAddr(), "err", err)
			c.Release()
			c.Reset()
			s.peers.remove(fl)
			return
		}
		// The handshake has made this goroutine's stack large; the connection goes on
		// for long in one with a small stack.
		s.serving.Go(func() {
			defer s.peers.remove(fl)
			s.servePeer(conn.NewLink(c), m)
		})
	})
}

// servePeer serves a connection for what its first message says it is.
func (s *Server) servePeer(link *conn.Link, m msg.Message) {
	switch m := m.(type) {
	case *msg.Auth:
		s.serveControl(link, m)
	case *msg.RegProxy:
		s.serveProxy(link, m)
	default:
		s.logger.Debug("connection began with a message out of place", "addr", link.RemoteAddr(), "type", fmt.Sprintf("%T", m))
		link.Close()
	}
}

// firstMessage makes the handshake and reads what the peer wants to be.
func (s *Server) firstMessage(c *conn.Conn, l limit.Limits) (msg.Message, error) {
	c.SetReadDeadline(time.Now().Add(l.Handshake))
	c.SetWriteDeadline(time.Now().Add(l.Handshake))
	if err := c.TLS().Handshake(); err != nil {
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	s.tidy.Handshake()
	c.SetReadDeadline(time.Now().Add(l.FirstMessage))
	if s.peers.closing.Load() {
		return nil, errShuttingDown
	}
	m, err := conn.NewLink(c).ReadMessage(msg.MaxBeforeAuth)
	if err != nil {
		return nil, fmt.Errorf("first message: %w", err)
	}
	c.SetReadDeadline(time.Time{})
	c.SetWriteDeadline(time.Time{})
	return m, nil
}

// serveControl runs the session that a client asks for, until it ends.
func (s *Server) serveControl(link *conn.Link, m *msg.Auth) {
	c, err := s.newControl(link, m)
	if err != nil {
		level := slog.LevelInfo
		if !s.refusals.Allow(limit.AddrOf(link.RemoteAddr()), refusalRate, refusalBurst) {
			level = slog.LevelDebug
		}
		s.logger.Log(s.running, level, "client refused", "addr", link.RemoteAddr(), "why", err)
		link.SetWriteDeadline(time.Now().Add(controlWrite))
		link.WriteMessages(&msg.AuthResp{Version: msg.ProtocolVersion, MmVersion: s.config.Version, Error: err.Error()})
		link.Close()
		return
	}
	resp := &msg.AuthResp{Version: msg.ProtocolVersion, MmVersion: s.config.Version, ClientId: string(c.id)}
	if c.pool.reuse {
		resp.Features = append(resp.Features, msg.FeatureReuse)
	}
	if c.closes {
		resp.Features = append(resp.Features, msg.FeatureClose)
	}
	if slices.Contains(m.Features, msg.FeatureOptions) {
		resp.Features = append(resp.Features, msg.FeatureOptions)
	}
	if c.drains {
		resp.Features = append(resp.Features, msg.FeatureDrain)
	}
	if err := s.paceSession(c); err != nil {
		s.logger.Debug("client put off: its user begins too many sessions", "addr", link.RemoteAddr(), "who", c.identity.Name)
		c.release(false)
		link.Close()
		return
	}
	c.out.put(resp)
	if old := s.addControl(c); old != nil {
		old.cancel(errReplaced)
		old.release(true) // before the client asks for the same again
	}
	if s.accepting.Err() != nil {
		s.sendAway(c) // it came in at the last moment
	}
	s.metrics.controls.Inc(1)
	s.known.Note(limit.AddrOf(link.RemoteAddr()), time.Now())
	defer func() { s.known.Note(limit.AddrOf(link.RemoteAddr()), time.Now()) }()
	c.pool.sweep(time.Now()) // asks for the first proxy connection
	c.logger.Info("client online", "addr", link.RemoteAddr(), "who", c.identity.Name,
		"version", logText(m.MmVersion), "os", logText(m.OS), "arch", logText(m.Arch))
	err = c.run()
	s.removeControl(c)
	s.metrics.controls.Dec(1)
	c.logger.Info("client offline", "why", err)
}

// paceSession waits while the client's user begins sessions faster than it may. The error
// is not nil when that takes too long: a client that was given no answer comes back later.
func (s *Server) paceSession(c *control) error {
	ctx, cancel := context.WithTimeout(c.ctx, sessionPatience)
	defer cancel()
	return s.sessions.Wait(ctx, c.holder, s.policies.Current().Sessions(c.identity.Key))
}

func (s *Server) newControl(link *conn.Link, m *msg.Auth) (*control, error) {
	if m.Version != msg.ProtocolVersion {
		return nil, fmt.Errorf("this server speaks protocol version %s, you speak %q: use another version of ngrok", msg.ProtocolVersion, logText(m.Version))
	}
	policy := s.policies.Current()
	identity, err := policy.Authenticate(m.User, m.Password)
	if err != nil {
		return nil, err
	}
	id := sessionID(m.ClientId)
	if !s.key.valid(id, identity.Key) {
		id = s.key.issue(identity.Key)
	}
	holder := s.holderOf(identity, limit.AddrOf(link.RemoteAddr()))
	account := s.accounts.Open(holder)
	old := s.findControl(id)
	if err := policy.TakeSession(identity, account, old != nil && old.account == account); err != nil {
		account.Close()
		return nil, err
	}
	c := &control{
		server:   s,
		link:     link,
		logger:   s.logger.With("session", id.public()),
		id:       id,
		owner:    ownerOf(identity, id),
		holder:   cmp.Or(holder, ownerOf(identity, id)),
		identity: identity,
		account:  account,
		turned:   rate.Sometimes{Interval: time.Second},
		closes:   slices.Contains(m.Features, msg.FeatureClose),
		drains:   slices.Contains(m.Features, msg.FeatureDrain),
	}
	c.out = &outbox{send: c.send}
	policy.ApplyRate(identity, c.account)
	c.ctx, c.cancel = context.WithCancelCause(s.running)
	c.pool = newPool(slices.Contains(m.Features, msg.FeatureReuse) && !s.config.NoReuse, c.askProxies)
	return c, nil
}

// ownerOf returns what the session's names are held under.
func ownerOf(id *auth.Identity, session sessionID) string {
	if id.Nobody() {
		return sessionOwner + session.public()
	}
	return id.Key
}

// holderOf returns whose share a session is counted in: that of its identity, or that of
// its address when it was admitted without a token, since identities cost nothing to make
// then. Loopback and trusted proxies speak for many: there each identity counts by
// itself, and nobody ("") in each session anew.
func (s *Server) holderOf(id *auth.Identity, addr netip.Addr) string {
	if !id.Anonymous() || limit.Exempt(addr) || s.trusts(addr) {
		return id.Key
	}
	return addressHolder + limit.Source(addr).String()
}

// shares reports whether c's share is that of its address.
func (c *control) shares() bool { return strings.HasPrefix(c.holder, addressHolder) }

// serveProxy runs a proxy connection until it ends.
func (s *Server) serveProxy(link *conn.Link, m *msg.RegProxy) {
	c := s.findControl(sessionID(m.ClientId))
	if c == nil {
		s.logger.Debug("proxy connection of an unknown session", "addr", link.RemoteAddr())
		link.Close()
		return
	}
	s.known.Note(limit.AddrOf(link.RemoteAddr()), time.Now())
	reuse := c.pool.reuse && slices.Contains(m.Features, msg.FeatureReuse)
	c.serveProxy(link, reuse)
}

// addControl makes c the session of its id and returns the one that it replaces.
func (s *Server) addControl(c *control) (old *control) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.controls[c.id]
	s.controls[c.id] = c
	return old
}

// removeControl undoes addControl once the session has ended.
func (s *Server) removeControl(c *control) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.controls[c.id] == c {
		delete(s.controls, c.id)
	}
	if c.pool.busy() {
		s.ended = append(s.ended, c)
	}
}

// endedControls returns the sessions that have ended and whose visitors have not.
func (s *Server) endedControls() []*control {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = slices.DeleteFunc(s.ended, func(c *control) bool { return !c.pool.busy() })
	return slices.Clone(s.ended)
}

// findControl returns the session of that id. The whole id is the key, so that only
// who was given it finds the session.
func (s *Server) findControl(id sessionID) *control {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.controls[id]
}

func (s *Server) allControls() []*control {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*control, 0, len(s.controls))
	for _, c := range s.controls {
		all = append(all, c)
	}
	return all
}
