package main

import (
	"context"
	"math"
	"runtime/debug"
	"testing"
)

func TestBoundMemory(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	want := memoryLimit(50<<20, 100)
	looks := 0
	boundMemory(ctx, func() int64 {
		if looks++; looks == 2 {
			if percent := debug.SetGCPercent(memoryPercent); percent != memoryPercent {
				t.Errorf("the heap may grow by %d %%, want %d", percent, memoryPercent)
			}
			if seen := debug.SetMemoryLimit(-1); seen != want {
				t.Errorf("the limit is %d after the first look, want %d", seen, want)
			}
			cancel()
		}
		return 50 << 20
	}, func() int64 { return 100 })
	if seen := debug.SetMemoryLimit(-1); seen != math.MaxInt64 {
		t.Errorf("the limit is %d afterwards, want none", seen)
	}
	if percent := debug.SetGCPercent(100); percent != 100 {
		t.Errorf("the heap may grow by %d %% afterwards, want 100", percent)
	}
	if want != 50<<20+14<<20+100*64<<10 {
		t.Errorf("limit %d", want)
	}
}
