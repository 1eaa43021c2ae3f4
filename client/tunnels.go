package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ngrok/msg"
)

// tunnelRecord is a tunnel that the client wants, and what the server has granted.
type tunnelRecord struct {
	tunnel Tunnel

	// Guarded by Client.mu.
	granted []grant  // kept while there is no session
	session *session // that granted them
	lost    bool     // the server took one back for somebody else
}

// grant is one public URL.
type grant struct {
	url      string
	protocol string
	heads    *headRules // http and https: changes of heads; nil for none
	metrics  *flowMetrics
}

// addTunnel takes t among the tunnels that each session asks for.
func (c *Client) addTunnel(t Tunnel) (*tunnelRecord, error) {
	if t.Name == "" || len(t.Local) == 0 {
		return nil, errors.New("a tunnel needs a name and the address of a private service")
	}
	if err := t.Validate(); err != nil {
		return nil, fmt.Errorf("tunnel %s: %w", t.Name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.tunnels {
		if r.tunnel.Name == t.Name {
			return nil, fmt.Errorf("tunnel %s: %w", t.Name, ErrTunnelExists)
		}
		if clash := t.Clash(&r.tunnel); clash != nil {
			return nil, clash
		}
	}
	r := &tunnelRecord{tunnel: t}
	c.tunnels = append(c.tunnels, r)
	return r, nil
}

// dropTunnel forgets r.
func (c *Client) dropTunnel(r *tunnelRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tunnels = slices.DeleteFunc(c.tunnels, func(other *tunnelRecord) bool { return other == r })
	for _, g := range r.granted {
		g.metrics.stop()
	}
	r.granted = nil
	c.changedLocked()
}

// Open asks for one more tunnel and waits for the answer. The tunnel is asked for again
// in each later session. The error is a *TunnelError when the server refuses, a
// *ClashError, ErrNoSession or ErrTunnelExists.
func (c *Client) Open(ctx context.Context, t Tunnel) ([]TunnelState, error) {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s == nil {
		return nil, ErrNoSession
	}
	r, err := c.addTunnel(t)
	if err != nil {
		return nil, err
	}
	if err := s.ask(ctx, r); err != nil {
		c.dropTunnel(r)
		return nil, err
	}
	var states []TunnelState
	for _, st := range c.State().Tunnels {
		if st.Name == t.Name {
			states = append(states, st)
		}
	}
	return states, nil
}

// CloseTunnel gives the tunnel of that name up. A server that cannot be told keeps its
// URL until the session ends; its visitors are turned away. The error is ErrNoTunnel.
func (c *Client) CloseTunnel(name string) error {
	c.mu.Lock()
	i := slices.IndexFunc(c.tunnels, func(r *tunnelRecord) bool { return r.tunnel.Name == name })
	if i < 0 {
		c.mu.Unlock()
		return fmt.Errorf("tunnel %s: %w", name, ErrNoTunnel)
	}
	r, s := c.tunnels[i], c.session
	granted := append([]grant(nil), r.granted...)
	c.mu.Unlock()
	c.dropTunnel(r)
	if s != nil && s.closes {
		for _, g := range granted {
			s.send(&msg.CloseTunnel{Url: g.url})
		}
	}
	return nil
}

// request returns the message that asks for r: for the names that it had before, where
// it had some.
func (r *tunnelRecord) request(id string, had []grant) *msg.ReqTunnel {
	t := r.tunnel
	m := &msg.ReqTunnel{
		ReqId:      id,
		Protocol:   strings.Join(slices.Sorted(maps.Keys(t.Local)), "+"),
		Hostname:   t.Hostname,
		Subdomain:  t.Subdomain,
		HttpAuth:   t.HTTPAuth,
		RemotePort: t.RemotePort,
		Options:    t.enforced(),
	}
	if t.Hostname != "" {
		m.Subdomain = ""
	}
	if len(had) == 0 {
		return m
	}
	u, err := url.Parse(had[0].url)
	if err != nil {
		return m
	}
	switch {
	case had[0].protocol == "tcp":
		if port, err := strconv.ParseUint(u.Port(), 10, 16); err == nil && m.RemotePort == 0 {
			m.RemotePort = uint16(port)
		}
	case m.Hostname == "" && m.Subdomain == "":
		m.Hostname = u.Hostname()
	}
	return m
}

// find returns the tunnel that visitors reach under a granted URL.
func (c *Client) find(publicURL string) (Tunnel, grant, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.tunnels {
		for _, g := range r.granted {
			if g.url == publicURL {
				return r.tunnel, g, true
			}
		}
	}
	return Tunnel{}, grant{}, false
}

// unnamed reports whether the server chooses the names of t.
func (t *Tunnel) unnamed() bool {
	return t.Hostname == "" && t.Subdomain == "" && t.RemotePort == 0
}

func (c *Client) grants(r *tunnelRecord) []grant {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]grant(nil), r.granted...)
}

// setGranted notes what the server has granted, and keeps the counts of URLs that were
// there before.
func (c *Client) setGranted(s *session, r *tunnelRecord, granted []grant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.session = s
	for i := range granted {
		if isWeb(granted[i].protocol) {
			granted[i].heads, _ = newHeadRules(&r.tunnel, granted[i]) // was valid when it was added
		}
		for j, old := range r.granted {
			if old.url == granted[i].url && old.metrics != nil {
				granted[i].metrics = old.metrics
				r.granted[j].metrics = nil
			}
		}
		if granted[i].metrics == nil {
			granted[i].metrics = newFlowMetrics()
		}
	}
	for _, old := range r.granted {
		if old.metrics != nil {
			old.metrics.stop()
		}
	}
	r.granted = granted
	c.changedLocked()
}
