package inspect

import "runtime"

// firstBlock is the size of the first block of a message whose length is not known, in
// bytes. Further ones double what there is.
const firstBlock = 512

// buffer holds bytes that are only ever appended, in blocks of an arena. Bytes once
// written stay where they are and as they are until the blocks are given back. The zero
// buffer is empty.
type buffer struct {
	few  [4]ref // the first blocks
	more []ref  // those after them
	have int32  // blocks
	room int32  // bytes left in the last block
	n    int    // bytes written
}

func (b *buffer) block(i int) ref {
	if i < len(b.few) {
		return b.few[i]
	}
	return b.more[i-len(b.few)]
}

func (b *buffer) last() ref { return b.block(int(b.have) - 1) }

func (b *buffer) push(r ref) {
	if int(b.have) < len(b.few) {
		b.few[b.have] = r
	} else {
		b.more = append(b.more, r)
	}
	b.have++
}

func (b *buffer) pop() (last ref) {
	last = b.last()
	b.have--
	if int(b.have) >= len(b.few) {
		b.more = b.more[:len(b.more)-1]
	}
	return last
}

// append copies p and returns by how much the memory in use grew. want is how many
// bytes are known to follow p, -1 when nothing is known.
func (b *buffer) append(a *arena, p []byte, want int64) (grown int64) {
	for len(p) > 0 {
		if b.room == 0 {
			r := a.take(b.nextOrder(int64(len(p)), want))
			b.reserve(int64(len(p)) + want)
			b.push(r)
			b.room = int32(r.size())
			grown += int64(r.size())
		}
		mem := a.bytes(b.last())
		k := copy(mem[len(mem)-int(b.room):], p)
		b.room -= int32(k)
		b.n += k
		p = p[k:]
	}
	runtime.KeepAlive(a)
	return grown
}

// reserve makes place for the names of the blocks of n bytes.
func (b *buffer) reserve(n int64) {
	if blocks := int(n >> maxOrder); b.more == nil && blocks >= len(b.few) {
		b.more = make([]ref, 0, blocks)
	}
}

// nextOrder returns the order of the next block, for n bytes and those that follow.
func (b *buffer) nextOrder(n, want int64) int {
	if want < 0 {
		return orderFor(max(n, firstBlock, int64(b.n)))
	}
	n += want
	order := orderFor(n)
	size := int64(1) << order
	if unused := size - n; unused >= 1<<minOrder && unused > size/8 {
		order-- // and smaller ones for the rest
	}
	return order
}

// trim gives back the unused end of the last block, and returns by how much the memory
// in use shrank, as a negative number.
func (b *buffer) trim(a *arena) (grown int64) {
	if b.have == 0 {
		return 0
	}
	last := b.pop()
	for last.order() > minOrder && int(b.room) > last.size()/8 {
		lower, upper := last.halves()
		if int(b.room) < upper.size() {
			b.push(lower) // is full
			last = upper
			continue
		}
		a.put(upper)
		grown -= int64(upper.size())
		b.room -= int32(upper.size())
		last = lower
	}
	b.push(last)
	return grown
}

// free gives all blocks back.
func (b *buffer) free(a *arena) {
	for b.have > 0 {
		a.put(b.pop())
	}
	*b = buffer{}
}

// clone returns a buffer with the same blocks, for reading what is there now while b
// goes on to grow.
func (b *buffer) clone() buffer {
	c := *b
	c.more = append([]ref(nil), b.more...)
	return c
}

// bytes returns a copy of the bytes; nil when there are none.
func (b *buffer) bytes(a *arena) []byte {
	if b.n == 0 {
		return nil
	}
	out := make([]byte, 0, b.n)
	b.each(a, func(p []byte) { out = append(out, p...) })
	return out
}

// each calls f with the pieces of the bytes, in their order.
func (b *buffer) each(a *arena, f func(p []byte)) {
	left := b.n
	for i := range int(b.have) {
		mem := a.bytes(b.block(i))
		mem = mem[:min(len(mem), left)]
		left -= len(mem)
		f(mem)
	}
	runtime.KeepAlive(a)
}
