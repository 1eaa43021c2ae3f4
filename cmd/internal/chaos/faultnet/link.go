//go:build linux

package faultnet

import (
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// queued is how many packets are under way in one direction before more are lost,
	// as in a router.
	queued = 16 << 10

	// waiting is for how long a packet waits at most for those before it, where the rate is
	// limited: about what routers at home have memory for.
	waiting = 100 * time.Millisecond

	// largestPacket is that of IPv4.
	largestPacket = 64 << 10
)

// link is the wire between two interfaces.
type link struct {
	near, far  *os.File
	conditions atomic.Pointer[Conditions]
	up, down   atomic.Int64 // bytes
	doomed     doomed
	wg         sync.WaitGroup
}

// newLink joins two interfaces. Loss is drawn from the seed.
func newLink(near, far *os.File, seed uint64) *link {
	l := &link{near: near, far: far}
	l.conditions.Store(&Conditions{})
	l.wg.Go(func() { l.carry(far, near, &l.up, rand.New(rand.NewPCG(seed, 1))) })
	l.wg.Go(func() { l.carry(near, far, &l.down, rand.New(rand.NewPCG(seed, 2))) })
	return l
}

// Set implements [Path].
func (l *link) Set(c Conditions) { l.conditions.Store(&c) }

// Reset implements [Path].
func (l *link) Reset() { l.doomed.wanted.Add(1) }

// Carried implements [Path].
func (l *link) Carried() (up, down int64) { return l.up.Load(), l.down.Load() }

func (l *link) close() {
	l.near.Close()
	l.far.Close()
	l.wg.Wait()
}

// late is a packet on its way.
type late struct {
	p  []byte
	at time.Time
}

// carry takes packets from one interface to the other until one is closed.
func (l *link) carry(from, to *os.File, count *atomic.Int64, random *rand.Rand) {
	way := make(chan late, queued)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(way)
	wg.Go(func() { l.deliver(way, to) })
	buf := make([]byte, largestPacket)
	var free time.Time // when a path of limited rate has sent what it was given
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p := buf[:n]
		c := l.conditions.Load()
		if c.Blackhole || c.Loss > 0 && random.Float64() < c.Loss {
			continue
		}
		if rstBack, rstOn := l.doomed.answer(p); rstOn != nil {
			from.Write(rstBack)
			to.Write(rstOn)
			continue
		}
		at := time.Now()
		if c.Rate > 0 {
			if free.Sub(at) > waiting {
				continue
			}
			if free.Before(at) {
				free = at
			}
			free = free.Add(time.Duration(n) * time.Second / time.Duration(c.Rate))
			at = free
		}
		count.Add(int64(n))
		if c.Delay == 0 && c.Rate == 0 && len(way) == 0 {
			to.Write(p) // a full interface loses it, as a router would
			continue
		}
		copied := packets.Get().(*[]byte)
		p = append((*copied)[:0], p...)
		select {
		case way <- late{p, at.Add(c.Delay)}:
		default:
		}
	}
}

// deliver writes packets when their time has come, in order. A packet never overtakes
// another, so that a delay that ends does not look like loss.
func (l *link) deliver(way <-chan late, to io.Writer) {
	for pk := range way {
		if wait := time.Until(pk.at); wait > 0 {
			time.Sleep(wait)
		}
		if !l.conditions.Load().Blackhole {
			to.Write(pk.p)
		}
		packets.Put(&pk.p)
	}
}

var packets = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}
