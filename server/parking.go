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

	// parkedShare is the part of both that the visitors of one user may have.
	parkedShare = 2
)

var (
	errStillAway = errors.New("the tunnel's client has not come back yet")
	errLotFull   = errors.New("too many visitors wait for the tunnel's client")
)

// parking counts the visitors that wait for any tunnel.
type parking struct {
	mu  sync.Mutex
	all lot
	of  map[string]lot // by holder of the tunnel
}

// lot is how many visitors wait, and how much memory their requests hold.
type lot struct{ visitors, bytes int }

func (l lot) full(part, bytes int) bool {
	return l.visitors >= parkedMax/part || l.bytes+bytes > parkedBytes/part
}

func (p *parking) enter(holder string, bytes int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.of[holder]
	if p.all.full(1, bytes) || own.full(parkedShare, bytes) {
		return false
	}
	if p.of == nil {
		p.of = make(map[string]lot)
	}
	p.all = lot{p.all.visitors + 1, p.all.bytes + bytes}
	p.of[holder] = lot{own.visitors + 1, own.bytes + bytes}
	return true
}

func (p *parking) leave(holder string, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = lot{p.all.visitors - 1, p.all.bytes - bytes}
	own := p.of[holder]
	if own = (lot{own.visitors - 1, own.bytes - bytes}); own == (lot{}) {
		delete(p.of, holder)
	} else {
		p.of[holder] = own
	}
}

// Waiting returns how many visitors wait for a tunnel whose client is away.
func (s *Server) Waiting() int {
	s.parking.mu.Lock()
	defer s.parking.mu.Unlock()
	return s.parking.all.visitors
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
	if !s.parking.enter(a.holder, bytes) {
		return errLotFull
	}
	defer s.parking.leave(a.holder, bytes)
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
