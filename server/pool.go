package server

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// takeTimeout is how long a public connection waits for a proxy connection.
	takeTimeout = 10 * time.Second

	// askTimeout is when a ReqProxy that brought no proxy connection counts as lost.
	askTimeout = 10 * time.Second

	// askPatience is when visitors who wait have a ReqProxy sent once more, if it is
	// that old and no connection came for so long. It is more than the four round trips
	// of one take over a satellite.
	askPatience = 2500 * time.Millisecond

	// floorMax caps how many proxy connections are kept ahead for a client whose
	// proxy connections serve once.
	floorMax = 64

	// floorWindow is for how long the demand of one second is remembered.
	floorWindow = 10 * time.Second

	// idleMax is how many proxy connections may wait: more than any client is asked for.
	idleMax = 1024

	// unaskedMax is how many may wait of those that no ReqProxy has asked for, or one so
	// long ago that it counts as lost.
	unaskedMax = 8

	// surplusTime is when an idle proxy connection above the floor is closed.
	surplusTime = 60 * time.Second
)

var (
	errPoolClosed = errors.New("the tunnel's client has gone")
	errPoolEmpty  = errors.New("the tunnel's client opened no proxy connection in time")
	errAbandoned  = errors.New("the visitor was given another proxy connection")
)

// pool holds the idle proxy connections of one session, the one used last first, and
// asks the client for more: as many as visitors wait, and a floor ahead of them.
type pool struct {
	ask   func(n int) // sends ReqProxy n times; must not block
	reuse bool        // connections come back

	mu      sync.Mutex
	open    map[*proxyConn]struct{}
	idle    []*proxyConn // the last is taken first
	waiters []chan *proxyConn
	asked   []asked   // each ReqProxy under way
	came    time.Time // when the last connection was registered
	closed  bool

	// Demand in a plain session: connections taken in the second that began at
	// second, and the most of any second lately.
	second     time.Time
	taken      int
	floor      int
	floorSince time.Time
}

// asked is a ReqProxy under way.
type asked struct {
	at    time.Time
	again bool // it was sent twice
}

func newPool(reuse bool, ask func(n int)) *pool {
	return &pool{ask: ask, reuse: reuse, floor: 1, open: make(map[*proxyConn]struct{})}
}

// take returns an idle proxy connection, waiting for one in the order of arrival. The
// caller must begin a use of it at once. st is done when no later caller can be served
// first any more.
func (p *pool) take(ctx context.Context, st *stay) (*proxyConn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errPoolClosed
	}
	p.noteDemandLocked(time.Now())
	if n := len(p.idle); n > 0 {
		pc := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		ask := 0
		if !p.reuse {
			ask = p.wantLocked(p.floor)
		} // else this one may be back before sweep finds the floor missing
		p.mu.Unlock()
		st.done()
		p.send(ask)
		return pc, nil
	}
	w := make(chan *proxyConn, 1)
	p.waiters = append(p.waiters, w)
	ahead := p.floor
	if p.reuse {
		ahead = 0 // likewise
	}
	ask := p.wantLocked(ahead)
	p.mu.Unlock()
	st.done()
	p.send(ask)

	timeout := time.NewTimer(takeTimeout)
	defer timeout.Stop()
	var err error
	select {
	case pc := <-w:
		return received(pc)
	case <-timeout.C:
		err = errPoolEmpty
	case <-ctx.Done():
		err = ctx.Err()
	}
	if p.giveUp(w) {
		return nil, err
	}
	return received(<-w) // it was handed over at this very moment
}

// received tells a connection from the nil that a closing pool hands out.
func received(pc *proxyConn) (*proxyConn, error) {
	if pc == nil {
		return nil, errPoolClosed
	}
	return pc, nil
}

// giveUp removes w from the waiters; false means that it has been served.
func (p *pool) giveUp(w chan *proxyConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.waiters {
		if other == w {
			p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
			return true
		}
	}
	return false
}

// register adds a connection that the client has just opened, and reports false when
// it is one too many.
func (p *pool) register(pc *proxyConn) bool {
	p.mu.Lock()
	switch {
	case len(p.asked) > 0:
		p.asked = p.asked[1:]
	case len(p.idle) >= unaskedMax:
		p.mu.Unlock()
		return false
	}
	p.open[pc] = struct{}{}
	p.came = time.Now()
	p.mu.Unlock()
	if !p.put(pc) {
		p.forget(pc)
		return false
	}
	return true
}

// forget undoes register.
func (p *pool) forget(pc *proxyConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, pc)
}

