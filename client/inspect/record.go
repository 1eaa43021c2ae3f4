package inspect

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Overheads that are paid for out of the budget, in bytes: estimates of a record with
// its map entry and its strings, and of an item of a timeline.
const (
	recordCost = 1024
	itemCost   = 160
)

// maxNotes bounds the notes of one exchange: hostile traffic can break rules for ever.
const maxNotes = 8

// record is an exchange as the store holds it.
type record struct {
	// mu guards the fields down to the next heading. It belongs to the connection
	// that the exchange passed on, whose exchanges share it.
	mu      *sync.Mutex
	sum     Summary // without ID, Seq, Pinned and Duration
	req     message
	res     message
	interim []message
	ws      *wsTimeline
	events  *eventTimeline
	notes   []string
	full    bool // no more bytes are kept

	// For the capture alone.
	reqDone, resDone bool
	upgrade          bool  // the request asks for another protocol
	websocket        bool  // that one
	switched         side  // how what follows an accepted upgrade is read; 0 before
	streamHeld       int64 // memory of ws and events with their parsers, as settled

	// Guarded by Store.mu.
	cost       int64
	seq        uint64
	pinned     bool
	gone       bool    // it was removed
	prev, next *record // in the order of their last change
}

// message is one side of an exchange while it is captured.
type message struct {
	buf       buffer
	headSize  int
	bodySize  int64 // payload that passed
	size      int64 // bytes that passed
	keptBody  int64 // payload in buf
	keptFrame int64 // chunk framing in buf
	length    int64 // of the body, when the head names it
	chunked   bool
	truncated bool
	complete  bool
	plain     bool // imported: the body's content encodings are off already
	trailer   []Field
}

// noteLocked adds a remark for the user, once.
func (r *record) noteLocked(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if len(r.notes) < maxNotes && !slices.Contains(r.notes, s) {
		r.notes = append(r.notes, s)
	}
}

// failLocked notes an abnormal end; the first one is what the summary shows.
func (r *record) failLocked(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if r.sum.Error == "" {
		r.sum.Error = s
		return
	}
	if s != r.sum.Error {
		r.noteLocked("%s", s)
	}
}

// keepLocked appends p to a message's bytes unless nothing more is to be kept, and
// returns by how much the memory in use grew.
func (r *record) keepLocked(m *message, p []byte, want int64) int64 {
	if r.full {
		m.truncated = true
		return 0
	}
	return m.buf.append(p, want)
}

// dropLocked frees what the record holds. Captures that still write to it keep nothing.
func (r *record) dropLocked() {
	r.full = true
	r.req.buf, r.res.buf = buffer{}, buffer{}
	r.interim, r.ws, r.events = nil, nil, nil
}

// summaryLocked completes the summary for one moment.
func (r *record) summaryLocked(now time.Time) Summary {
	s := r.sum
	s.RequestSize, s.ResponseSize = r.req.bodySize, r.res.bodySize
	if r.ws != nil {
		s.ResponseSize = r.ws.passed
	}
	s.Open = s.End.IsZero()
	switch {
	case s.Start.IsZero():
	case s.Open:
		s.Duration = now.Sub(s.Start)
	default:
		s.Duration = s.End.Sub(s.Start)
	}
	s.Duration = max(s.Duration, 0)
	return s
}
