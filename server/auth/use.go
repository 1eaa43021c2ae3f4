package auth

import (
	"strings"

	"ngrok/server/limit"
)

// Ports returns what id's TCP tunnels may use; a random port is one of them at random.
// It is empty when id is not valid any more, or may have no TCP tunnels.
func (p *Policy) Ports(id *Identity) Ports {
	t, err := p.token(id)
	switch {
	case err != nil:
		return Ports{}
	case t != nil && t.Ports != nil:
		return *t.Ports
	}
	return p.shared
}

// AllowPort returns nil when a TCP tunnel of id may use port, else a [*Refusal]. Port 0
// asks whether it may have any port.
func (p *Policy) AllowPort(id *Identity, port uint16) error {
	t, err := p.token(id)
	if err != nil {
		return err
	}
	ports := p.Ports(id)
	switch {
	case ports.Len() == 0:
		return refuse(RulePort, "tcp tunnels are not allowed here: use http, or ask the server's operator")
	case port == 0 || ports.Contains(port):
		return nil
	case t != nil && t.Ports != nil:
		return refuse(RulePort, "port %d is not allowed: your token allows %s; choose one of these, or ask for none to get one of them", port, ports)
	case p.tcpPorts.Contains(port):
		return refuse(RulePort, "port %d is reserved on this server: choose another, or ask for none to get a random one", port)
	}
	// It names the server's range, not what is left of it: that would show what
	// others have.
	return refuse(RulePort, "port %d is not allowed: this server allows %s; choose one of these, or ask for none to get a random one", port, p.tcpPorts)
}

// AddressPorts returns how many ports the clients without a token of one address may have
// together: a quarter of what tokens leave of the server's, at least one.
func (p *Policy) AddressPorts() int { return max(p.shared.Len()/4, 1) }

// AllowAnotherPort returns nil when clients without a token who share an address and have
// so many ports may have one more, else a [*Refusal].
func (p *Policy) AllowAnotherPort(held int) error {
	if maximum := p.AddressPorts(); held >= maximum {
		return refuse(RulePort, "all of the %d ports are in use that clients without a token may have from one address: close a tcp tunnel, or ask the server's operator for a token", maximum)
	}
	return nil
}

// TakeSession counts one more session of id on its account, or returns a [*Refusal] when it
// has as many as it may. With again it takes the place of one that is counted still. The
// caller gives it back with [limit.Account.RemoveSession].
func (p *Policy) TakeSession(id *Identity, a *limit.Account, again bool) error {
	if _, err := p.token(id); err != nil {
		return err
	}
	maximum := p.Sessions(id.Key)
	if again {
		maximum = 0
	}
	if !a.AddSession(maximum) {
		return refuse(RuleSessions, "all of your %d sessions are in use%s: stop an ngrok, or ask the server's operator for more", maximum, shared(id))
	}
	return nil
}

// shared tells a client without a token with whom it may share what it has.
func shared(id *Identity) string {
	if id.token {
		return ""
	}
	return " (clients without a token share those of their address)"
}

// Sessions returns how many sessions the identity with that key may have, 0 for no limit.
func (p *Policy) Sessions(key string) int {
	name, ok := strings.CutPrefix(key, keyToken)
	if t := p.byName[name]; ok && t != nil {
		return override(t.MaxSessions, p.limits.Sessions)
	}
	return p.limits.Sessions
}

// Tunnels returns how many tunnels the identity with that key may have, 0 for no limit.
func (p *Policy) Tunnels(key string) int {
	name, ok := strings.CutPrefix(key, keyToken)
	if t := p.byName[name]; ok && t != nil {
		return override(t.MaxTunnels, p.limits.Tunnels)
	}
	return p.limits.Tunnels
}

// TakeTunnel counts one more tunnel of id on its account, or returns a [*Refusal] when
// it has as many as it may. The caller gives it back with [limit.Account.RemoveTunnel].
func (p *Policy) TakeTunnel(id *Identity, a *limit.Account) error {
	if _, err := p.token(id); err != nil {
		return err
	}
	maximum := p.Tunnels(id.Key)
	if !a.AddTunnel(maximum) {
		return refuse(RuleTunnels, "all of your %d tunnels are in use%s: close one, or ask the server's operator for more", maximum, shared(id))
	}
	return nil
}

// TakeConnection counts one more public connection to a tunnel of id on its account, or
// returns a [*Refusal] when there are as many as may be. The caller gives it back with
// [limit.Account.RemoveConnection]. The text is for the tunnel's owner.
func (p *Policy) TakeConnection(id *Identity, a *limit.Account) error {
	t, err := p.token(id)
	if err != nil {
		return err
	}
	maximum := p.limits.Connections
	if t != nil {
		maximum = override(t.MaxConnections, maximum)
	}
	if !a.AddConnection(maximum) {
		return refuse(RuleConnections, "the tunnels of this user carry %d connections at a time and all are in use", maximum)
	}
	return nil
}

// ApplyRate sets the bandwidth of id's account to what the policy says. Call it when a
// session begins and after each change of policy.
func (p *Policy) ApplyRate(id *Identity, a *limit.Account) {
	t, err := p.token(id)
	if err != nil {
		return // its session is about to end
	}
	rate := p.limits.Rate
	if t != nil {
		rate = override(t.Rate, rate)
	}
	a.Up.SetRate(rate)
	a.Down.SetRate(rate)
}

// override returns what a token says in place of the limit of all: 0 says nothing,
// negative lifts it.
func override[T int | int64](token, all T) T {
	switch {
	case token == 0:
		return all
	case token < 0:
		return 0
	}
	return token
}
