package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"

	"ngrok/msg"
)

// randomPortTries is how many random ports are tried before the server gives up.
const randomPortTries = 100

// tcpPort is a public port that one owner holds. Its listener outlives a change of
// tunnel, so that a session that takes over loses no visitor.
type tcpPort struct {
	number uint16
	owner  string
	tunnel atomic.Pointer[tunnel]

	// Guarded by registry.mu.
	holder   string       // in whose share it is
	listener net.Listener // nil while it is being opened
	away     *absence     // while there is no tunnel
	losers   losers
}

// close closes the listener of a port that is in no registry any more.
func (p *tcpPort) close() {
	if p.listener != nil {
		p.listener.Close()
	}
}

// claimPort gives t the port that m asks for, or one that its owner had before, or a
// random one.
func (s *Server) claimPort(t *tunnel, m *msg.ReqTunnel) error {
	policy := s.policies.Current()
	if err := policy.AllowPort(t.control.identity, m.RemotePort); err != nil {
		return err
	}
	if t.control.shares() && !s.registry.owns(t.control.owner, portName(m.RemotePort)) {
		if err := policy.AllowAnotherPort(s.registry.portsOf(t.control.holder)); err != nil {
			return err
		}
	}
	if m.RemotePort != 0 {
		return s.holdPort(t, m.RemotePort)
	}
	t.random = true
	for _, name := range s.registry.memory.randomNames(t.control.owner) {
		port, ok := portOf(name)
		if !ok || s.registry.portHeld(port) || policy.AllowPort(t.control.identity, port) != nil {
			continue
		}
		if s.holdPort(t, port) == nil {
			return nil
		}
	}
	ports := policy.Ports(t.control.identity)
	for range randomPortTries {
		i, err := rand.Int(rand.Reader, big.NewInt(int64(ports.Len())))
		if err != nil {
			return err
		}
		port := ports.At(int(i.Int64()))
		if !s.registry.portHeld(port) && s.holdPort(t, port) == nil {
			return nil
		}
	}
	return errors.New("this server has no free port: ask whoever runs it")
}

func (s *Server) holdPort(t *tunnel, port uint16) error {
	t.name = portName(port)
	t.url = "tcp://" + net.JoinHostPort(s.domain, strconv.Itoa(int(port)))
	p, old, err := s.registry.holdPort(t, port)
	if old != nil {
		old.control.lose(old)
	}
	if err != nil {
		return err
	}
	if p != nil {
		// The port is this owner's; nobody else opens its listener meanwhile.
		if err := s.openPort(p); err != nil {
			t.port = nil
			return err
		}
	}
	s.registry.memory.note(t.name, t.protocol, t.control.owner, t.random)
	return nil
}

// openPort opens the listener of a port that was just put into the registry, or takes
// the port out again.
func (s *Server) openPort(p *tcpPort) error {
	name, port := portName(p.number), strconv.Itoa(int(p.number))
	l, err := s.listen(name, net.JoinHostPort(s.tcpHost, port))
	if err != nil {
		s.registry.dropPort(p)
		if errors.Is(err, syscall.EADDRINUSE) {
			return taken(name)
		}
		return fmt.Errorf("the server cannot open the port %s: choose another one", port)
	}
	if !s.registry.openPort(p, l) {
		l.Close()
		return errPoolClosed
	}
	s.acceptOn(l, func(nc net.Conn) { s.acceptTCP(p, nc) })
	return nil
}

// expectPort keeps a port, and its visitors, for an owner who had it when the server
// before this one ended.
func (s *Server) expectPort(port uint16, owner string) {
	p := s.registry.expectPort(port, owner)
	if p == nil {
		return
	}
	if err := s.openPort(p); err != nil {
		s.logger.Warn("cannot hold a port for its owner", "port", port, "err", err)
		s.registry.memory.left(portName(port), "tcp", owner, false)
	}
}