// giveUpAfter limits how long what was sent on any of the connections may go without
// acknowledgement.
func (p *pool) giveUpAfter(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pc := range p.open {
		pc.link.GiveUpAfter(d)
	}
}

// put makes a connection available: to the visitor that waits longest, or to the next
// one. False means that the pool has no place for it.
func (p *pool) put(pc *proxyConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || pc.dead.Load() || len(p.idle) >= idleMax {
		return false
	}
	if len(p.waiters) > 0 {
		p.waiters[0] <- pc
		p.waiters = p.waiters[1:]
		return true
	}
	pc.idleSince = time.Now()
	p.idle = append(p.idle, pc)
	return true
}

// remove takes a connection out that woke up while it was idle, and reports false when
// it is not: somebody has it or is about to. One that is dead will not be put back.
func (p *pool) remove(pc *proxyConn, dead bool) bool {
	p.mu.Lock()
	if dead {
		pc.dead.Store(true)
	}
	found := p.removeLocked(pc)
	ask := 0
	if found || dead { // else it carries a visitor, and may be back soon
		ask = p.wantLocked(p.floor)
	}
	p.mu.Unlock()
	p.send(ask)
	return found
}

func (p *pool) removeLocked(pc *proxyConn) bool {
	for i := len(p.idle) - 1; i >= 0; i-- {
		if p.idle[i] == pc {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return true
		}
	}
	return false
}

// sweep closes what has been idle above the floor for long, and asks for what is missing
// or late. It is called about once a second.
func (p *pool) sweep(now time.Time) {
	p.mu.Lock()
	for len(p.asked) > 0 && now.Sub(p.asked[0].at) > askTimeout {
		p.asked = p.asked[1:]
	}
	p.noteSecondLocked(now)
	var surplus []*proxyConn
	for len(p.idle) > p.floor && now.Sub(p.idle[0].idleSince) > surplusTime {
		surplus = append(surplus, p.idle[0])
		p.idle = p.idle[1:]
	}
	ask := p.wantLocked(p.floor) + p.againLocked(now)
	p.mu.Unlock()
	p.send(ask)
	for _, pc := range surplus {
		pc.retire()
	}
}

// close ends the idle connections and sends the waiting visitors away.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	idle, waiters := p.idle, p.waiters
	p.idle, p.waiters = nil, nil
	p.mu.Unlock()
	for _, w := range waiters {
		w <- nil
	}
	for _, pc := range idle {
		pc.retire()
	}
}

// busy reports whether there are connections, which in a closed pool serve visitors.
func (p *pool) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open) > 0
}

// cut aborts all connections, those too that serve visitors: the client has no right to
// them any more. It is called after close, so that none comes back.
func (p *pool) cut() {
	p.mu.Lock()
	open := slices.Collect(maps.Keys(p.open))
	p.mu.Unlock()
	for _, pc := range open {
		pc.link.Reset()
	}
}

// wantLocked returns how many more connections to ask for, so that every visitor who
// waits gets one and so many are left, and counts them as asked.
func (p *pool) wantLocked(ahead int) int {
	if p.closed {
		return 0
	}
	n := len(p.waiters) + ahead - len(p.idle) - len(p.asked)
	if n <= 0 {
		return 0
	}
	now := time.Now()
	for range n {
		p.asked = append(p.asked, asked{at: now})
	}
	return n
}

// againLocked returns how many ReqProxys to send once more because visitors wait and
// nothing comes: a client of plain version 2 does not try again by itself. No visitor has
// more than one sent again for its sake, and nothing is sent a third time.
func (p *pool) againLocked(now time.Time) (n int) {
	if p.closed || now.Sub(p.came) < askPatience {
		return 0
	}
	for i := range min(len(p.asked), len(p.waiters)) {
		a := &p.asked[i]
		if !a.again && now.Sub(a.at) >= askPatience {
			a.again = true
			n++
		}
	}
	return n
}

func (p *pool) send(n int) {
	if n > 0 {
		p.ask(n)
	}
}

// noteDemandLocked counts one connection taken, in a plain session: each of them has
// to be opened anew, and visitors should not wait for that.
func (p *pool) noteDemandLocked(now time.Time) {
	if p.reuse {
		return
	}
	p.noteSecondLocked(now)
	p.taken++
	if n := min(p.taken, floorMax); n >= p.floor {
		p.floor, p.floorSince = n, now
	}
}

func (p *pool) noteSecondLocked(now time.Time) {
	if now.Sub(p.second) >= time.Second {
		p.second, p.taken = now, 0
	}
	if p.floor > 1 && now.Sub(p.floorSince) > floorWindow {
		p.floor, p.floorSince = max(1, p.floor/2), now
	}
}
