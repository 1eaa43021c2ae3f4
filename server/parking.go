package server

import (
	"errors"
	"sync"
	"time"
)

const (
	// returnTime is for how long after a client was lost visitors wait for it: one
	// that comes back by itself does so within a few seconds. Later ones are told at
	// once that it is away.
	returnTime = 30 * time.Second

	// parkedMax and parkedBytes are how many wait for all tunnels together, and how
	// much memory their unread requests may hold.
	parkedMax   = 4000
	parkedBytes = 128 << 20
)

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
