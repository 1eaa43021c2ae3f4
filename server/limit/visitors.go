package limit

import (
	"net/netip"

	"golang.org/x/time/rate"
)

// Visitors limits how fast each visitor's address makes new connections, within bounded
// memory also under a flood from forged or very many addresses. The zero value is ready
// for use.
type Visitors struct {
	buckets[netip.Addr]
}

// Allow reports whether addr may make one more connection now: perSecond in the long
// run, burst at once (at least 1). perSecond of 0 means no limit. Loopback and unknown
// addresses always may.
func (v *Visitors) Allow(addr netip.Addr, perSecond float64, burst int) bool {
	if perSecond <= 0 || Exempt(addr) {
		return true
	}
	return v.limiter(Source(addr), rate.Limit(perSecond), max(burst, 1)).Allow()
}
