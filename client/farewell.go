package client

import (
	"time"

	"ngrok/msg"
)

// ExpectReturn says that the client is about to be started again: when Run ends, the
// server is not told that the tunnels are closed, so that visitors wait for a while.
func (c *Client) ExpectReturn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.returns = true
}

// stopping reports whether Run's context has ended.
func (c *Client) stopping() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ends
}

// goodbye gives all tunnels up, so that nobody waits for them.
func (s *session) goodbye() {
	c := s.client
	c.mu.Lock()
	var urls []string
	if !c.returns && s.closes && !s.isDraining() {
		for _, r := range c.tunnels {
			if r.session != s {
				continue
			}
			for _, g := range r.granted {
				urls = append(urls, g.url)
			}
		}
	}
	c.mu.Unlock()
	s.writing.Lock()
	defer s.writing.Unlock()
	s.link.SetWriteDeadline(time.Now().Add(farewell))
	for _, url := range urls {
		if s.link.WriteMessages(&msg.CloseTunnel{Url: url}) != nil {
			return
		}
	}
}

// drain makes the client open another session while this one goes on.
func (s *session) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.draining {
		s.draining = true
		s.logger.Info("the server is about to restart, opening another session", "obj", "tunnels.session")
		close(s.drained)
	}
}

func (s *session) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// endSession forgets s, unless another session has taken its place.
func (c *Client) endSession(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == s {
		c.session = nil
	}
}

// giveUpAfter limits how long what was sent on any proxy connection may go without
// acknowledgement.
func (s *session) giveUpAfter(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for link := range s.links {
		link.GiveUpAfter(d)
	}
}
