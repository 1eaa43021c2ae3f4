package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"ngrok/msg"
)

// randomPortTries is how many random ports are tried before the server gives up.
const randomPortTries = 100

// tcpPort is a public port that one owner holds. Its listener outlives a change of
// tunnel, so that a session that takes over loses no visitor.
type tcpPort struct {
	number   uint16
	owner    string
	listener net.Listener // nil while it is being opened
	tunnel   atomic.Pointer[tunnel]
}

// claimPort gives t the port that m asks for, or one that its owner had before, or a
// random one.
func (s *Server) claimPort(t *tunnel, m *msg.ReqTunnel) error {
	policy := s.policies.Current()
	if err := policy.AllowPort(t.control.identity, m.RemotePort); err != nil {
		return err
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

// portName returns what a port is remembered under, portOf the port of such a name.
func portName(port uint16) string { return tcpPrefix + strconv.Itoa(int(port)) }

func portOf(name string) (port uint16, ok bool) {
	number, ok := strings.CutPrefix(name, tcpPrefix)
	n, err := strconv.ParseUint(number, 10, 16)
	return uint16(n), ok && err == nil
}

func (s *Server) holdPort(t *tunnel, port uint16) error {
	t.name = portName(port)
	t.url = "tcp://" + net.JoinHostPort(s.domain, strconv.Itoa(int(port)))
	p, old, err := s.registry.holdPort(t, port)
	if old != nil {
		old.control.lose(old)
	}
	if err != nil || p == nil {
		return err
	}
	// The port is this owner's; nobody else opens its listener meanwhile.
	l, err := s.listen(net.JoinHostPort(s.tcpHost, strconv.Itoa(int(port))))
	if err != nil {
		s.registry.dropPort(p)
		t.port = nil
		if errors.Is(err, syscall.EADDRINUSE) {
			return taken(t.name)
		}
		return fmt.Errorf("the server cannot open the port %d: choose another one", port)
	}
	if !s.registry.openPort(p, l) {
		l.Close()
		return errPoolClosed
	}
	s.serving.Go(func() { accept(s.accepting, l, s.logger, func(nc net.Conn) { s.acceptTCP(p, nc) }) })
	return nil
}

// holdPort gives t the port and returns the tunnel of the same owner that had to let
// go of it. A p that is not nil has no listener yet: the caller opens one.
func (r *registry) holdPort(t *tunnel, port uint16) (p *tcpPort, old *tunnel, err error) {
	owner := t.control.owner
	if err := r.leased(t.name, owner); err != nil {
		return nil, nil, err
	}
	r.mu.Lock()
	held := r.ports[port]
	switch {
	case held == nil:
		p = &tcpPort{number: port, owner: owner}
		p.tunnel.Store(t)
		t.port = p
		r.ports[port] = p
	case held.owner != owner || held.listener == nil:
		r.mu.Unlock()
		return nil, nil, taken(t.name)
	default:
		t.port = held
		old = held.tunnel.Swap(t)
	}
	r.mu.Unlock()
	r.memory.note(t.name, owner, t.random)
	return p, old, nil
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
	defer r.mu.Unlock()
	if r.ports[p.number] == p {
		delete(r.ports, p.number)
	}
}

// releasePort takes t's port back, unless another tunnel has it already.
func (r *registry) releasePort(t *tunnel) {
	r.mu.Lock()
	if t.port.tunnel.CompareAndSwap(t, nil) {
		delete(r.ports, t.port.number)
		if l := t.port.listener; l != nil {
			l.Close() // under the lock: who holds the port next must be able to open it
		}
	}
	r.mu.Unlock()
	r.memory.touch(t.name)
}

func (r *registry) portHeld(port uint16) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.ports[port] != nil
}
