package server

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"ngrok/server/auth"
)

const (
	// returnTime is for how long after a client was lost visitors wait for it: one
	// that comes back by itself does so within a few seconds. Later ones are told at
	// once that it is away.
	returnTime = 30 * time.Second

	// lotMax is how many visitors wait for one tunnel: 200 a second for 5 s.
	lotMax = 1000

	// parkedMax and parkedBytes are how many wait for all tunnels together, and how
	// much memory their unread requests may hold.
	parkedMax   = 4000
	parkedBytes = 128 << 20

	// absentMax is how many absences there are at once: beyond it, names are free at
	// once. Only somebody who collects names gets there.
	absentMax = memoryLimit

	// absentPerOwner is the same for one identity, however many tunnels it may have, and
	// absentAnonymous for all that were admitted without a token, who cost nothing to
	// make: the others keep their places.
	absentPerOwner  = absentMax / 4
	absentAnonymous = absentMax / 2
)

// absence stands where a tunnel was whose client lost its session and is expected
// back. Its visitors wait in order.
type absence struct {
	name         string // that it keeps
	protocol     string // of the tunnel that is away
	owner        string
	holder       string // in whose share it is
	since, until time.Time

	mu        sync.Mutex
	over      bool
	forfeited bool     // somebody else has the name now
	queue     []*place // in the order of arrival
}

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

// place is where one visitor waits.
type place struct {
	absence *absence
	turn    chan struct{} // closed when it is the visitor's turn
	passed  bool          // guarded by absence.mu: the next one has been called
}

// enter appends a visitor to the queue, or returns nil when it is full. When the
// absence is over already it is the visitor's turn at once.
func (a *absence) enter() *place {
	p := &place{absence: a, turn: make(chan struct{})}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.over && len(a.queue) == 0:
		close(p.turn)
	case len(a.queue) >= lotMax:
		return nil
	default:
		a.queue = append(a.queue, p)
	}
	return p
}

// end calls the visitors, one after another: each calls the next when it has its place
// in the queue of the pool, or has gone elsewhere.
func (a *absence) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.over = true
		a.callLocked()
	}
}

// forfeit makes the end of absences one that the visitors need not look behind: what
// they would find is not what they came for.
func forfeit(over []*absence) {
	for _, a := range over {
		a.mu.Lock()
		a.forfeited = true
		a.mu.Unlock()
	}
}

func (a *absence) callLocked() {
	if len(a.queue) > 0 {
		close(a.queue[0].turn)
		a.queue = a.queue[1:]
	}
}

// pass calls the next visitor. It may be called more than once.
func (p *place) pass() {
	p.absence.mu.Lock()
	defer p.absence.mu.Unlock()
	if !p.passed {
		p.passed = true
		p.absence.callLocked()
	}
}

// wait returns nil when it is the visitor's turn to look anew.
func (p *place) wait(ctx context.Context, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var err error
	select {
	case <-p.turn:
	case <-timer.C:
		err = errStillAway
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.absence.mu.Lock()
	defer p.absence.mu.Unlock()
	if i := slices.Index(p.absence.queue, p); i >= 0 {
		p.absence.queue = slices.Delete(p.absence.queue, i, i+1)
		return err
	}
	if p.absence.forfeited {
		return errStillAway
	}
	return nil // also when it was called at the very moment of giving up
}

var (
	errStillAway = errors.New("the tunnel's client has not come back yet")
	errLotFull   = errors.New("too many visitors wait for the tunnel's client")
)

// parking counts the visitors that wait for any tunnel.
type parking struct {
	mu       sync.Mutex
	visitors int
	bytes    int
}

func (p *parking) enter(bytes int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.visitors >= parkedMax || p.bytes+bytes > parkedBytes {
		return false
	}
	p.visitors++
	p.bytes += bytes
	return true
}

func (p *parking) leave(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.visitors--
	p.bytes -= bytes
}

// Waiting returns how many visitors wait for a tunnel whose client is away.
func (s *Server) Waiting() int {
	s.parking.mu.Lock()
	defer s.parking.mu.Unlock()
	return s.parking.visitors
}

// stay is the wait of one visitor with one request: however often the client goes and
// comes meanwhile, it does not last longer than the server's Park. The zero value is
// ready for use.
type stay struct {
	until time.Time
	place *place
	lost  *tunnel // that was found, but whose client had gone
}

// wait waits until a's tunnel is back or given up; the visitor then has to look anew,
// and to call done when it has found its place. bytes is the memory that the visitor's
// unread request holds.
func (s *Server) wait(st *stay, a *absence, bytes int) error {
	st.done()
	now := time.Now()
	if st.until.IsZero() {
		st.until = now.Add(s.config.Park)
	}
	patience := min(st.until.Sub(now), a.since.Add(returnTime).Sub(now))
	if patience <= 0 {
		return errStillAway
	}
	if !s.parking.enter(bytes) {
		return errLotFull
	}
	defer s.parking.leave(bytes)
	p := a.enter()
	if p == nil {
		return errLotFull
	}
	st.place = p
	return p.wait(s.running, patience)
}

// done calls the visitor who waits behind this one.
func (st *stay) done() {
	if st.place != nil {
		st.place.pass()
		st.place = nil
	}
}
