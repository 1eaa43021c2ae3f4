package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"ngrok/msg"
)

// askAll asks for the tunnels that the client wants, and goes on asking for those that
// were refused during a reconnect. It returns an error when the session ends, or when
// one is refused before the client was ever online.
func (s *session) askAll() error {
	c := s.client
	for {
		missing, wasOnline := s.missing()
		var refused error
		for _, r := range missing {
			if s.isDraining() {
				return nil // the session that takes this one's place asks
			}
			err := s.ask(s.ctx, r)
			switch {
			case s.ctx.Err() != nil:
				return context.Cause(s.ctx)
			case err != nil && !wasOnline:
				return err
			case err != nil:
				refused = err
				s.logger.Warn("tunnel not granted, asking again", "obj", "tunnels",
					"name", r.tunnel.Name, "err", err, "in", askAgain)
			}
		}
		if s.isDraining() {
			return nil
		}
		c.setStatus(Online, time.Time{}, refused)
		if refused == nil {
			s.logger.Info("tunnel session started", "obj", "tunnels.session")
			return nil
		}
		select {
		case <-time.After(askAgain):
		case <-s.drained:
			return nil
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
}

// missing returns the tunnels that this session has not been granted yet.
func (s *session) missing() (missing []*tunnelRecord, wasOnline bool) {
	c := s.client
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.tunnels {
		if r.session != s && !r.lost {
			missing = append(missing, r)
		}
	}
	return missing, c.wasOnline
}

// ask asks for r and waits for the answer. Names that the server chose before are asked
// for by name, and given up when somebody else has them now.
func (s *session) ask(ctx context.Context, r *tunnelRecord) error {
	if r.tunnel.enforced() != nil && !s.enforces {
		return unenforceable(&r.tunnel)
	}
	had := s.client.grants(r)
	err := s.askFor(ctx, r, had)
	var refused *TunnelError
	if len(had) > 0 && r.tunnel.unnamed() && errors.As(err, &refused) {
		err = s.askFor(ctx, r, nil)
	}
	return err
}

func (s *session) askFor(ctx context.Context, r *tunnelRecord, had []grant) error {
	p := &pendingTunnel{record: r, left: len(r.tunnel.Local), done: make(chan error, 1)}
	id := randomID()
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return ErrNoSession
	}
	s.pending[id] = p
	s.mu.Unlock()
	s.send(r.request(id, had))
	timeout := time.NewTimer(dialTimeout)
	defer timeout.Stop()
	select {
	case err := <-p.done:
		return err
	case <-timeout.C:
		if s.settle(id, p) {
			return nil // a plain version-2 server that lacks one of the protocols
		}
		return &TunnelError{Tunnel: r.tunnel.Name, Reason: "its answer did not come in time"}
	case <-ctx.Done():
		s.forget(id)
		return context.Cause(ctx)
	}
}

func (s *session) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, id)
}

// answered takes the answer for one protocol of a ReqTunnel. Without URL and error it
// says that the server does not offer this protocol, while it does offer another one.
func (s *session) answered(m *msg.NewTunnel) {
	s.mu.Lock()
	p := s.pending[m.ReqId]
	if p == nil {
		s.mu.Unlock()
		s.giveBack(m)
		return
	}
	p.left--
	if m.Url != "" && m.Error == "" {
		p.got = append(p.got, grant{url: m.Url, protocol: m.Protocol})
	}
	complete := p.left == 0 || m.Error != ""
	if complete {
		delete(s.pending, m.ReqId)
	}
	s.mu.Unlock()
	if !complete {
		return
	}
	if m.Error != "" || len(p.got) == 0 {
		t := &p.record.tunnel
		p.done <- &TunnelError{Tunnel: t.Name, Reason: s.client.reason(t, m.Error)}
		return
	}
	s.granted(p)
	p.done <- nil
}

// giveBack returns what was granted when nobody waited for it any more: a server that
// keeps it would refuse it to the tunnel that asks for it next.
func (s *session) giveBack(m *msg.NewTunnel) {
	if _, _, known := s.client.find(m.Url); known || m.Url == "" || m.Error != "" || !s.closes {
		return
	}
	s.logger.Debug("giving back what was granted too late", "obj", "tunnels", "url", m.Url)
	s.send(&msg.CloseTunnel{Url: m.Url})
}

// settle takes what has been granted so far for all that will be, and reports whether
// that is anything.
func (s *session) settle(id string, p *pendingTunnel) bool {
	s.mu.Lock()
	delete(s.pending, id)
	some := len(p.got) > 0
	s.mu.Unlock()
	if some {
		s.granted(p)
	}
	return some
}

func (s *session) granted(p *pendingTunnel) {
	r := p.record
	s.client.setGranted(s, r, p.got)
	for _, g := range p.got {
		s.logger.Info("started tunnel", "obj", "tunnels", "name", r.tunnel.Name,
			"addr", r.tunnel.Local[g.protocol], "url", g.url)
	}
}

// lost forgets a URL that the server has taken back.
func (c *Client) lost(m *msg.CloseTunnel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.tunnels {
		for i, g := range r.granted {
			if g.url != m.Url {
				continue
			}
			g.metrics.stop()
			r.granted = append(r.granted[:i:i], r.granted[i+1:]...)
			r.lost = true // asking again would take it from whoever has it now
			c.state.LastError = c.reason(&r.tunnel, m.Error)
			c.logger.Warn("tunnel taken over", "obj", "tunnels", "name", r.tunnel.Name, "url", m.Url, "err", c.state.LastError)
			c.changedLocked()
			return
		}
	}
}

func randomID() string {
	b := make([]byte, 8)
	rand.Read(b)
	return hex.EncodeToString(b)
}
