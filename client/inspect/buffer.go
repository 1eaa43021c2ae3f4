package inspect

import "bytes"

// Sizes of the blocks of a buffer, in bytes: small first, since most messages are
// heads and short bodies, and growing, since a block's unused end is paid for.
const (
	minBlock = 512
	maxBlock = 64 << 10
)

// buffer holds bytes that are only ever appended. Bytes once written stay where they
// are and as they are, so that a snapshot can share its blocks.
type buffer struct {
	blocks [][]byte
	n      int
}

// append copies p and returns by how much the memory in use grew. want is how many
// bytes are known to follow p, -1 when nothing is known.
func (b *buffer) append(p []byte, want int64) (grown int64) {
	for len(p) > 0 {
		last := len(b.blocks) - 1
		if last < 0 || len(b.blocks[last]) == cap(b.blocks[last]) {
			size := b.nextBlock(int64(len(p)), want)
			b.blocks = append(b.blocks, make([]byte, 0, size))
			last++
			grown += size
		}
		block := b.blocks[last]
		k := min(len(p), cap(block)-len(block))
		b.blocks[last] = append(block, p[:k]...)
		b.n += k
		p = p[k:]
	}
	return grown
}

// nextBlock returns the size of the next block, for n bytes and those that follow.
func (b *buffer) nextBlock(n, want int64) int64 {
	if want >= 0 {
		return min(n+want, maxBlock)
	}
	return min(max(n, minBlock, int64(b.n)), maxBlock)
}

// trim gives back the unused end of the last block when that is worth a copy, and
// returns by how much the memory in use shrank, as a negative number.
func (b *buffer) trim() (grown int64) {
	last := len(b.blocks) - 1
	if last < 0 {
		return 0
	}
	block := b.blocks[last]
	if unused := cap(block) - len(block); unused < 256 || unused < len(block)/4 {
		return 0
	}
	b.blocks[last] = bytes.Clone(block)
	return int64(cap(b.blocks[last]) - cap(block))
}

// snapshot returns the bytes so far, without copying them.
func (b *buffer) snapshot() blocks { return append(blocks(nil), b.blocks...) }

// blocks are consecutive pieces of bytes.
type blocks [][]byte

// join returns the bytes in one piece; nil when there are none.
func (b blocks) join() []byte {
	if len(b) == 1 {
		return b[0][:len(b[0]):len(b[0])]
	}
	return bytes.Join(b, nil)
}
