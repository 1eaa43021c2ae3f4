package main

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// memoryBeside is what Go may take beside what the inspector keeps in the heap, in
	// bytes, garbage included.
	memoryBeside = 14 << 20

	// memoryGrowth is the least that may be allocated between two collections all the
	// same, in bytes; half of what is needed, when that is more. With less the collector
	// would run all the time, at several times the cost of what it cleans up after.
	memoryGrowth = 10 << 20

	// memoryStep is what the bound has to be off by to be worth a change, which stops
	// the world.
	memoryStep = 1 << 20

	// A collection is forced to see how much is needed when that seems too much: while
	// little is allocated, none would come by itself to find what has been let go. The rest
	// between two is doubled when the first has found nothing.
	memoryRestMin = 2 * time.Second
	memoryRestMax = time.Minute

	memoryPace = 250 * time.Millisecond
)

// boundMemory has Go keep near the inspector's part of the heap and memoryBeside, until
// ctx ends: by itself it would let the heap double, and give back slowly what held many
// small exchanges when large ones take their place. budget returns the bytes that the
// inspector may have in the heap.
func boundMemory(ctx context.Context, budget func() int64) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return // whoever set GOMEMLIMIT knows better
	}
	defer debug.SetMemoryLimit(math.MaxInt64)
	tick := time.NewTicker(memoryPace)
	defer tick.Stop()
	use := newMemoryUse()
	limit := int64(math.MaxInt64)
	rest := memoryRestMin
	var forced time.Time
	for {
		bound, needed := budget()+memoryBeside, use.needed()
		if now := time.Now(); needed > bound && now.Sub(forced) >= rest {
			runtime.GC()
			seemed := needed
			forced, needed = now, use.needed()
			if rest = min(2*rest, memoryRestMax); seemed-needed >= memoryStep {
				rest = memoryRestMin
			}
		}
		if next := max(bound, needed+max(memoryGrowth, needed/2)); max(limit-next, next-limit) >= memoryStep {
			limit = next
			debug.SetMemoryLimit(limit)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// memoryUse reads what Go's runtime says of its memory.
type memoryUse []metrics.Sample

func newMemoryUse() memoryUse {
	return memoryUse{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/total:bytes"},
		// Of the total, what is not needed or counted as live already.
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
}

// needed returns the bytes that a collection at this moment would leave in use: objects,
// stacks, and what the runtime has for itself.
func (u memoryUse) needed() int64 {
	metrics.Read(u)
	n := u[0].Value.Uint64() + u[1].Value.Uint64()
	for _, s := range u[2:] {
		n -= s.Value.Uint64()
	}
	return int64(n)
}
