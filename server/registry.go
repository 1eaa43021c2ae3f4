package server

import (
	"strings"
	"sync"
	"time"
)

// sessionOwner begins the owner of what a client holds that has sent nothing to be known
// by: its session.
const sessionOwner = "session:"

// registry knows which tunnel has which name. A host name belongs to one owner, for
// http, https and tls together; so does a port.
type registry struct {
	memory *memory
	lease  time.Duration // for which names are kept for an owner who is away
	park   time.Duration // for which visitors wait for one

	tunnelsOf func(owner string) int // how many somebody may have; 0 or nil means no limit

	mu     sync.RWMutex
	hosts  map[string]*hostEntry
	ports  map[uint16]*tcpPort
	absent absences
}

// hostEntry is a host name in use. The tunnel on the https port is of the protocol
// https or tls: the name alone tells the port's visitors apart.
type hostEntry struct {
	owner     string
	http, tls slot // tls: that of the https port
	losers    losers
}

// slot holds a tunnel, or says that it is away, or is empty.
type slot struct {
	tunnel *tunnel
	away   *absence
}

func newRegistry(m *memory, lease, park time.Duration) *registry {
	return &registry{memory: m, lease: lease, park: park, hosts: make(map[string]*hostEntry), ports: make(map[uint16]*tcpPort)}
}

// slot returns where the entry keeps the tunnel of that protocol.
func (e *hostEntry) slot(protocol string) *slot {
	if protocol == "http" {
		return &e.http
	}
	return &e.tls
}

func (e *hostEntry) empty() bool { return e.http == slot{} && e.tls == slot{} }

// lookup returns the tunnel that visitors of host reach by protocol, or nil.
func (r *registry) lookup(protocol string, host []byte) *tunnel {
	r.mu.RLock()
	defer r.mu.RUnlock()
	e := r.hosts[string(host)]
	if e == nil {
		return nil
	}
	return e.slot(protocol).of(protocol)
}

// of returns the slot's tunnel if it is of that protocol: https and tls share one.
func (s slot) of(protocol string) *tunnel {
	if s.tunnel != nil && s.tunnel.protocol == protocol {
		return s.tunnel
	}
	return nil
}

// find is lookup that returns the absence of the tunnel when it is away.
func (r *registry) find(protocol string, host []byte) (*tunnel, *absence) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	e := r.hosts[string(host)]
	if e == nil {
		return nil, nil
	}
	s := e.slot(protocol)
	if s.away != nil && s.away.protocol != protocol {
		return s.of(protocol), nil
	}
	return s.of(protocol), s.away
}

// held reports whether somebody has the name now.
func (r *registry) held(name string) bool { return r.heldBy(name) != "" }

// heldBy returns who has the name now, "" for nobody.
func (r *registry) heldBy(name string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if e := r.hosts[name]; e != nil && (e.http.tunnel != nil || e.tls.tunnel != nil) {
		return e.owner
	}
	return ""
}

// holdHost gives t its host name and returns the tunnel of the same owner that had to
// let go of it.
func (r *registry) holdHost(t *tunnel) (old *tunnel, err error) {
	owner := t.control.owner
	if err := r.leased(t.host, owner); err != nil {
		return nil, err
	}
	var over []*absence
	r.mu.Lock()
	e := r.hosts[t.host]
	if e != nil && e.owner != owner {
		if err := r.occupiedLocked(t.host, e.http, e.tls); err != nil {
			r.mu.Unlock()
			return nil, err
		}
		over = r.endAwayLocked(&e.http.away, &e.tls.away)
		forfeit(over)
		e = nil
	}
	if e == nil {
		e = &hostEntry{owner: owner}
		r.hosts[t.host] = e
	}
	s := e.slot(t.protocol)
	if s.tunnel != nil {
		if err := mayTakeOver(t, s.tunnel, e.losers); err != nil {
			r.mu.Unlock()
			return nil, err
		}
		e.losers.add(s.tunnel.control.id, t.control.id)
	}
	over = append(over, r.endAwayLocked(&s.away)...)
	old, s.tunnel = s.tunnel, t
	r.mu.Unlock()
	endAll(over)
	r.memory.note(t.name, t.protocol, owner, t.random)
	return old, nil
}

