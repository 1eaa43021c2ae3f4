package server

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"ngrok/conn"
)

// flows knows the public connections, so that a server that stops can let them
// finish and then end them.
type flows struct {
	closing atomic.Bool
	gentle  atomic.Bool // who is idle may send one more request
	mu      sync.Mutex
	open    map[*flow]struct{}
	wait    sync.WaitGroup
	gone    chan struct{} // closed when all have gone; nil before drain
}

// flow is one public connection.
type flow struct {
	leg  *conn.Conn
	from netip.Addr  // counted among those present of this address; invalid: of none
	idle atomic.Bool // between two requests
}

// add counts leg, or returns nil when the server takes no more.
func (f *flows) add(leg *conn.Conn) *flow {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing.Load() {
		return nil
	}
	if f.open == nil {
		f.open = make(map[*flow]struct{})
	}
	fl := &flow{leg: leg}
	f.open[fl] = struct{}{}
	f.wait.Add(1)
	return fl
}

// remove undoes add.
func (f *flows) remove(fl *flow) {
	f.mu.Lock()
	delete(f.open, fl)
	f.mu.Unlock()
	f.wait.Done()
}

// drain admits no more connections, wakes those that are idle to let them end, and
// returns a channel that is closed when all have gone. With gentle those that are idle
// may send one more request.
func (f *flows) drain(gentle bool) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gentle.Store(gentle)
	f.closing.Store(true)
	for fl := range f.open {
		if fl.idle.Load() && !gentle {
			fl.leg.SetReadDeadline(past)
		}
	}
	if f.gone == nil {
		gone := make(chan struct{})
		go func() { f.wait.Wait(); close(gone) }()
		f.gone = gone
	}
	return f.gone
}

// ending reports whether connections are to end as soon as they are idle.
func (f *flows) ending() bool { return f.closing.Load() && !f.gentle.Load() }

// stop admits no more connections and wakes all that are left, to let them end.
func (f *flows) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closing.Store(true)
	for fl := range f.open {
		fl.leg.SetReadDeadline(past)
	}
}

// reset aborts all connections that are left.
func (f *flows) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for fl := range f.open {
		fl.leg.Reset()
	}
}
