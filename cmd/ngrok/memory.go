package main

import (
	"context"
	"math"
	"runtime/debug"
	"time"
)

const (
	// memoryBeside is what Go may take beside what the inspector keeps there, in bytes,
	// garbage included. With half of it the collector would run all the time, and empty
	// the pools of buffers whenever it does.
	memoryBeside = 14 << 20

	// memoryPerConn is what an open connection adds to that.
	memoryPerConn = 64 << 10

	memoryPace = 250 * time.Millisecond

	// memoryPercent is how much the heap may grow between two collections while that is
	// within the bound. Twice the usual: a heap of a few megabytes would be collected all
	// the time, and each collection stops the world.
	memoryPercent = 200
)

// boundMemory has the garbage collector keep the heap within the inspector's part of it
// and memoryBeside, until ctx ends: by itself it would let the heap double. budget
// returns the bytes that the inspector may have there, conns how many connections are open.
func boundMemory(ctx context.Context, budget, conns func() int64) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return // whoever set GOMEMLIMIT knows better
	}
	defer debug.SetMemoryLimit(math.MaxInt64)
	if usual := debug.SetGCPercent(memoryPercent); usual == 100 {
		defer debug.SetGCPercent(usual)
	} else {
		debug.SetGCPercent(usual) // the same goes for GOGC
	}
	tick := time.NewTicker(memoryPace)
	defer tick.Stop()
	for {
		debug.SetMemoryLimit(memoryLimit(budget(), conns()))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func memoryLimit(budget, conns int64) int64 {
	return budget + memoryBeside + conns*memoryPerConn
}
