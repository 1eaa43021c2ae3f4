package main

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestBoundMemory(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const budget = 1 << 30 // far above what a test needs
	looks := 0
	boundMemory(ctx, func() int64 {
		if looks++; looks == 2 {
			if seen := debug.SetMemoryLimit(-1); seen != budget+memoryBeside {
				t.Errorf("the limit is %d after the first look, want %d", seen, budget+memoryBeside)
			}
			cancel()
		}
		return budget
	})
	if seen := debug.SetMemoryLimit(-1); seen != math.MaxInt64 {
		t.Errorf("the limit is %d afterwards, want none", seen)
	}
}

// TestMemoryNeeded holds on to memory: the bound must leave room beyond it, or the
// collector would not come to rest.
func TestMemoryNeeded(t *testing.T) {
	held := make([]byte, 64<<20)
	runtime.GC()
	needed := newMemoryUse().needed()
	if needed < int64(len(held)) || needed > int64(len(held))+64<<20 {
		t.Errorf("%d bytes are needed while %d are held", needed, len(held))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	looks := 0
	boundMemory(ctx, func() int64 {
		if looks++; looks == 2 {
			if seen := debug.SetMemoryLimit(-1); seen < int64(len(held))+memoryGrowth {
				t.Errorf("the limit is %d while %d are held", seen, len(held))
			}
			cancel()
		}
		return 0
	})
	runtime.KeepAlive(held)
}
