package client

import "time"

// State returns a snapshot of what views show.
func (c *Client) State() State {
	c.mu.Lock()
	s := c.state
	records := append([]*tunnelRecord(nil), c.tunnels...)
	var granted [][]grant
	for _, r := range records {
		granted = append(granted, append([]grant(nil), r.granted...))
	}
	c.mu.Unlock()
	for i, r := range records {
		for _, g := range granted[i] {
			s.Tunnels = append(s.Tunnels, TunnelState{
				Name:      r.tunnel.Name,
				PublicURL: g.url,
				Protocol:  g.protocol,
				LocalAddr: r.tunnel.Local[g.protocol],
				Inspect:   c.config.Tap != nil && g.protocol != "tcp" && !r.tunnel.NoInspect,
				Metrics:   g.metrics.snapshot(),
			})
		}
	}
	s.Metrics = c.metrics.total.snapshot()
	return s
}

// Subscribe returns a channel that receives when the state may have changed. It has one
// slot: who is slow misses changes, but never the last one. cancel ends the
// subscription.
func (c *Client) Subscribe() (changed <-chan struct{}, cancel func()) {
	ch := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscribers[ch] = struct{}{}
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.subscribers, ch)
	}
}

func (c *Client) changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changedLocked()
}

func (c *Client) changedLocked() {
	for ch := range c.subscribers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func (c *Client) setStatus(s Status, retryAt time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s != c.state.Status {
		c.state.Since = time.Now()
	}
	c.state.Status, c.state.RetryAt = s, retryAt
	c.state.LastError = ""
	if err != nil {
		c.state.LastError = err.Error()
	}
	if s == Online {
		c.wasOnline = true
	}
	c.changedLocked()
}
