package client

import (
	"math/rand/v2"
	"time"
)

// From one attempt to reach the server to the next: doubled each time, less up to half of it
// at random, so that the clients of a server that restarts spread out.
const (
	backoffMin = 200 * time.Millisecond
	backoffMax = 2 * time.Second
)

// backoff is the time between attempts. The zero value begins anew.
type backoff struct{ last time.Duration }

// next returns how long to pause after an attempt that took that long. What it took
// counts: on a path that is dead, attempts that get no answer should follow each other
// closely, so that one is under way when it comes back.
func (b *backoff) next(took time.Duration) time.Duration {
	b.last = min(max(backoffMin, 2*b.last), backoffMax)
	return max(jittered(b.last)-took, jittered(backoffMin))
}

// jittered returns between half of d and d.
func jittered(d time.Duration) time.Duration { return d - rand.N(d/2+1) }
