package server

import (
	"errors"
	"log/slog"
	"net"
	"time"

	"ngrok/conn"
	"ngrok/msg"
	"ngrok/server/limit"
)

// tcpVisit is one visitor of a TCP tunnel.
type tcpVisit struct {
	join conn.Join
}

// acceptTCP takes a visitor of a port.
func (s *Server) acceptTCP(p *tcpPort, nc net.Conn) {
	leg := conn.NewConn(nc)
	if !s.admitVisitor(nc.RemoteAddr()) {
		leg.Reset()
		return
	}
	fl := s.flows.add(leg)
	if fl == nil {
		leg.Reset()
		return
	}
	s.serving.Go(func() {
		defer s.flows.remove(fl)
		s.serveTCP(p, leg)
	})
}

// serveTCP owns the visitor's connection and closes it.
func (s *Server) serveTCP(p *tcpPort, leg *conn.Conn) {
	defer s.metrics.visit("tcp")()
	var st stay
	defer st.done()
	for {
		var a *absence
		t := p.tunnel.Load()
		if t == nil {
			a = s.registry.awayPort(p)
		}
		switch {
		case t != nil:
			if !errors.Is(s.carryTCP(t, leg, &st), errPoolClosed) {
				return
			}
		case a == nil && p.tunnel.Load() != nil: // it came back between the two looks
		case a == nil || s.wait(&st, a, 0) != nil:
			leg.Reset()
			return
		}
	}
}

// carryTCP joins the visitor with the tunnel, and ends its connection unless the error
// is errPoolClosed: then the tunnel's client has gone before it heard of the visitor.
func (s *Server) carryTCP(t *tunnel, leg *conn.Conn, st *stay) error {
	c := t.control
	if err := s.policies.Current().TakeConnection(c.identity, c.account); err != nil {
		c.logger.Warn("visitor turned away", "url", t.url, "why", err)
		leg.Reset()
		return err
	}
	defer c.account.RemoveConnection()
	v := &tcpVisit{join: conn.Join{Outer: leg}}
	bytes := s.metrics.bytes["tcp"]
	v.join.Sent = func(p []byte) { bytes.in.Inc(int64(len(p))); c.account.Up.Wait(s.running, len(p)) }
	v.join.Received = func(p []byte) { bytes.out.Inc(int64(len(p))); c.account.Down.Wait(s.running, len(p)) }

	leg.TryFill()
	u, err := s.startUse(t, leg.RemoteAddr(), leg.Buffered(), v, func(stream *conn.Stream) { v.join.Stream = stream }, st)
	if errors.Is(err, errPoolClosed) {
		return err
	}
	if err != nil {
		c.logger.Info("visitor turned away", "url", t.url, "why", err)
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
func (s *Server) startUse(t *tunnel, remote net.Addr, first []byte, v visitor, prepare func(*conn.Stream), st *stay) (*use, error) {
	start := &msg.StartProxy{Url: t.url, ClientAddr: remote.String()}
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

// admitVisitor reports whether a visitor's address may make one more connection now.
func (s *Server) admitVisitor(a net.Addr) bool {
	l := s.policies.Current().Limits()
	return s.visitors.Allow(limit.AddrOf(a), l.VisitorRate, l.VisitorBurst)
}
