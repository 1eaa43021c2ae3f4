//go:build linux

package faultnet

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// TCP flags, RFC 9293 section 3.1.
const (
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// doomTime is how long every packet of an aborted connection is answered. One RST may
// not be enough: only one with the very next sequence number counts (RFC 5961), and the
// answer to any other tells us that number.
const doomTime = 2 * time.Second

// flow names a connection, the same from both directions.
type flow struct{ low, high endpoint }

type endpoint [6]byte // address and port

// doomed is the connections that are being aborted.
type doomed struct {
	wanted atomic.Int32 // how many more are to be chosen
	some   atomic.Bool  // any are in flows

	mu    sync.Mutex
	flows map[flow]time.Time // until when
}

// answer returns the RSTs for both ends of a packet whose connection is to be aborted,
// or nil.
func (d *doomed) answer(p []byte) (back, on []byte) {
	if d.wanted.Load() == 0 && !d.some.Load() {
		return nil, nil
	}
	head, ok := tcpHeader(p)
	if !ok {
		return nil, nil
	}
	t := p[head:]
	flags := t[13]
	if flags&flagRST != 0 || flags&flagACK == 0 || !d.isDoomed(flowOf(p, t), flags) {
		return nil, nil
	}
	seq, ack := binary.BigEndian.Uint32(t[4:]), binary.BigEndian.Uint32(t[8:])
	src, dst := p[12:16], p[16:20]
	on = rst(src, dst, t[0:2], t[2:4], seq)
	back = rst(dst, src, t[2:4], t[0:2], ack)
	return back, on
}

func (d *doomed) isDoomed(f flow, flags byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	until, is := d.flows[f]
	switch {
	case is && time.Now().Before(until):
		return true
	case is:
		delete(d.flows, f)
		d.some.Store(len(d.flows) > 0)
		return false
	case flags&flagSYN != 0 || d.wanted.Load() == 0:
		return false
	}
	d.wanted.Add(-1)
	if d.flows == nil {
		d.flows = make(map[flow]time.Time)
	}
	d.flows[f] = time.Now().Add(doomTime)
	d.some.Store(true)
	return true
}

// tcpHeader returns where the TCP header of an IPv4 packet begins.
func tcpHeader(p []byte) (int, bool) {
	if len(p) < 40 || p[0]>>4 != 4 || p[9] != 6 {
		return 0, false
	}
	head := int(p[0]&15) * 4
	return head, head >= 20 && len(p) >= head+20
}

func flowOf(p, t []byte) flow {
	var a, b endpoint
	copy(a[:4], p[12:16])
	copy(a[4:], t[0:2])
	copy(b[:4], p[16:20])
	copy(b[4:], t[2:4])
	if string(a[:]) > string(b[:]) {
		a, b = b, a
	}
	return flow{a, b}
}

// rst makes the packet that aborts a connection.
func rst(src, dst, srcPort, dstPort []byte, seq uint32) []byte {
	p := make([]byte, 40)
	p[0], p[8], p[9] = 0x45, 64, 6 // IPv4, five words; hops; TCP
	binary.BigEndian.PutUint16(p[2:], 40)
	copy(p[12:], src)
	copy(p[16:], dst)
	t := p[20:]
	copy(t[0:], srcPort)
	copy(t[2:], dstPort)
	binary.BigEndian.PutUint32(t[4:], seq)
	t[12], t[13] = 5<<4, flagRST
	// The pseudo header (RFC 9293 section 3.1): addresses, protocol, length.
	sum := sum16(p[12:20], 6+20)
	binary.BigEndian.PutUint16(t[16:], ^fold(sum16(t, sum)))
	binary.BigEndian.PutUint16(p[10:], ^fold(sum16(p[:20], 0)))
	return p
}

func sum16(p []byte, sum uint32) uint32 {
	for ; len(p) >= 2; p = p[2:] {
		sum += uint32(binary.BigEndian.Uint16(p))
	}
	return sum
}

func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}
