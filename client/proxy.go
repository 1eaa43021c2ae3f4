package client

import (
	"context"
	"errors"
	"io"
	"time"

	"ngrok/conn"
	"ngrok/msg"
)

const (
	// proxyTime is for how long a proxy connection is tried to be opened that the server
	// asked for: then the server counts it as lost, and asks anew if it needs one.
	proxyTime = 10 * time.Second

	// Between two tries: doubled each time, less up to half of it at random. The server
	// may be without descriptors, and all its clients with the same idea.
	proxyPauseMin = 100 * time.Millisecond
	proxyPauseMax = 2 * time.Second

	// proxiesOpening is how many may be under way at a time.
	proxiesOpening = 4096
)

// order is a ReqProxy, as long as the server waits for what it brings.
type order struct {
	until time.Time
	pause time.Duration // before the next try; 0 before the first one
}

// openProxy opens a proxy connection that the server has asked for, and serves it in a
// goroutine of its own. What a server asks for beyond reason is ignored.
func (s *session) openProxy(o order) {
	if s.opening.Add(1) > proxiesOpening {
		s.opening.Add(-1)
		return
	}
	s.client.proxies.Go(func() {
		link := s.dialProxy(&o)
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
			if broken := s.serveProxy(link); broken {
				// The server may not have read whose it is, and then it does not know
				// that what it has asked for will not come.
				s.openProxy(o)
			}
		})
	})
}

// dialProxy returns a proxy connection that is registered for this session, or nil when
// the session has ended or the server does not wait for it any more.
func (s *session) dialProxy(o *order) *conn.Link {
	for s.await(o) {
		select {
		case s.dials <- struct{}{}:
		case <-s.ctx.Done():
			return nil
		}
		link, err := s.client.dialWithin(s.ctx, connectTimeout)
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
		s.logger.Debug("cannot open a proxy connection", "err", err)
	}
	return nil
}

// await waits until it is time for the next try, and reports false when there is none.
func (s *session) await(o *order) bool {
	pause := jittered(o.pause)
	o.pause = min(max(proxyPauseMin, 2*o.pause), proxyPauseMax)
	if pause == 0 {
		return true
	}
	if time.Now().Add(pause).After(o.until) {
		return false
	}
	select {
	case <-time.After(pause):
		return !s.isDraining()
	case <-s.ctx.Done():
		return false
	}
}

// serveProxy carries one visitor after another until the connection or the session
// ends, or a single one when the connection serves once. It owns the link. broken says
// that the link was cut before there was any visitor.
func (s *session) serveProxy(link *conn.Link) (broken bool) {
	defer link.Close()
	defer s.forgetLink(link)
	for used := false; ; used = true {
		if !s.setIdle(link) {
			link.Reset() // as below
			return false
		}
		m, err := link.ReadMessage(msg.MaxAfterAuth)
		s.setBusy(link)
		start, ok := m.(*msg.StartProxy)
		if err != nil || !ok {
			// The server may have sent a visitor at this moment. Without reuse, an
			// orderly end would be taken for the end of what the service says.
			link.Reset()
			return err != nil && !errors.Is(err, io.EOF) && !used && s.ctx.Err() == nil
		}
		stream := link.NewStream(start.Reuse && s.reuse, nil)
		s.client.carry(s.running, start, stream, s.enforces)
		if !stream.Over() {
			link.Reset()
			return false
		}
		if !start.Reuse || !s.reuse {
			return false
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
