package inspect

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Opcodes of websocket frames (RFC 6455 section 5.2).
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// maxFirst is the most room that is made for a payload before its bytes are there.
const maxFirst = 64 << 10

// maxControl is the longest payload of a control frame (RFC 6455 section 5.5).
const maxControl = 125

// wsParser reads the frames of one direction of a websocket, however they are split.
type wsParser struct {
	dir  Direction
	keep int64 // payload bytes of one message to keep

	head   [14]byte
	have   int   // bytes of head so far
	left   int64 // payload bytes of the frame still to come
	pos    int64 // payload bytes of the frame so far, for the mask
	masked bool
	key    [4]byte
	fin    bool

	message *wsItem // the data message that fragments are joined to
	control *wsItem // the control frame under way
	broken  string  // why frames cannot be found any more

	held int64 // memory of unfinished messages, in bytes
}

// feed reads p and gives complete messages to done.
func (w *wsParser) feed(p []byte, now time.Time, done func(wsItem)) {
	for len(p) > 0 && w.broken == "" {
		if need := w.headSize(); w.have < need {
			n := copy(w.head[w.have:need], p)
			w.have += n
			p = p[n:]
			if w.have < w.headSize() {
				continue
			}
			w.begin()
		} else {
			n := min(w.left, int64(len(p)))
			w.payload(p[:n])
			p = p[n:]
		}
		if w.broken == "" && w.left == 0 {
			w.end(now, done)
		}
	}
}

// stopKeeping makes the parser count the payloads to come, and forgets the unfinished.
func (w *wsParser) stopKeeping() {
	w.keep, w.held = 0, 0
	for _, m := range []*wsItem{w.message, w.control} {
		if m != nil {
			m.payload = nil
		}
	}
}

// headSize returns how many bytes the frame's head has, as far as that is known.
func (w *wsParser) headSize() int {
	if w.have < 2 {
		return 2
	}
	size := 2
	switch w.head[1] & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if w.head[1]&0x80 != 0 {
		size += 4
	}
	return size
}

// begin starts the frame whose head is complete.
func (w *wsParser) begin() {
	rest := w.head[2:w.have]
	switch n := w.head[1] & 0x7f; n {
	case 126:
		w.left = int64(binary.BigEndian.Uint16(rest))
	case 127:
		v := binary.BigEndian.Uint64(rest)
		if v > 1<<63-1 {
			w.broken = "a websocket frame claims an impossible length; what follows it is not shown"
			return
		}
		w.left = int64(v)
	default:
		w.left = int64(n)
	}
	w.pos = 0
	w.masked = w.head[1]&0x80 != 0
	if w.masked {
		copy(w.key[:], rest[len(rest)-4:])
	}
	w.fin = w.head[0]&0x80 != 0
	w.item()
}

// item chooses the message that the frame belongs to, or starts one.
func (w *wsParser) item() {
	opcode := int(w.head[0] & 0x0f)
	compressed := w.head[0]&0x40 != 0
	if opcode >= opClose {
		w.control = &wsItem{dir: w.dir, opcode: opcode, fragments: 1}
		if w.left > maxControl || !w.fin {
			w.control.note = "this control frame breaks the rules (RFC 6455 section 5.5)"
		}
		return
	}
	switch {
	case opcode == opContinuation && w.message == nil:
		w.message = &wsItem{dir: w.dir, opcode: opcode, note: "this continues a message that was never begun"}
	case opcode != opContinuation:
		note := ""
		if w.message != nil {
			note = "this begins before the message in front of it had ended; that one is lost"
			w.held -= int64(cap(w.message.payload))
		}
		w.message = &wsItem{dir: w.dir, opcode: opcode, compressed: compressed, note: note}
	}
	w.message.fragments++
}

func (w *wsParser) current() *wsItem {
	if w.control != nil {
		return w.control
	}
	return w.message
}

// payload takes bytes of the frame's payload; those beyond what is kept are counted.
func (w *wsParser) payload(p []byte) {
	m := w.current()
	if k := min(int64(len(p)), w.keep-int64(len(m.payload))); k > 0 {
		before := cap(m.payload)
		if room := min(w.left, w.keep-int64(len(m.payload)), maxFirst); before == 0 {
			m.payload = make([]byte, 0, room)
		}
		start := len(m.payload)
		m.payload = append(m.payload, p[:k]...)
		if w.masked {
			for i := range m.payload[start:] {
				m.payload[start+i] ^= w.key[(w.pos+int64(i))&3]
			}
		}
		w.held += int64(cap(m.payload) - before)
	}
	m.size += int64(len(p))
	w.pos += int64(len(p))
	w.left -= int64(len(p))
}

// end finishes a frame, and with the last one its message.
func (w *wsParser) end(now time.Time, done func(wsItem)) {
	w.have = 0
	m := w.current()
	if w.control != nil {
		w.control = nil
	} else {
		if !w.fin {
			return
		}
		w.message = nil
	}
	m.time = now
	w.held -= int64(cap(m.payload))
	done(*m)
}

// wsItem is a message as it passed, unmasked but still compressed.
type wsItem struct {
	dir        Direction
	time       time.Time
	opcode     int
	size       int64
	payload    []byte // as far as it is kept
	compressed bool
	fragments  int
	note       string
}

func (m *wsItem) cost() int64 { return itemCost + int64(cap(m.payload)) }

func (m *wsItem) truncated() bool { return int64(len(m.payload)) < m.size }

// message returns the item for a view, its payload not yet inflated.
func (m *wsItem) message() WSMessage {
	out := WSMessage{
		Dir:        m.dir,
		Time:       m.time,
		Opcode:     m.opcode,
		Size:       m.size,
		Payload:    m.payload,
		Truncated:  m.truncated(),
		Compressed: m.compressed,
		Fragments:  m.fragments,
		Note:       m.note,
	}
	switch m.opcode {
	case opText:
		out.Type = "text"
	case opBinary:
		out.Type = "binary"
	case opPing:
		out.Type = "ping"
	case opPong:
		out.Type = "pong"
	case opClose:
		out.Type = "close"
		if len(m.payload) >= 2 {
			out.Code = int(binary.BigEndian.Uint16(m.payload))
			out.Reason = string(m.payload[2:])
		}
	default:
		out.Type = fmt.Sprintf("opcode %d", m.opcode)
	}
	return out
}
