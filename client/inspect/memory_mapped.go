//go:build (linux || darwin) && !race

package inspect

import "golang.org/x/sys/unix"

const inHeap = false

// regionSize is how many bytes of addresses are mapped at once. Only what is written to
// takes memory.
const regionSize = 16 << 20

// memory gives an arena its chunks, past Go's heap. Builds for the race detector have
// them in the heap, since it sees nothing else. The arena's lock guards it.
//
// What it maps stays mapped: the kernel locks all of a program's memory for each change
// of that, and takes back the pages of a chunk without it.
type memory struct {
	regions [][]byte
	unused  []byte   // of the last region
	spare   [][]byte // chunks that were given back, without memory
}

// take returns a chunk. One that the system refuses is taken from the heap.
func (m *memory) take() []byte {
	if n := len(m.spare); n > 0 {
		mem := m.spare[n-1]
		m.spare = m.spare[:n-1]
		return mem
	}
	if len(m.unused) == 0 {
		region, err := unix.Mmap(-1, 0, regionSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return make([]byte, chunkSize)
		}
		smallPages(region)
		m.regions = append(m.regions, region)
		m.unused = region
	}
	mem := m.unused[:chunkSize:chunkSize]
	m.unused = m.unused[chunkSize:]
	return mem
}

// put gives back a chunk that nobody uses. (Of one from the heap the system takes the
// pages, too: it holds nothing any more.)
func (m *memory) put(mem []byte) {
	_ = unix.Madvise(mem, freePages)
	m.spare = append(m.spare, mem)
}

// releaseAll gives back everything, once nobody can use it any more.
func (m *memory) releaseAll() {
	for _, region := range m.regions {
		_ = unix.Munmap(region)
	}
	*m = memory{}
}
