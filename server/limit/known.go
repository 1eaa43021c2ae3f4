package limit

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// knownTime is for how long an address is known: a client that has lost its session
	// is back long before.
	knownTime = 10 * time.Minute

	// maxKnown bounds the addresses that are; those above it are strangers.
	maxKnown = 8192
)

// Known are the addresses from which somebody has shown who it is lately. A crowd of
// strangers that has used up what all of them may have must not keep these out. The zero
// value is ready for use.
type Known struct {
	mu      sync.Mutex
	last    map[netip.Addr]time.Time
	cleared time.Time // when those that are known no longer were looked for
}

// Note remembers that somebody at addr has shown at that time who it is. Loopback is never
// known: a proxy there speaks for strangers, too.
func (k *Known) Note(addr netip.Addr, now time.Time) {
	if Exempt(addr) {
		return
	}
	key := Source(addr)
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.last[key]; !ok && len(k.last) >= maxKnown {
		k.clearLocked(now)
		if len(k.last) >= maxKnown {
			return
		}
	}
	if k.last == nil {
		k.last = make(map[netip.Addr]time.Time)
	}
	k.last[key] = now
}

// clearLocked drops those that are known no longer, once a minute.
func (k *Known) clearLocked(now time.Time) {
	if now.Sub(k.cleared) < time.Minute {
		return
	}
	k.cleared = now
	for a, last := range k.last {
		if now.Sub(last) > knownTime {
			delete(k.last, a)
		}
	}
}

// Has reports whether somebody at addr has shown who it is in the last 10 minutes.
func (k *Known) Has(addr netip.Addr, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	last, ok := k.last[Source(addr)]
	return ok && now.Sub(last) <= knownTime
}
