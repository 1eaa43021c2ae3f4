package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// memoryQuiet is what the program may hold without anybody looking after it, in bytes.
	memoryQuiet = 64 << 20

	memoryPace = 10 * time.Second

	// memoryRestMax is how long the program rests between two tries that find nothing.
	memoryRestMax = 5 * time.Minute
)

// returnMemory gives memory back to the operating system when a flood is over, until ctx
// ends: without traffic the collector would come minutes later. While the collector runs
// by itself, there is traffic, and nothing is done.
func returnMemory(ctx context.Context, pace time.Duration) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	use := newMemoryUse()
	rest := pace // until the next try
	last := time.Now()
	for {
		_, before := use.read()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		held, cycles := use.read()
		if cycles != before || held <= memoryQuiet || time.Since(last) < rest {
			continue
		}
		// What pools hold survives one collection.
		runtime.GC()
		debug.FreeOSMemory()
		if left, _ := use.read(); left < held-held/8 {
			rest = pace
		} else {
			rest = min(2*rest, memoryRestMax)
		}
		last = time.Now()
	}
}

// memoryUse reads what Go's runtime says of its memory.
type memoryUse []metrics.Sample

func newMemoryUse() memoryUse {
	return memoryUse{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
}

// read returns the bytes that the system has given, and how many collections there were.
func (u memoryUse) read() (held, cycles uint64) {
	metrics.Read(u)
	return u[0].Value.Uint64() - u[1].Value.Uint64(), u[2].Value.Uint64()
}
