package server

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// randomNameBytes keeps random names from being guessed or tried through.
	randomNameBytes = 8

	// sessionOwner begins the owner of what a client holds that has sent nothing to
	// be known by: its session.
	sessionOwner = "session:"

	tcpPrefix = "tcp:" // of the names that ports are remembered under
)

// registry knows which tunnel has which name. A host name belongs to one owner, for
// http, https and tls together; so does a port.
type registry struct {
	memory *memory
	lease  time.Duration // for which names are kept for an owner who is away

	mu    sync.RWMutex
	hosts map[string]*hostEntry
	ports map[uint16]*tcpPort
}

// hostEntry is a host name in use. The tunnel on the https port is of the protocol
// https or tls: the name alone tells the port's visitors apart.
type hostEntry struct {
	owner     string
	http, tls *tunnel
}

func newRegistry(m *memory, lease time.Duration) *registry {
	return &registry{memory: m, lease: lease, hosts: make(map[string]*hostEntry), ports: make(map[uint16]*tcpPort)}
}

// slot returns where the entry keeps the tunnel of that protocol.
func (e *hostEntry) slot(protocol string) **tunnel {
	if protocol == "http" {
		return &e.http
	}
	return &e.tls
}

// lookup returns the tunnel that visitors of host reach by protocol, or nil.
func (r *registry) lookup(protocol string, host []byte) *tunnel {
	r.mu.RLock()
	defer r.mu.RUnlock()
	e := r.hosts[string(host)]
	if e == nil {
		return nil
	}
	if t := *e.slot(protocol); t != nil && t.protocol == protocol {
		return t
	}
	return nil
}

// held reports whether somebody has the name now.
func (r *registry) held(name string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.hosts[name] != nil
}

// holdHost gives t its host name and returns the tunnel of the same owner that had to
// let go of it.
func (r *registry) holdHost(t *tunnel) (old *tunnel, err error) {
	owner := t.control.owner
	if err := r.leased(t.host, owner); err != nil {
		return nil, err
	}
	r.mu.Lock()
	e := r.hosts[t.host]
	if e != nil && e.owner != owner {
		r.mu.Unlock()
		return nil, taken(t.host)
	}
	if e == nil {
		e = &hostEntry{owner: owner}
		r.hosts[t.host] = e
	}
	slot := e.slot(t.protocol)
	old, *slot = *slot, t
	r.mu.Unlock()
	r.memory.note(t.name, owner, t.random)
	return old, nil
}

// owns reports whether owner has the name now, and so can take it over from an older
// session of its own.
func (r *registry) owns(owner, name string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if port, ok := portOf(name); ok {
		p := r.ports[port]
		return p != nil && p.owner == owner
	}
	e := r.hosts[name]
	return e != nil && e.owner == owner
}

// release takes t's name back, unless another tunnel has it already, and its share of
// what its user may have.
func (r *registry) release(t *tunnel) {
	t.control.account.RemoveTunnel()
	r.letGo(t)
}

// letGo takes t's name back, unless another tunnel has it already.
func (r *registry) letGo(t *tunnel) {
	if t.port != nil {
		r.releasePort(t)
		return
	}
	r.mu.Lock()
	if e := r.hosts[t.host]; e != nil {
		if slot := e.slot(t.protocol); *slot == t {
			*slot = nil
		}
		if e.http == nil && e.tls == nil {
			delete(r.hosts, t.host)
		}
	}
	r.mu.Unlock()
	r.memory.touch(t.name)
}

// leased returns an error when name is kept for somebody else who is away.
func (r *registry) leased(name, owner string) error {
	if r.lease <= 0 {
		return nil
	}
	last, when := r.memory.owner(name)
	if last == "" || last == owner || strings.HasPrefix(last, sessionOwner) || time.Since(when) > r.lease {
		return nil
	}
	return fmt.Errorf("%s is reserved for its owner, who may come back: choose another name", display(name))
}

func taken(name string) error {
	return fmt.Errorf("%s is taken: choose another one, or none to be given a free one", display(name))
}

// display returns a name as users know it.
func display(name string) string {
	if port, ok := strings.CutPrefix(name, tcpPrefix); ok {
		return "the port " + port
	}
	return "the name " + name
}

func randomLabel() string {
	b := make([]byte, randomNameBytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}
