package inspect

import (
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
)

// Sizes of the memory for captured bytes, as powers of two.
const (
	minOrder = 7  // 128 bytes: what a head wastes at its end is less
	maxOrder = 16 // 64 KiB: what passes at once
	orders   = maxOrder - minOrder + 1

	chunkSize  = 1 << maxOrder
	chunkUnits = chunkSize >> minOrder

	// spareMemory is how many bytes an arena keeps that nobody uses before it gives chunks
	// back: what comes and goes while the store is full, bodies being dropped whole.
	spareMemory = 2 << 20
)

// ref names a block of an arena: where it begins in units of 1<<minOrder bytes, and in
// the lowest four bits its order less minOrder.
type ref uint32

func newRef(unit uint32, order int) ref { return ref(unit<<4 | uint32(order-minOrder)) }

// chunkRef names a chunk as one block.
func chunkRef(chunk uint32) ref { return newRef(chunk*chunkUnits, maxOrder) }

func (r ref) unit() uint32  { return uint32(r >> 4) }
func (r ref) chunk() uint32 { return r.unit() / chunkUnits }
func (r ref) order() int    { return int(r&15) + minOrder }
func (r ref) size() int     { return 1 << r.order() }

// halves divides a block. Who has it may put back each half by itself.
func (r ref) halves() (lower, upper ref) {
	order := r.order() - 1
	return newRef(r.unit(), order), newRef(r.unit()+1<<(order-minOrder), order)
}

// arena hands out blocks of memory whose sizes are powers of two, after the buddy
// system: neighbours that are both free become one block again, so that what long-lived
// blocks leave free is of use to others. Its memory is not the garbage collector's,
// where the system allows that: megabytes that never become garbage would let the heap
// grow by as many again between two collections.
//
// Whoever has a block has it alone, until it gives it back. The content of a block is that
// of its last owner. An arena is safe for concurrent use, and waits for nothing but its
// lock and the system's memory.
type arena struct {
	limit  int64 // bytes to have before blocks are given that are smaller than asked for
	memory *memory

	// chunks is replaced by a longer one when it is full. An entry stays as it is while
	// somebody has a block of it, so bytes needs no lock.
	chunks atomic.Pointer[[]chunk]

	mu     sync.Mutex
	count  int            // chunks that there ever were
	vacant []uint32       // of these, those that were given back
	free   [orders]uint32 // heads of the lists of free blocks
	used   int64          // bytes in blocks
	total  int64          // bytes in chunks
}

// chunk is a piece of memory of chunkSize bytes; one that was given back has none.
type chunk struct {
	mem []byte
	// free says of each unit whether a free block begins there: 1 + its order less
	// minOrder, else 0. It is nil until the chunk is divided for the first time.
	free *[chunkUnits]uint8
}

// newArena returns an arena for that many bytes; it takes none before they are needed.
// It may grow beyond them, for as long as more is in use.
func newArena(bytes int64) *arena {
	a := &arena{limit: bytes, memory: new(memory)}
	chunks := make([]chunk, 16)
	a.chunks.Store(&chunks)
	runtime.AddCleanup(a, (*memory).releaseAll, a.memory)
	return a
}

// bytes returns the memory of a block, for as long as it is the caller's.
func (a *arena) bytes(r ref) []byte {
	at := int(r.unit()%chunkUnits) << minOrder
	return (*a.chunks.Load())[r.chunk()].mem[at : at+r.size() : at+r.size()]
}

// take returns a block of that order, or of a smaller one where only such are left.
func (a *arena) take(order int) ref {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.popLocked(order)
	if !ok && a.total < a.limit {
		r, ok = a.growLocked(), true
	}
	for o := order - 1; !ok && o >= minOrder; o-- {
		r, ok = a.popLocked(o)
	}
	if !ok {
		r = a.growLocked()
	}
	for r.order() > order {
		lower, upper := r.halves()
		a.pushLocked(upper)
		r = lower
	}
	a.used += int64(r.size())
	return r
}

// growLocked returns a new chunk.
func (a *arena) growLocked() ref {
	var i uint32
	if n := len(a.vacant); n > 0 {
		i, a.vacant = a.vacant[n-1], a.vacant[:n-1]
	} else {
		i = uint32(a.count)
		a.count++
	}
	chunks := *a.chunks.Load()
	if int(i) == len(chunks) {
		longer := make([]chunk, 2*len(chunks))
		copy(longer, chunks)
		chunks = longer
		a.chunks.Store(&longer)
	}
	chunks[i].mem = a.memory.take()
	a.total += chunkSize
	return chunkRef(i)
}

// put takes a block back; its bytes must not be looked at any more.
func (a *arena) put(r ref) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used -= int64(r.size())
	c := &(*a.chunks.Load())[r.chunk()]
	for r.order() < maxOrder {
		buddy := newRef(r.unit()^1<<(r.order()-minOrder), r.order())
		if c.free == nil || c.free[buddy.unit()%chunkUnits] != uint8(r.order()-minOrder)+1 {
			break
		}
		a.removeLocked(buddy)
		r = newRef(min(r.unit(), buddy.unit()), r.order()+1)
	}
	if r.order() < maxOrder || a.total-a.used <= spareMemory {
		a.pushLocked(r)
		return
	}
	a.memory.put(c.mem)
	*c = chunk{}
	a.vacant = append(a.vacant, r.chunk())
	a.total -= chunkSize
}

// use returns the bytes in blocks and those that the arena has for them.
func (a *arena) use() (used, total int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.used, a.total
}

// beside returns the bytes in blocks that are not of Go's heap.
func (a *arena) beside() int64 {
	if inHeap {
		return 0
	}
	used, _ := a.use()
	return used
}

// orderFor returns the order of the smallest block for n bytes, at most maxOrder.
func orderFor(n int64) int {
	if n >= chunkSize {
		return maxOrder
	}
	return max(minOrder, bits.Len64(uint64(max(n, 1)-1)))
}
