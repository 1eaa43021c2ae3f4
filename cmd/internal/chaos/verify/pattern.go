// Package verify makes streams whose every byte tells where it belongs, and judges what
// arrives of them: complete, visibly cut, silently truncated, corrupt, or crossed with
// another stream.
package verify

import (
	"encoding/binary"
	"fmt"
)

// Direction is one of the two ways through a tunnel.
type Direction uint8

const (
	// Up leads from the visitor to the private service.
	Up Direction = iota
	// Down leads from the private service to the visitor.
	Down
)

func (d Direction) String() string {
	if d == Up {
		return "up"
	}
	return "down"
}

// wordBits of a stream's position leave 31 bits for the stream's number.
const wordBits = 32

// Pattern is the content of one direction of one stream: a series of 8-byte words, each
// an invertible mix of the run's seed, the stream, the direction and the word's
// position. Any word found elsewhere therefore says which byte of which stream it is.
type Pattern struct {
	seed uint64
	base uint64
}

// NewPattern returns the content of a direction of the stream with that number, which
// must be less than 1<<31. It is good for 32 GiB.
func NewPattern(seed uint64, stream uint32, d Direction) Pattern {
	return Pattern{seed: seed, base: uint64(stream)<<(wordBits+1) | uint64(d)<<wordBits}
}

// Fill puts the content that begins at byte offset off into p.
func (c Pattern) Fill(p []byte, off int64) {
	word := uint64(off) / 8
	if skip := int(off % 8); skip > 0 {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], c.word(word))
		p = p[copy(p, w[skip:]):]
		word++
	}
	for ; len(p) >= 8; p = p[8:] {
		binary.LittleEndian.PutUint64(p, c.word(word))
		word++
	}
	if len(p) > 0 {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], c.word(word))
		copy(p, w[:])
	}
}

// Check returns the index of the first byte of p that is not the content that begins at
// byte offset off, or -1.
func (c Pattern) Check(p []byte, off int64) int {
	at := 0
	word := uint64(off) / 8
	var w [8]byte
	for at < len(p) {
		skip := int((off + int64(at)) % 8)
		if skip == 0 && len(p)-at >= 8 && binary.LittleEndian.Uint64(p[at:]) == c.word(word) {
			at += 8
			word++
			continue
		}
		binary.LittleEndian.PutUint64(w[:], c.word(word))
		for _, b := range w[skip:] {
			if at == len(p) {
				return -1
			}
			if p[at] != b {
				return at
			}
			at++
		}
		word++
	}
	return -1
}

func (c Pattern) word(i uint64) uint64 { return mix((c.base | i) + c.seed) }

// Origin is where a piece of content belongs.
type Origin struct {
	Stream    uint32
	Direction Direction
	Offset    int64
}

func (o Origin) String() string {
	return fmt.Sprintf("byte %d of stream %d %v", o.Offset, o.Stream, o.Direction)
}

// Locate finds out where foreign bytes belong: the first 8-byte word in p, at whatever
// alignment, whose neighbour confirms it. streams is how many numbers were given out.
func Locate(seed uint64, p []byte, streams uint32) (Origin, bool) {
	for at := 0; at+16 <= len(p) && at < 64; at++ {
		x := unmix(binary.LittleEndian.Uint64(p[at:])) - seed
		o := Origin{
			Stream:    uint32(x >> (wordBits + 1)),
			Direction: Direction(x >> wordBits & 1),
			Offset:    int64(x&(1<<wordBits-1)) * 8,
		}
		if x>>(wordBits+1) >= uint64(streams) {
			continue
		}
		if NewPattern(seed, o.Stream, o.Direction).Check(p[at:at+16], o.Offset) < 0 {
			o.Offset -= int64(at)
			return o, true
		}
	}
	return Origin{}, false
}

// mix is the finaliser of splitmix64, a bijection; unmix undoes it.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func unmix(x uint64) uint64 {
	x = (x ^ x>>31 ^ x>>62) * 0x319642b2d24d8ec3
	x = (x ^ x>>27 ^ x>>54) * 0x96de1b173f119089
	return x ^ x>>30 ^ x>>60
}