// occupiedLocked returns why somebody else can't have name: nothing when it is but kept
// for visitors of an owner who is away, and names are not leased.
func (r *registry) occupiedLocked(name string, slots ...slot) error {
	for _, s := range slots {
		if s.tunnel != nil {
			return taken(name)
		}
	}
	if r.lease > 0 {
		return reserved(name)
	}
	return nil
}

// owns reports whether owner has the name now, and so can take it over from an older
// session of its own.
func (r *registry) owns(owner, name string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if port, ok := portOf(name); ok {
		p := r.ports[port]
		return p != nil && p.owner == owner && p.tunnel.Load() != nil
	}
	e := r.hosts[name]
	return e != nil && e.owner == owner && (e.http.tunnel != nil || e.tls.tunnel != nil)
}

// release takes t's name back, unless another tunnel has it already, and its share of
// what its user may have. With expected its client is thought to come back.
func (r *registry) release(t *tunnel, expected bool) {
	t.control.account.RemoveTunnel()
	r.letGo(t, expected)
}

// letGo takes t's name back, unless another tunnel has it already.
func (r *registry) letGo(t *tunnel, expected bool) {
	if t.port != nil {
		r.releasePort(t, expected)
		return
	}
	keep := shareOf(t)
	var gone *absence
	r.mu.Lock()
	e := r.hosts[t.host]
	if e == nil || e.slot(t.protocol).tunnel != t {
		r.mu.Unlock()
		return // the name is somebody else's business now
	}
	s := e.slot(t.protocol)
	*s = slot{}
	if expected {
		s.away, gone = r.awayLocked(t, keep)
	}
	kept := s.away != nil
	if kept {
		r.hosts[t.host] = e // also if what has gone was all there was in it
	} else if e.empty() {
		delete(r.hosts, t.host)
	}
	r.mu.Unlock()
	r.giveUp(gone)
	r.remember(t, kept)
}

// reconcile tells memory what is held now.
func (r *registry) reconcile() {
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.memory.reconcile(r.heldLocked)
}

// heldLocked returns the protocols, joined by "+", of which owner has a tunnel under that
// name or is expected back with one.
func (r *registry) heldLocked(name, owner string) string {
	if number, ok := portOf(name); ok {
		if p := r.ports[number]; p != nil && p.owner == owner {
			return "tcp"
		}
		return ""
	}
	e := r.hosts[name]
	if e == nil || e.owner != owner {
		return ""
	}
	var held memoryEntry
	for _, s := range []slot{e.http, e.tls} {
		if s.tunnel != nil {
			held.setHeld(s.tunnel.protocol, true)
		} else if s.away != nil {
			held.setHeld(s.away.protocol, true)
		}
	}
	return held.Held
}

func (r *registry) remember(t *tunnel, kept bool) {
	if kept {
		r.memory.lost(t.name, t.control.owner)
	} else {
		r.memory.left(t.name, t.protocol, t.control.owner, true)
		if t.port != nil && t.control.shares() {
			r.memory.release(t.name, t.control.owner)
		}
	}
}

// leased returns an error when name is kept for somebody else, who had it last: as many
// names as it may have tunnels, and no port that a stranger gave up. Otherwise who opens
// and closes one tunnel again and again could have all names and ports kept.
func (r *registry) leased(name, owner string) error {
	if r.lease <= 0 {
		return nil
	}
	last, when := r.memory.owner(name)
	if last == "" || last == owner || strings.HasPrefix(last, sessionOwner) || time.Since(when) > r.lease || r.memory.free(name) {
		return nil
	}
	if r.tunnelsOf != nil {
		if most := r.tunnelsOf(last); most > 0 && r.memory.later(last, when) >= most {
			return nil
		}
	}
	return reserved(name)
}
