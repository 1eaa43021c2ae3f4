package limit

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// An identity may ask at once for twice of what it may have, tunnels or sessions, at least
// for requestsMin, and for as many again in each requestsTime: all its clients may come
// back once a minute for ever and are not held up. Where there is no limit,
// requestsUnlimited take the place of twice the number.
const (
	requestsMin       = 1000
	requestsUnlimited = 20_000
	requestsTime      = 50 * time.Second
)

// Requests limits how fast each identity asks for tunnels, or for sessions, whether one
// after another or all together. The zero value is ready for use.
type Requests struct {
	buckets[string]
}

// Allow reports whether the identity with that key, which may have so many (0 means no
// limit), may ask for one more now; if so that counts.
func (r *Requests) Allow(key string, maximum int) bool { return r.of(key, maximum).Allow() }

// Wait blocks until the identity may ask for one more, which counts, or until ctx ends and
// then returns an error.
func (r *Requests) Wait(ctx context.Context, key string, maximum int) error {
	return r.of(key, maximum).Wait(ctx)
}

func (r *Requests) of(key string, maximum int) *rate.Limiter {
	burst := max(2*maximum, requestsMin)
	if maximum <= 0 {
		burst = requestsUnlimited
	}
	return r.limiter(key, rate.Limit(float64(burst)/requestsTime.Seconds()), burst)
}
