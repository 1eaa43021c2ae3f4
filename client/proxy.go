package client

import (
	"context"
	"time"

	"ngrok/conn"
	"ngrok/msg"
)

const (
	// proxyTries is how often a proxy connection is dialled that the server asked
	// for, proxyPause the time between.
	proxyTries = 3
	proxyPause = 500 * time.Millisecond

	// proxiesOpening is how many may be under way at a time.
	proxiesOpening = 4096
)

// openProxy opens a proxy connection that the server has asked for, and serves it in a
// goroutine of its own. What a server asks for beyond reason is ignored.
func (s *session) openProxy() {
	if s.opening.Add(1) > proxiesOpening {
		s.opening.Add(-1)
		return
	}
	s.client.proxies.Go(func() {
		link := s.dialProxy()
		s.opening.Add(-1)
		if link == nil {
			return
		}
		// The handshake has made this goroutine's stack large; the connection goes on
		// for long in one with a small stack.
		s.client.proxies.Go(func() {
			stop := context.AfterFunc(s.running, link.Reset)
			defer stop()
			defer context.AfterFunc(s.ending, s.shorten)()
			s.serveProxy(link)
		})
	})
}

// dialProxy returns a proxy connection that is registered for this session, or nil when
// the session has ended or the server cannot be reached.
func (s *session) dialProxy() *conn.Link {
	for try := range proxyTries {
		select {
		case s.dials <- struct{}{}:
		case <-s.ctx.Done():
			return nil
		}
		link, err := s.client.dial(s.ctx)
		<-s.dials
		if err == nil {
			reg := &msg.RegProxy{ClientId: s.id}
			if s.reuse {
				reg.Features = []string{msg.FeatureReuse}
			}
			link.SetWriteDeadline(time.Now().Add(controlWrite))
			if err = link.WriteMessages(reg); err == nil {
				link.SetWriteDeadline(time.Time{})
				return link
			}
			link.Reset()
		}
		s.logger.Debug("cannot open a proxy connection", "try", try+1, "err", err)
		select {
		case <-time.After(proxyPause):
		case <-s.ctx.Done():
			return nil
		}
	}
	return nil
}

// serveProxy carries one visitor after another until the connection or the session
// ends, or a single one when the connection serves once. It owns the link.
func (s *session) serveProxy(link *conn.Link) {
	defer link.Close()
	defer s.forgetLink(link)
	for {
		if !s.setIdle(link) {
			link.Reset() // as below
			return
		}
		m, err := link.ReadMessage(msg.MaxAfterAuth)
		s.setBusy(link)
		start, ok := m.(*msg.StartProxy)
		if err != nil || !ok {
			// The server may have sent a visitor at this moment. Without reuse, an
			// orderly end would be taken for the end of what the service says.
			link.Reset()
			return
		}
		stream := link.NewStream(start.Reuse && s.reuse, nil)
		s.client.carry(s.running, start, stream, s.enforces)
		if !stream.Over() {
			link.Reset()
			return
		}
		if !start.Reuse || !s.reuse {
			return
		}
	}
}

// setIdle notes that link is between two visitors, and reports false when there will be
// no next one. After the end of the session the server may not have noticed, or may
// have sent a visitor just before: it is the server that closes idle connections.
func (s *session) setIdle(link *conn.Link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links[link] = struct{}{}
	s.idle[link] = struct{}{}
	if s.ended {
		link.SetReadDeadline(s.until)
		return time.Now().Before(s.until)
	}
	return true
}

// setBusy notes that link carries a visitor.
func (s *session) setBusy(link *conn.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.idle, link)
	if s.ended {
		link.SetReadDeadline(time.Time{})
	}
}

// shorten limits the time of the idle connections of a session that ended before its
// client does.
func (s *session) shorten() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until := time.Now().Add(farewell); s.ended && s.until.After(until) {
		s.until = until
		for link := range s.idle {
			link.SetReadDeadline(until)
		}
	}
}

func (s *session) forgetLink(link *conn.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, link)
	delete(s.idle, link)
}