// holdPort gives t the port and returns the tunnel of the same owner that had to let
// go of it. A p that is not nil has no listener yet: the caller opens one.
func (r *registry) holdPort(t *tunnel, port uint16) (p *tcpPort, old *tunnel, err error) {
	owner := t.control.owner
	if err := r.leased(t.name, owner); err != nil {
		return nil, nil, err
	}
	var over []*absence
	r.mu.Lock()
	held := r.ports[port]
	switch {
	case held == nil:
		p = &tcpPort{number: port, owner: owner, holder: t.control.holder}
		p.tunnel.Store(t)
		t.port = p
		r.ports[port] = p
	case held.listener == nil:
		err = taken(t.name)
	case held.owner != owner:
		if err = r.occupiedLocked(t.name, slot{held.tunnel.Load(), held.away}); err == nil {
			over = r.endAwayLocked(&held.away)
			forfeit(over)
			held.owner, held.losers = owner, nil
		}
	default:
		if old := held.tunnel.Load(); old != nil {
			err = mayTakeOver(t, old, held.losers)
		}
	}
	if err != nil {
		r.mu.Unlock()
		return nil, nil, err
	}
	if held != nil {
		t.port, held.holder = held, t.control.holder
		if old = held.tunnel.Swap(t); old != nil {
			held.losers.add(old.control.id, t.control.id)
		}
		over = append(over, r.endAwayLocked(&held.away)...)
	}
	r.mu.Unlock()
	endAll(over)
	return p, old, nil
}

// expectPort puts a port without tunnel and listener into the registry, or returns nil.
func (r *registry) expectPort(port uint16, owner string) *tcpPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ports[port] != nil {
		return nil
	}
	p := &tcpPort{number: port, owner: owner, holder: owner}
	p.away, _ = r.newAbsenceLocked(&absence{name: portName(port), protocol: "tcp", owner: owner, holder: owner}, 0)
	if p.away == nil {
		return nil
	}
	r.ports[port] = p
	return p
}

// awayPort returns the absence of p's tunnel, or nil.
func (r *registry) awayPort(p *tcpPort) *absence {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return p.away
}

// openPort gives p its listener, or reports false when p has been given up meanwhile.
func (r *registry) openPort(p *tcpPort, l net.Listener) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ports[p.number] != p {
		return false
	}
	p.listener = l
	return true
}

func (r *registry) dropPort(p *tcpPort) {
	r.mu.Lock()
	var over []*absence
	if r.ports[p.number] == p {
		delete(r.ports, p.number)
		over = r.endAwayLocked(&p.away)
	}
	r.mu.Unlock()
	endAll(over)
}

// releasePort takes t's port back, unless another tunnel has it already.
func (r *registry) releasePort(t *tunnel, expected bool) {
	p := t.port
	keep := shareOf(t)
	var gone *absence
	r.mu.Lock()
	if r.ports[p.number] != p || !p.tunnel.CompareAndSwap(t, nil) {
		r.mu.Unlock()
		return
	}
	p.away = nil
	if p.listener != nil && expected && (keep.ports == 0 || r.portsOfLocked(t.control.holder) <= keep.ports) {
		p.away, gone = r.awayLocked(t, keep)
	}
	kept := p.away != nil
	if !kept {
		delete(r.ports, p.number)
		p.close() // under the lock: who holds the port next must be able to open it
	}
	r.mu.Unlock()
	r.giveUp(gone)
	r.remember(t, kept)
}

// portsOf returns how many ports with a tunnel are in holder's share.
func (r *registry) portsOf(holder string) (n int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, p := range r.ports {
		if p.holder == holder && p.tunnel.Load() != nil {
			n++
		}
	}
	return n
}

// portsOfLocked returns how many ports are in holder's share, with a tunnel or kept for
// one that is away.
func (r *registry) portsOfLocked(holder string) (n int) {
	for _, p := range r.ports {
		if p.holder == holder {
			n++
		}
	}
	return n
}

// portHeld reports whether somebody has the port now.
func (r *registry) portHeld(port uint16) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p := r.ports[port]
	return p != nil && p.tunnel.Load() != nil
}
