package limit

import (
	"sync"

	"golang.org/x/time/rate"
)

// maxBuckets is how many keys each of the two generations of [buckets] remembers: at some
// 200 bytes each, both hold less than 4 MiB.
const maxBuckets = 8192

// buckets holds a rate limiter for each key. The zero value is ready for use.
//
// It remembers the keys seen last in two generations; when the young one is full it
// becomes the old one, and what was old is forgotten. So a key is forgotten only after
// thousands of others came, and the memory stays bounded whatever their number.
type buckets[K comparable] struct {
	mu         sync.Mutex
	young, old map[K]*rate.Limiter
}

// limiter returns that of key, with this limit from now on.
func (b *buckets[K]) limiter(key K, limit rate.Limit, burst int) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.young[key]
	if !ok {
		if l, ok = b.old[key]; !ok {
			l = rate.NewLimiter(limit, burst)
		}
		if b.young == nil || len(b.young) >= maxBuckets {
			b.old, b.young = b.young, make(map[K]*rate.Limiter)
		}
		b.young[key] = l
	}
	if l.Limit() != limit {
		l.SetLimit(limit)
	}
	if l.Burst() != burst {
		l.SetBurst(burst)
	}
	return l
}

// Len returns how many keys are remembered.
func (b *buckets[K]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.young)
	for k := range b.old {
		if _, ok := b.young[k]; !ok {
			n++
		}
	}
	return n
}
