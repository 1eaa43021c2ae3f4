package limit

import (
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

// maxVisitors is how many addresses each of the two generations of [Visitors]
// remembers: at some 200 bytes each, both hold less than 4 MiB.
const maxVisitors = 8192

// Visitors limits how fast each visitor's address makes new connections. The zero
// value is ready for use.
//
// It remembers the addresses seen last in two generations; when the young one is full
// it becomes the old one, and what was old is forgotten. So an address is forgotten
// only after thousands of others came, and the memory stays bounded under a flood from
// forged or very many addresses.
type Visitors struct {
	mu         sync.Mutex
	young, old map[netip.Addr]*rate.Limiter
}

// Allow reports whether addr may make one more connection now: perSecond in the long
// run, burst at once (at least 1). perSecond of 0 means no limit. Loopback and unknown
// addresses always may.
func (v *Visitors) Allow(addr netip.Addr, perSecond float64, burst int) bool {
	if perSecond <= 0 || exempt(addr) {
		return true
	}
	l := v.limiter(Source(addr), rate.Limit(perSecond), max(burst, 1))
	return l.Allow()
}

func (v *Visitors) limiter(key netip.Addr, limit rate.Limit, burst int) *rate.Limiter {
	v.mu.Lock()
	defer v.mu.Unlock()
	l, ok := v.young[key]
	if !ok {
		if l, ok = v.old[key]; !ok {
			l = rate.NewLimiter(limit, burst)
		}
		if v.young == nil || len(v.young) >= maxVisitors {
			v.old, v.young = v.young, make(map[netip.Addr]*rate.Limiter)
		}
		v.young[key] = l
	}
	if l.Limit() != limit {
		l.SetLimit(limit)
	}
	if l.Burst() != burst {
		l.SetBurst(burst)
	}
	return l
}

// Len returns how many addresses are remembered.
func (v *Visitors) Len() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := len(v.young)
	for a := range v.old {
		if _, ok := v.young[a]; !ok {
			n++
		}
	}
	return n
}
