package main

import (
	"context"
	"math"
	"runtime/debug"
	"testing"
)

func TestBoundMemory(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var seen int64
	boundMemory(ctx, func() int64 { return 50 << 20 }, func() int64 {
		// The second look comes after a second: the first is enough here.
		cancel()
		return 100
	})
	if seen = debug.SetMemoryLimit(-1); seen != math.MaxInt64 {
		t.Errorf("the limit is %d afterwards, want none", seen)
	}
	if got, want := memoryLimit(50<<20, 100), int64(50<<20+20<<20+100*64<<10); got != want {
		t.Errorf("limit %d, want %d", got, want)
	}
}
