package server

import (
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
	t := p.tunnel.Load()
	from := s.originOf(nc)
	if t == nil || !s.admit(from) {
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
		from, err := s.readProxyHeader(from, leg, true)
		if err != nil {
			s.logger.Debug("visitor turned away", "addr", nc.RemoteAddr(), "err", err)
			leg.Release()
			leg.Reset()
			return
		}
		s.serveRaw(t, leg, from)
	})
}

// serveRaw carries a visitor of a tcp or tls tunnel, whose bytes nobody looks at. It owns
// the connection and closes it.
func (s *Server) serveRaw(t *tunnel, leg *conn.Conn, from origin) {
	defer s.metrics.visit(t.protocol)()
	c := t.control
	if !t.options.allows(from.addr.Addr()) {
		c.logger.Debug("visitor's address is not let in", "url", t.url, "addr", from.addr)
		leg.Release()
		leg.Reset()
		return
	}
	if err := s.policies.Current().TakeConnection(c.identity, c.account); err != nil {
		c.logger.Warn("visitor turned away", "url", t.url, "why", err)
		leg.Release()
		leg.Reset()
		return
	}
	defer c.account.RemoveConnection()
	v := &tcpVisit{join: conn.Join{Outer: leg, CloseFollows: true}}
	bytes := s.metrics.bytes[t.protocol]
	v.join.Sent = func(p []byte) { bytes.in.Inc(int64(len(p))); c.account.Up.Wait(s.running, len(p)) }
	v.join.Received = func(p []byte) { bytes.out.Inc(int64(len(p))); c.account.Down.Wait(s.running, len(p)) }

	leg.TryFill()
	u, err := s.startUse(t, s.startProxy(t, from, nil), leg.Buffered(), v, func(stream *conn.Stream) { v.join.Stream = stream })
	if err != nil {
		c.logger.Info("visitor turned away", "url", t.url, "why", err)
		leg.Release()
		leg.Reset()
		return
	}
	bytes.in.Inc(int64(len(leg.Buffered())))
	leg.Consume(len(leg.Buffered()))
	v.join.ToStream()
	<-u.done
	leg.Close()
}

func (v *tcpVisit) fromStream(*use) error { return v.join.FromStream() }

func (v *tcpVisit) cut() { v.join.Outer.Reset() }

// startUse takes a proxy connection of t's pool for a visitor and begins to use it
// with the visitor's first bytes; another one when the first turns out dead before
// it was sent anything. prepare is called with the stream before run can be.
func (s *Server) startUse(t *tunnel, start *msg.StartProxy, first []byte, v visitor, prepare func(*conn.Stream)) (*use, error) {
	deadline := time.Now().Add(takeTimeout)
	for {
		pc, err := t.control.pool.take(s.running)
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
