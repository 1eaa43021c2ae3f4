package main

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	// garbageMax is how much garbage may lie beside what the inspector keeps, in bytes,
	// so that the program stays within its budget and 30 MiB.
	garbageMax = 20 << 20

	// gcPercentMin is where collecting more often would cost more than it gives.
	gcPercentMin = 20

	memoryPace = time.Second
)

// boundGarbage lets the garbage collector run more often while the inspector keeps much,
// until ctx ends: by itself it lets the heap double. kept returns the bytes.
func boundGarbage(ctx context.Context, kept func() int64) {
	tick := time.NewTicker(memoryPace)
	defer tick.Stop()
	before := debug.SetGCPercent(100)
	debug.SetGCPercent(before)
	if before < 0 || before != 100 {
		return // whoever set GOGC knows better
	}
	defer debug.SetGCPercent(before)
	now := before
	for {
		if p := gcPercent(kept()); p != now {
			debug.SetGCPercent(p)
			now = p
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// gcPercent returns, in steps of 10, by how much the heap may grow when that many bytes
// are kept.
func gcPercent(kept int64) int {
	if kept <= garbageMax {
		return 100
	}
	return max(gcPercentMin, int(garbageMax*10/kept)*10)
}
