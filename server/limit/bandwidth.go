package limit

import (
	"context"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// minBurst is the least that passes at once, in bytes: one full copy buffer, so that a
// low rate still moves whole buffers.
const minBurst = 64 << 10

// Bandwidth paces bytes. The zero value lets everything pass at once and costs one
// atomic load per call.
type Bandwidth struct {
	limiter atomic.Pointer[rate.Limiter]
}

// SetRate sets the bytes per second; 0 or less means no limit. It counts from the next
// [Bandwidth.Wait] on. A quarter of a second's worth, at least 64 KiB, may pass at once.
func (b *Bandwidth) SetRate(bytesPerSecond int64) {
	if bytesPerSecond <= 0 {
		if b.limiter.Load() != nil {
			b.limiter.Store(nil)
		}
		return
	}
	limit := rate.Limit(bytesPerSecond)
	// The same rate again, as on every reload, must not fill the bucket anew.
	if l := b.limiter.Load(); l != nil && l.Limit() == limit {
		return
	}
	burst := int(min(max(bytesPerSecond/4, minBurst), 1<<30))
	b.limiter.Store(rate.NewLimiter(limit, burst))
}

// Rate returns the bytes per second, 0 when there is no limit.
func (b *Bandwidth) Rate() int64 {
	if l := b.limiter.Load(); l != nil {
		return int64(l.Limit())
	}
	return 0
}

// Wait blocks until n more bytes may pass, or until ctx ends and then returns its
// error. Those who wait share the rate in the order in which they came.
func (b *Bandwidth) Wait(ctx context.Context, n int) error {
	l := b.limiter.Load()
	if l == nil {
		return nil
	}
	for burst := l.Burst(); n > 0; n -= burst {
		if err := l.WaitN(ctx, min(n, burst)); err != nil {
			return err
		}
	}
	return nil
}
