//go:build linux

package faultnet

import (
	"encoding/binary"
	"testing"
)

// segment makes a TCP packet without data.
func segment(src, dst byte, srcPort, dstPort uint16, flags byte) []byte {
	p := make([]byte, 40)
	p[0], p[9] = 0x45, 6
	copy(p[12:], []byte{10, 0, 0, src, 10, 0, 0, dst})
	t := p[20:]
	binary.BigEndian.PutUint16(t[0:], srcPort)
	binary.BigEndian.PutUint16(t[2:], dstPort)
	binary.BigEndian.PutUint32(t[4:], 1000)
	binary.BigEndian.PutUint32(t[8:], 2000)
	t[12], t[13] = 5<<4, flags
	return p
}

func TestDoomedConnectionIsAnsweredBothWays(t *testing.T) {
	var d doomed
	packet := segment(1, 2, 40000, 4443, flagACK)
	if _, on := d.answer(packet); on != nil {
		t.Fatal("answered though nothing was wanted")
	}
	d.wanted.Add(1)
	if _, on := d.answer(segment(1, 2, 40000, 4443, flagSYN|flagACK)); on != nil {
		t.Fatal("a handshake was chosen")
	}
	back, on := d.answer(packet)
	for name, test := range map[string]struct {
		p        []byte
		src, dst byte
		port     uint16
		seq      uint32
	}{"on": {on, 1, 2, 40000, 1000}, "back": {back, 2, 1, 4443, 2000}} {
		p := test.p
		switch {
		case len(p) != 40 || p[15] != test.src || p[19] != test.dst:
			t.Errorf("%s: %x", name, p)
		case binary.BigEndian.Uint16(p[20:]) != test.port || binary.BigEndian.Uint32(p[24:]) != test.seq || p[33] != flagRST:
			t.Errorf("%s: wrong segment %x", name, p[20:])
		case fold(sum16(p[:20], 0)) != 0xffff || fold(sum16(p[20:], sum16(p[12:20], 6+20))) != 0xffff:
			t.Errorf("%s: wrong checksum in %x", name, p)
		}
	}
	if _, on := d.answer(segment(2, 1, 4443, 40000, flagACK)); on == nil {
		t.Error("the other direction goes on")
	}
	if _, on := d.answer(segment(1, 2, 40001, 4443, flagACK)); on != nil {
		t.Error("another connection was hit")
	}
}
