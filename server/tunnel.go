package server

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"ngrok/conn/http1"
	"ngrok/msg"
	"ngrok/server/auth"
)

// tunnel is one public URL of a session. It does not change after it was granted.
type tunnel struct {
	control  *control
	url      string // as visitors write it
	protocol string // "http", "https", "tls" or "tcp"
	name     string // that it is held under: a host name, or "tcp:PORT"
	host     string // http, https and tls: as Request.Host shows it
	random   bool   // the name was chosen by the server

	options options

	port *tcpPort // tcp: where visitors arrive
	lost bool     // guarded by control.mu: a newer session has it, since before it was granted
}

// openTunnels grants what m asks for, all of it or nothing, and returns the answers.
func (s *Server) openTunnels(c *control, m *msg.ReqTunnel) []msg.Message {
	granted, err := s.grant(c, m)
	if err != nil {
		c.logger.Info("tunnel refused", "protocol", m.Protocol, "subdomain", m.Subdomain,
			"hostname", m.Hostname, "port", m.RemotePort, "why", err)
		return []msg.Message{&msg.NewTunnel{ReqId: m.ReqId, Protocol: m.Protocol, Error: err.Error()}}
	}
	var answers []msg.Message
	for _, t := range granted {
		c.logger.Info("tunnel opened", "url", t.url)
		s.metrics.tunnelOpened(t.protocol)
		answers = append(answers, &msg.NewTunnel{ReqId: m.ReqId, Url: t.url, Protocol: t.protocol})
	}
	if c.closes {
		// Our own client counts the answers: one for each protocol asked for.
		for range len(strings.Split(m.Protocol, "+")) - len(granted) {
			answers = append(answers, &msg.NewTunnel{ReqId: m.ReqId})
		}
	}
	return answers
}

func (s *Server) grant(c *control, m *msg.ReqTunnel) (granted []*tunnel, err error) {
	protocols, err := s.offered(m.Protocol)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			for _, t := range granted {
				c.closeTunnel(t.url)
			}
			granted = nil
		}
	}()
	if err := checkRedirect(m, protocols); err != nil {
		return nil, err
	}
	hostname := ""
	for _, protocol := range protocols {
		t := &tunnel{control: c, protocol: protocol}
		if t.options, err = newOptions(m, protocol); err != nil {
			return granted, err
		}
		full := s.policies.Current().TakeTunnel(c.identity, c.account)
		if full != nil && !s.takesOver(t, m, hostname) {
			return granted, full
		}
		if protocol == "tcp" {
			err = s.claimPort(t, m)
		} else {
			err = s.claimHost(t, m, hostname)
			hostname = t.host // the second protocol takes the name of the first
		}
		if err != nil {
			if full == nil {
				c.account.RemoveTunnel()
			}
			return granted, err
		}
		if full != nil { // the older session has made room
			if err := s.policies.Current().TakeTunnel(c.identity, c.account); err != nil {
				s.registry.letGo(t, false)
				return granted, err
			}
		}
		if !c.addTunnel(t) {
			s.registry.release(t, true)
			if c.ctx.Err() == nil {
				return granted, fmt.Errorf("another ngrok with the same token has asked for %s at the same moment, and has it now", display(t.name))
			}
			return granted, errPoolClosed
		}
		granted = append(granted, t)
	}
	return granted, nil
}

// takesOver reports whether t is to have a name that an older session of its owner has
// now; same is the name that it must have, if it is not empty.
func (s *Server) takesOver(t *tunnel, m *msg.ReqTunnel, same string) bool {
	name := same
	switch {
	case t.protocol == "tcp":
		name = portName(m.RemotePort)
	case name == "":
		name, _ = s.wantedHost(m)
	}
	return s.registry.owns(t.control.owner, name)
}

// offered returns the protocols of a request, each once, without those whose listener
// this server has not got.
func (s *Server) offered(names string) ([]string, error) {
	var protocols []string
	missing := ""
	seen := make(map[string]bool)
	for name := range strings.SplitSeq(names, "+") {
		if seen[name] {
			continue
		}
		seen[name] = true
		switch {
		case name == "http" && s.config.HTTPAddr == "", (name == "https" || name == "tls") && s.config.HTTPSAddr == "":
			missing = name
		case slices.Contains(allProtocols, name):
			protocols = append(protocols, name)
		default:
			return nil, fmt.Errorf("this server has no protocol %q: choose http, https, tls or tcp", name)
		}
	}
	if seen["https"] && seen["tls"] {
		return nil, errors.New("https and tls would share one name on one port: choose one of them")
	}
	if len(protocols) == 0 {
		return nil, fmt.Errorf("this server does not offer %s", missing)
	}
	return protocols, nil
}

// claimHost gives t a host name: same if it is not empty, else the one asked for, else
// a random one.
func (s *Server) claimHost(t *tunnel, m *msg.ReqTunnel, same string) error {
	wanted, err := s.wantedHost(m)
	if err != nil {
		return err
	}
	policy := s.policies.Current()
	switch {
	case same != "":
		t.random = wanted == ""
		err = s.holdHost(t, same)
	case wanted != "":
		allow := policy.AllowName
		if s.registry.memory.wasAssigned(wanted, t.control.owner) {
			t.random, allow = true, policy.AllowAssignedName
		}
		if err := allow(t.control.identity, wanted, s.domain); err != nil {
			return err
		}
		err = s.holdHost(t, wanted)
	default:
		t.random = true
		err = s.claimRandomHost(t, policy)
	}
	return err
}

// wantedHost returns the host name that m asks for, "" when it leaves the choice to
// the server.
func (s *Server) wantedHost(m *msg.ReqTunnel) (string, error) {
	wanted := m.Hostname
	if wanted == "" {
		if m.Subdomain == "" {
			return "", nil
		}
		if name, ok := strings.CutSuffix(strings.ToLower(m.Subdomain), "."+s.domain); ok {
			return "", fmt.Errorf("the server puts .%s behind the subdomain %q: ask for %s, or for the whole as a hostname", s.domain, m.Subdomain, name)
		}
		wanted = m.Subdomain + "." + s.domain
	}
	host, err := http1.CanonicalHost(strings.TrimSpace(wanted))
	if err != nil || host == "" {
		return "", fmt.Errorf("%q is no host name: use letters, digits and dashes", wanted)
	}
	return host, nil
}

func (s *Server) claimRandomHost(t *tunnel, policy *auth.Policy) error {
	for _, name := range s.registry.memory.randomNames(t.control.owner) {
		if strings.HasPrefix(name, tcpPrefix) || s.registry.held(name) ||
			policy.AllowAssignedName(t.control.identity, name, s.domain) != nil {
			continue
		}
		if s.holdHost(t, name) == nil {
			return nil
		}
	}
	return s.holdHost(t, randomLabel()+"."+s.domain)
}

func (s *Server) holdHost(t *tunnel, host string) error {
	t.host, t.name = host, host
	t.url = s.publicURL(t.protocol, host)
	if t.options.redirects {
		t.options.redirect = s.publicURL("https", host)
	}
	old, err := s.registry.holdHost(t)
	if old != nil {
		old.control.lose(old)
	}
	return err
}

// publicURL returns how visitors write the address of host. The port is left out when
// it is the scheme's own.
func (s *Server) publicURL(scheme, host string) string {
	port, usual := s.ports["https"], 443
	if scheme == "http" {
		port, usual = s.ports["http"], 80
	}
	if port == 0 || port == usual {
		return scheme + "://" + host
	}
	return scheme + "://" + net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port))
}
