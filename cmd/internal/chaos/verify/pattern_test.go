package verify

import (
	"math/rand/v2"
	"testing"
)

func TestMixIsABijection(t *testing.T) {
	for _, x := range []uint64{0, 1, 1 << 63, 0xffffffffffffffff, rand.Uint64(), rand.Uint64()} {
		if got := unmix(mix(x)); got != x {
			t.Errorf("unmix(mix(%#x)) = %#x", x, got)
		}
	}
}

func TestPatternIsTheSameInAnyPieces(t *testing.T) {
	c := NewPattern(7, 3, Down)
	whole := make([]byte, 1000)
	c.Fill(whole, 0)
	for _, size := range []int{1, 3, 7, 8, 9, 64, 999} {
		pieces := make([]byte, 0, len(whole))
		for off := 0; off < len(whole); off += size {
			p := make([]byte, min(size, len(whole)-off))
			c.Fill(p, int64(off))
			if at := c.Check(p, int64(off)); at >= 0 {
				t.Fatalf("pieces of %d: byte %d+%d is wrong", size, off, at)
			}
			pieces = append(pieces, p...)
		}
		if string(pieces) != string(whole) {
			t.Errorf("pieces of %d differ from the whole", size)
		}
	}
}

func TestCheckFindsEveryWrongByte(t *testing.T) {
	c := NewPattern(1, 2, Up)
	for off := range int64(9) {
		p := make([]byte, 100)
		for at := range p {
			c.Fill(p, off)
			p[at] ^= 0x40
			if got := c.Check(p, off); got != at {
				t.Fatalf("offset %d: wrong byte %d was found at %d", off, at, got)
			}
		}
	}
}

func TestLocateNamesTheOwner(t *testing.T) {
	const seed, streams = 99, 50
	owner := NewPattern(seed, 31, Up)
	for _, off := range []int64{0, 8, 4096, 1 << 33, 12345} {
		p := make([]byte, 64)
		owner.Fill(p, off)
		o, ok := Locate(seed, p, streams)
		if !ok || o != (Origin{31, Up, off}) {
			t.Errorf("bytes from %d: located %v, %v", off, o, ok)
		}
	}
	if o, ok := Locate(seed, make([]byte, 64), streams); ok {
		t.Errorf("zeros are located at %v", o)
	}
}
