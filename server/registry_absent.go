package server

import (
	"slices"
	"strings"
	"time"

	"ngrok/server/auth"
)

const (
	// absentMax is how many absences there are at once: beyond it, names are free at
	// once. Only somebody who collects names gets there.
	absentMax = memoryLimit

	// absentPerOwner is the same for one identity, however many tunnels it may have, and
	// absentAnonymous for all that were admitted without a token, who cost nothing to
	// make: the others keep their places.
	absentPerOwner  = absentMax / 4
	absentAnonymous = absentMax / 2
)

// absences counts them. The zero value is ready for use.
type absences struct {
	all, anonymous int
	of             map[string][]*absence // by holder, the oldest first
}

// add counts a, or reports false when there are too many.
func (n *absences) add(a *absence) bool {
	anonymous := !auth.IsToken(a.owner)
	if n.all >= absentMax || len(n.of[a.holder]) >= absentPerOwner || anonymous && n.anonymous >= absentAnonymous {
		return false
	}
	if n.of == nil {
		n.of = make(map[string][]*absence)
	}
	n.of[a.holder] = append(n.of[a.holder], a)
	n.all++
	if anonymous {
		n.anonymous++
	}
	return true
}

// over returns the oldest absence of holder when there are as many as maximum, 0 for no
// limit; else nil.
func (n *absences) over(holder string, maximum int) *absence {
	if all := n.of[holder]; maximum > 0 && len(all) >= maximum {
		return all[0]
	}
	return nil
}

// remove undoes add.
func (n *absences) remove(a *absence) {
	all := n.of[a.holder]
	if i := slices.Index(all, a); i >= 0 {
		all = slices.Delete(all, i, i+1)
	}
	if n.of[a.holder] = all; len(all) == 0 {
		delete(n.of, a.holder)
	}
	n.all--
	if !auth.IsToken(a.owner) {
		n.anonymous--
	}
}

// share is how much of what is away is kept for one holder.
type share struct {
	tunnels int // 0 means no limit
	ports   int // of clients without a token who share an address; 0 means no limit
}

// shareOf returns that of t's holder.
func shareOf(t *tunnel) (s share) {
	policy := t.control.server.policies.Current()
	s.tunnels = policy.Tunnels(t.control.identity.Key)
	if t.control.shares() {
		s.ports = policy.AddressPorts()
	}
	return s
}

// awayLocked returns the absence that takes t's place, or nil when t is not kept. gone is
// what is kept no longer in exchange, which the caller passes to giveUp without the lock.
func (r *registry) awayLocked(t *tunnel, s share) (away, gone *absence) {
	if strings.HasPrefix(t.control.owner, sessionOwner) {
		return nil, nil
	}
	return r.newAbsenceLocked(&absence{name: t.name, protocol: t.protocol, owner: t.control.owner, holder: t.control.holder}, s.tunnels)
}

// newAbsenceLocked begins a, one of at most so many of its holder (0 means no limit): the
// oldest goes when there are more. It returns nil when there are too many of others.
func (r *registry) newAbsenceLocked(a *absence, maximum int) (away, gone *absence) {
	keep := max(r.lease, r.park)
	if keep <= 0 {
		return nil, nil
	}
	if gone = r.absent.over(a.holder, maximum); gone != nil {
		r.dropLocked(gone)
	}
	if !r.absent.add(a) {
		return nil, gone
	}
	a.since = time.Now()
	a.until = a.since.Add(keep)
	return a, gone
}

// dropLocked takes an absence out of the registry.
func (r *registry) dropLocked(a *absence) {
	r.absent.remove(a)
	if number, ok := portOf(a.name); ok {
		p := r.ports[number]
		p.away = nil
		delete(r.ports, number)
		p.close()
		return
	}
	e := r.hosts[a.name]
	e.slot(a.protocol).away = nil
	if e.empty() {
		delete(r.hosts, a.name)
	}
}

// giveUp ends an absence, which may be nil, that is in the registry no more.
func (r *registry) giveUp(a *absence) {
	if a != nil {
		a.end()
		r.memory.left(a.name, a.protocol, a.owner, false)
	}
}

// endAwayLocked takes the absences out of slots. The caller ends them without the lock.
func (r *registry) endAwayLocked(away ...**absence) (over []*absence) {
	for _, a := range away {
		if *a != nil {
			over = append(over, *a)
			r.absent.remove(*a)
			*a = nil
		}
	}
	return over
}

func endAll(over []*absence) {
	for _, a := range over {
		a.end()
	}
}

// expectHost keeps host for an owner who had it when the server before this one ended.
func (r *registry) expectHost(host, protocol, owner string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.hosts[host]; e != nil && *e.slot(protocol) != (slot{}) {
		return // of https and tls only one can have been there
	}
	a, _ := r.newAbsenceLocked(&absence{name: host, protocol: protocol, owner: owner, holder: owner}, 0)
	if a == nil {
		return
	}
	e := r.hosts[host]
	if e == nil {
		e = &hostEntry{owner: owner}
		r.hosts[host] = e
	}
	e.slot(protocol).away = a
}

// sweep gives up what was kept for owners who have not come back in time.
func (r *registry) sweep(now time.Time) {
	r.mu.RLock()
	absent := r.absent.all
	r.mu.RUnlock()
	if absent == 0 {
		return
	}
	type gone struct{ name, protocol, owner string }
	var over []*absence
	var forget []gone
	late := func(a *absence) bool { return a != nil && now.After(a.until) }
	r.mu.Lock()
	for host, e := range r.hosts {
		for _, protocol := range []string{"http", "https"} {
			if s := e.slot(protocol); late(s.away) {
				forget = append(forget, gone{host, s.away.protocol, e.owner})
				over = append(over, r.endAwayLocked(&s.away)...)
			}
		}
		if e.empty() {
			delete(r.hosts, host)
		}
	}
	for number, p := range r.ports {
		if late(p.away) {
			over = append(over, r.endAwayLocked(&p.away)...)
			forget = append(forget, gone{portName(number), "tcp", p.owner})
			delete(r.ports, number)
			p.close()
		}
	}
	r.mu.Unlock()
	endAll(over)
	for _, g := range forget {
		r.memory.left(g.name, g.protocol, g.owner, false)
	}
}
