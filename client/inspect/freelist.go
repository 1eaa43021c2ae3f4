package inspect

import "encoding/binary"

// The free blocks of an arena of one order are a list, the one that was put back last in
// front: its memory is most likely still in a cache. The links are in the blocks
// themselves: 1 + the unit of the next one, and of the one before; 0 is none.

func (a *arena) pushLocked(r ref) {
	head := &a.free[r.order()-minOrder]
	a.setLinks(r, *head, 0)
	if *head != 0 {
		first := newRef(*head-1, r.order())
		next, _ := a.links(first)
		a.setLinks(first, next, r.unit()+1)
	}
	*head = r.unit() + 1
	a.markLocked(r, uint8(r.order()-minOrder)+1)
}

// popLocked returns the smallest free block of at least that order.
func (a *arena) popLocked(order int) (r ref, ok bool) {
	for ; order <= maxOrder; order++ {
		if head := a.free[order-minOrder]; head != 0 {
			r = newRef(head-1, order)
			a.removeLocked(r)
			return r, true
		}
	}
	return 0, false
}

// removeLocked takes a block out of the list of its order.
func (a *arena) removeLocked(r ref) {
	next, prev := a.links(r)
	if next != 0 {
		after := newRef(next-1, r.order())
		n, _ := a.links(after)
		a.setLinks(after, n, prev)
	}
	if prev != 0 {
		before := newRef(prev-1, r.order())
		_, p := a.links(before)
		a.setLinks(before, next, p)
	} else {
		a.free[r.order()-minOrder] = next
	}
	a.markLocked(r, 0)
}

// markLocked notes what begins where a block does. Whole chunks have no neighbours that
// would want to know.
func (a *arena) markLocked(r ref, mark uint8) {
	if r.order() == maxOrder {
		return
	}
	c := &(*a.chunks.Load())[r.chunk()]
	if c.free == nil {
		c.free = new([chunkUnits]uint8)
	}
	c.free[r.unit()%chunkUnits] = mark
}

func (a *arena) links(r ref) (next, prev uint32) {
	b := a.bytes(r)
	return binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:])
}

func (a *arena) setLinks(r ref, next, prev uint32) {
	b := a.bytes(r)
	binary.NativeEndian.PutUint32(b, next)
	binary.NativeEndian.PutUint32(b[4:], prev)
}
