package server

import (
	"errors"
	"log/slog"
	"net"
	"time"

	"ngrok/conn"
	"ngrok/msg"
)

// tcpVisit is one visitor of a tcp or tls tunnel.
type tcpVisit struct {
	join conn.Join
}

// acceptTCP takes a visitor of a port.
func (s *Server) acceptTCP(p *tcpPort, nc net.Conn) {
	if s.sheds("tcp", nc) {
		return
	}
	leg := conn.NewConn(nc)
	from := s.originOf(nc)
	fl := s.flows.add(leg)
	if fl == nil {
		leg.Reset()
		return
	}
	if !s.admit(fl, from) {
		s.leave(fl)
		leg.Reset()
		return
	}
	s.serving.Go(func() {
		defer s.leave(fl)
		from, err := s.readProxyHeader(fl, from, true)
		if err != nil {
			s.logger.Debug("visitor turned away", "addr", nc.RemoteAddr(), "err", err)
			leg.Release()
			leg.Reset()
			return
		}
		s.serveRaw("tcp", leg, from, func() (*tunnel, *absence) {
			if t := p.tunnel.Load(); t != nil {
				return t, nil
			}
			a := s.registry.awayPort(p)
			return p.tunnel.Load(), a // it may have come back between the two looks
		})
	})
}

// serveRaw carries a visitor of a tcp or tls tunnel, whose bytes nobody looks at. It owns
// the connection and closes it. find returns the tunnel, or its absence, or neither.
func (s *Server) serveRaw(protocol string, leg *conn.Conn, from origin, find func() (*tunnel, *absence)) {
	defer s.metrics.visit(protocol)()
	var st stay
	defer st.done()
	for {
		t, a := find()
		switch {
		case t != nil:
			if !errors.Is(s.carryRaw(t, leg, from, &st), errPoolClosed) {
				return
			}
		case a == nil || s.wait(&st, a, 0) != nil:
			leg.Release()
			leg.Reset()
			return
		}
	}
}

// carryRaw joins the visitor with the tunnel, and ends its connection unless the error
// is errPoolClosed: then the tunnel's client has gone before it heard of the visitor.
func (s *Server) carryRaw(t *tunnel, leg *conn.Conn, from origin, st *stay) error {
	c := t.control
	if !t.options.allows(from.addr.Addr()) {
		c.logger.Debug("visitor's address is not let in", "url", t.url, "addr", from.addr)
		leg.Release()
		leg.Reset()
		return nil
	}
	if err := s.policies.Current().TakeConnection(c.identity, c.account); err != nil {
		c.turnedAway(slog.LevelWarn, t.url, err)
		leg.Release()
		leg.Reset()
		return err
	}
	defer c.account.RemoveConnection()
	v := &tcpVisit{join: conn.Join{Outer: leg, CloseFollows: true}}
	bytes := s.metrics.bytes[t.protocol]
	v.join.Sent = func(p []byte) { bytes.in.Inc(int64(len(p))); c.account.Up.Wait(s.running, len(p)) }
	v.join.Received = func(p []byte) { bytes.out.Inc(int64(len(p))); c.account.Down.Wait(s.running, len(p)) }

	leg.TryFill()
	c.account.Up.Wait(s.running, len(leg.Buffered()))
	u, err := s.startUse(t, s.startProxy(t, from, nil), leg.Buffered(), v, func(stream *conn.Stream) { v.join.Stream = stream }, st)
	if errors.Is(err, errPoolClosed) {
		return err
	}
	if err != nil {
		c.turnedAway(slog.LevelInfo, t.url, err)
		leg.Release()
		leg.Reset()
		return err
	}
	bytes.in.Inc(int64(len(leg.Buffered())))
	leg.Consume(len(leg.Buffered()))
	v.join.ToStream()
	<-u.done
	leg.Close()
	return nil
}

func (v *tcpVisit) fromStream(*use) error { return v.join.FromStream() }

func (v *tcpVisit) cut() { v.join.Outer.Reset() }

// startUse takes a proxy connection of t's pool for a visitor and begins to use it
// with the visitor's first bytes; another one when the first turns out dead before
// it was sent anything. prepare is called with the stream before run can be. The error
// is errPoolClosed when the tunnel's client has gone.
func (s *Server) startUse(t *tunnel, start *msg.StartProxy, first []byte, v visitor, prepare func(*conn.Stream), st *stay) (*use, error) {
	deadline := time.Now().Add(takeTimeout)
	for {
		pc, err := t.control.pool.take(s.running, st)
		if err != nil {
			return nil, err
		}
		u, again, err := pc.begin(v, start, first, prepare)
		if err == nil {
			if l := t.control.logger; l.Enabled(s.running, slog.LevelDebug) { // no cost otherwise
				l.Debug("visitor connected", "url", t.url, "addr", start.ClientAddr)
			}
			return u, nil
		}
		if !again || time.Now().After(deadline) {
			return nil, err
		}
	}
}
