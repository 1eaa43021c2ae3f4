//go:build unix && !race

package inspect

import (
	"sync"

	"golang.org/x/sys/unix"
)

// memory gives an arena its chunks, past Go's heap. Builds for the race detector have
// them in the heap, since it sees nothing else.
type memory struct {
	mu     sync.Mutex
	mapped map[*byte][]byte
}

const inHeap = false

// take returns a chunk. One that the system refuses is taken from the heap.
func (m *memory) take() []byte {
	mem, err := unix.Mmap(-1, 0, chunkSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return make([]byte, chunkSize)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mapped == nil {
		m.mapped = map[*byte][]byte{}
	}
	m.mapped[&mem[0]] = mem
	return mem
}

// put gives back a chunk that nobody uses.
func (m *memory) put(mem []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mapped[&mem[0]] == nil {
		return // of the heap
	}
	delete(m.mapped, &mem[0])
	_ = unix.Munmap(mem) // fails for what is not mapped
}

// releaseAll gives back everything, once nobody can use it any more.
func (m *memory) releaseAll() {
	for _, mem := range m.mapped {
		_ = unix.Munmap(mem)
	}
	m.mapped = nil
}
