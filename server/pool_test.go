package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// testPool is a pool that counts what it asks for.
func testPool(reuse bool) (p *pool, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	return newPool(reuse, func(n int) { asked.Add(int64(n)) }), asked
}

// TestPoolIsBounded opens connections for which nobody has asked, and brings back more
// than anybody was asked for.
func TestPoolIsBounded(t *testing.T) {
	p, _ := testPool(true)
	for i := range 100 {
		kept := p.register(newProxyConn(nil, p, true))
		if kept != (i < unaskedMax) {
			t.Fatalf("connection %d: kept is %v", i, kept)
		}
	}
	if len(p.open) != unaskedMax {
		t.Errorf("%d are open, want %d", len(p.open), unaskedMax)
	}
	p.asked = make([]asked, 1)
	if !p.register(newProxyConn(nil, p, true)) {
		t.Error("one that was asked for is not kept")
	}
	for i := len(p.idle); i < 10_000; i++ {
		if kept := p.put(newProxyConn(nil, p, true)); kept != (i < idleMax) {
			t.Fatalf("connection %d came back: kept is %v", i, kept)
		}
	}
}

// TestPoolAsks counts ReqProxys: one ahead, one for each visitor that waits, and again
// when they bring nothing.
func TestPoolAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, asked := testPool(true)
		p.sweep(time.Now())
		if asked.Load() != 1 {
			t.Fatalf("asked for %d at the start, want 1", asked.Load())
		}
		results := make(chan error, 3)
		for range 3 {
			go func() { _, err := p.take(t.Context(), new(stay)); results <- err }()
		}
		synctest.Wait()
		if asked.Load() != 3 {
			t.Errorf("asked for %d with 3 visitors waiting, want 3", asked.Load())
		}
		p.sweep(time.Now())
		if asked.Load() != 4 {
			t.Errorf("asked for %d in all, want one ahead of 3 visitors", asked.Load())
		}
		p.sweep(time.Now())
		if asked.Load() != 4 {
			t.Errorf("asked for %d again at once", asked.Load()-4)
		}
		time.Sleep(askTimeout - time.Millisecond)
		synctest.Wait()
		p.sweep(time.Now().Add(2 * time.Millisecond))
		if asked.Load() != 8 {
			t.Errorf("asked for %d more when nothing came, want 4", asked.Load()-4)
		}
		first := newProxyConn(nil, p, true)
		p.register(first)
		if err := <-results; err != nil {
			t.Errorf("the visitor who waited longest: %v", err)
		}
		for range 2 {
			if err := <-results; !errors.Is(err, errPoolEmpty) {
				t.Errorf("a visitor who waited in vain: %v", err)
			}
		}
	})
}

// TestPoolAsksForNoneInUse uses a connection and puts it back: where connections come
// back, none is asked for meanwhile.
func TestPoolAsksForNoneInUse(t *testing.T) {
	p, asked := testPool(true)
	p.sweep(time.Now())
	pc := newProxyConn(nil, p, true)
	p.register(pc)
	for range 3 {
		if got, err := p.take(t.Context(), new(stay)); got != pc || err != nil {
			t.Fatal(got, err)
		}
		if p.remove(pc, false) { // the client's answer woke its reader
			t.Fatal("taken, and still idle")
		}
		p.put(pc)
	}
	if asked.Load() != 1 {
		t.Errorf("asked for %d connections, want the first", asked.Load())
	}
	if p.remove(pc, true); asked.Load() != 2 {
		t.Errorf("asked for %d connections after the first had died, want 2", asked.Load())
	}
}

// TestPoolAsksAgain: while visitors wait and nothing comes, what is late is asked for once
// more, and only then.
func TestPoolAsksAgain(t *testing.T) {
	const visitors = 20
	synctest.Test(t, func(t *testing.T) {
		p, asked := testPool(true)
		var wg sync.WaitGroup
		for range visitors {
			wg.Go(func() { p.take(t.Context(), new(stay)) })
		}
		synctest.Wait()
		p.sweep(time.Now())
		after := func(d time.Duration) int64 {
			before := asked.Load()
			for end := time.Now().Add(d); time.Now().Before(end); {
				time.Sleep(500 * time.Millisecond)
				p.sweep(time.Now())
			}
			return asked.Load() - before
		}
		if n := after(askPatience - 500*time.Millisecond); n != 0 {
			t.Errorf("%d asked for again too soon", n)
		}
		p.register(newProxyConn(nil, p, true)) // so the client is at it
		if n := after(askPatience - 500*time.Millisecond); n != 0 {
			t.Errorf("%d asked for again while connections come", n)
		}
		if n := after(500 * time.Millisecond); n != visitors-1 {
			t.Errorf("%d asked for again with %d visitors waiting", n, visitors-1)
		}
		if n := after(askPatience); n != 0 {
			t.Errorf("%d asked for a third time", n)
		}
		for range visitors - 1 {
			p.register(newProxyConn(nil, p, true))
		}
		wg.Wait()
	})
}

// TestPoolIsPatientWithoutVisitors asks for nothing again for which nobody waits.
func TestPoolIsPatientWithoutVisitors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, asked := testPool(true)
		for range 10 {
			p.sweep(time.Now())
			time.Sleep(time.Second)
		}
		if asked.Load() != 1 {
			t.Errorf("asked for %d, want 1", asked.Load())
		}
	})
}

// TestPoolOrder takes the connection that was used last.
func TestPoolOrder(t *testing.T) {
	p, _ := testPool(true)
	a, b := newProxyConn(nil, p, true), newProxyConn(nil, p, true)
	p.register(a)
	p.register(b)
	for _, want := range []*proxyConn{b, a} {
		if got, err := p.take(t.Context(), new(stay)); got != want || err != nil {
			t.Errorf("took %p, %v; want %p", got, err, want)
		}
	}
	p.put(a)
	p.remove(a, true)
	if p.put(a) {
		t.Error("a dead connection came back")
	}
}

// TestPoolEnds sends visitors away when the session or the server ends.
func TestPoolEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, asked := testPool(true)
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error, 1)
		go func() { _, err := p.take(ctx, new(stay)); results <- err }()
		synctest.Wait()
		cancel()
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("the server ended: %v", err)
		}
		go func() { _, err := p.take(t.Context(), new(stay)); results <- err }()
		synctest.Wait()
		p.close()
		if err := <-results; !errors.Is(err, errPoolClosed) {
			t.Errorf("the session ended: %v", err)
		}
		if _, err := p.take(t.Context(), new(stay)); !errors.Is(err, errPoolClosed) {
			t.Errorf("afterwards: %v", err)
		}
		before := asked.Load()
		p.sweep(time.Now().Add(time.Hour))
		if asked.Load() != before || p.register(newProxyConn(nil, p, true)) {
			t.Error("a closed pool goes on")
		}
	})
}

// TestPoolFloor keeps more ahead for a plain client under demand, and fewer afterwards.
func TestPoolFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := testPool(false)
		for range 200 {
			p.register(newProxyConn(nil, p, false))
			if _, err := p.take(t.Context(), new(stay)); err != nil {
				t.Fatal(err)
			}
		}
		if p.floor != floorMax {
			t.Errorf("floor is %d under demand, want %d", p.floor, floorMax)
		}
		for range 20 {
			time.Sleep(floorWindow)
			p.sweep(time.Now())
		}
		if p.floor != 1 {
			t.Errorf("floor is %d in the end, want 1", p.floor)
		}
	})
}
