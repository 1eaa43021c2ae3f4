package server

import (
	"context"
	"slices"
	"sync"
	"time"
)

// lotMax is how many visitors wait for one tunnel: 200 a second for 5 s.
const lotMax = 1000

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
