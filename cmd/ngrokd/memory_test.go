package main

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"
)

func TestReturnMemory(t *testing.T) {
	const flood = 2 * memoryQuiet
	use := newMemoryUse()
	memory := make([]byte, flood)
	for i := 0; i < flood; i += 4 << 10 {
		memory[i] = 1
	}
	if held, _ := use.read(); held < flood {
		t.Fatalf("%d bytes are held of %d that are in use", held, flood)
	}
	runtime.KeepAlive(memory)

	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { returnMemory(ctx, 10*time.Millisecond) })
	defer wg.Wait()
	defer cancel()
	deadline := time.Now().Add(30 * time.Second)
	for held, _ := use.read(); held > flood*3/4; held, _ = use.read() {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are held after a flood of %d", held, flood)
		}
		time.Sleep(time.Millisecond)
	}
}
