package client

import (
	"context"
	"time"
)

// findPatience is how long a visitor waits for the answer that grants its tunnel: that
// comes on another connection than the visitor, who may have waited for it.
const findPatience = 5 * time.Second

// findSoon is find that waits while the tunnel may be one whose answer is under way.
func (c *Client) findSoon(ctx context.Context, publicURL string) (Tunnel, grant, bool) {
	if t, g, ok := c.find(publicURL); ok || !c.awaitsAnswers() {
		return t, g, ok
	}
	changed, cancel := c.Subscribe()
	defer cancel()
	timeout := time.NewTimer(findPatience)
	defer timeout.Stop()
	for {
		t, g, ok := c.find(publicURL)
		if ok || !c.awaitsAnswers() {
			return t, g, ok
		}
		select {
		case <-changed:
		case <-timeout.C:
			return c.find(publicURL)
		case <-ctx.Done():
			return t, g, false
		}
	}
}

// awaitsAnswers reports whether a tunnel has not been granted by this session yet.
func (c *Client) awaitsAnswers() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.tunnels {
		if !r.lost && (c.session == nil || r.session != c.session) {
			return true
		}
	}
	return false
}
