package inspect

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ngrok/client"
)

// Overheads that are paid for out of the budget, in bytes.
const (
	// recordSize is what a record takes of the heap, with its places in lists.
	recordSize = 544
	// recordCost is what a record is accounted for: while most of what is kept are
	// records, the collector needs as much room beside them.
	recordCost = recordSize * 2
	// itemCost is an estimate of an item of a timeline.
	itemCost = 160
)

// maxNotes bounds the notes of one exchange: hostile traffic can break rules for ever.
const maxNotes = 8

// origin is the connection that exchanges passed on, as far as they share it.
type origin struct {
	mu       sync.Mutex // guards the records of the connection
	info     client.ConnInfo
	replayOf ID
}

// record is an exchange as the store holds it. There are tens of thousands of them when
// exchanges are small, so what few have is kept apart, in rare.
type record struct {
	// The lock of the origin guards the fields down to the next heading.
	*origin
	sum     facts
	req     message
	res     message
	ws      *wsTimeline
	events  *eventTimeline
	rare    *rare
	readers int32 // who copy bytes of it just now: its blocks stay its own
	full    bool  // no more bytes are kept
	dropped bool  // it was removed, and its bytes go with the last reader

	// For the capture alone.
	reqDone, resDone bool
	counted          bool // its end was told
	upgrade          bool // the request asks for another protocol
	websocket        bool // that one
	switched         side // how what follows an accepted upgrade is read; 0 before

	// Guarded by Store.mu.
	pinned     bool
	gone       bool // it was removed
	cost       int64
	seq        uint64
	prev, next *record // in the order of their last change
}

// facts are what a [Summary] is made of, beside the origin.
type facts struct {
	Number      uint64
	Kind        Kind
	Method      string
	Target      string
	Host        string
	Proto       string
	Reason      string
	ContentType string
	Start       time.Time
	FirstByte   time.Time
	End         time.Time
	Status      int
	Imported    bool
}

// rare is what most records do not have.
type rare struct {
	failure    string // the abnormal end, in words
	notes      []string
	interim    []message
	trailers   [2][]Field // of the request and of the response
	streamHeld int64      // memory of ws and events with their parsers, as settled
}

// rareLocked returns what is rare of the record, to be written to.
func (r *record) rareLocked() *rare {
	if r.rare == nil {
		r.rare = new(rare)
	}
	return r.rare
}

// readRareLocked returns the same to be read.
func (r *record) readRareLocked() rare {
	if r.rare == nil {
		return rare{}
	}
	return *r.rare
}

// message is one side of an exchange while it is captured.
type message struct {
	buf       buffer
	headSize  int
	bodySize  int64 // payload that passed
	size      int64 // bytes that passed
	keptBody  int64 // payload in buf
	length    int64 // of the body, when the head names it
	chunked   bool
	truncated bool
	complete  bool
	plain     bool // imported: the body's content encodings are off already
}

// noteLocked adds a remark for the user, once.
func (r *record) noteLocked(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if rare := r.rareLocked(); len(rare.notes) < maxNotes && !slices.Contains(rare.notes, s) {
		rare.notes = append(rare.notes, s)
	}
}

// failLocked notes an abnormal end; the first one is what the summary shows.
func (r *record) failLocked(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	rare := r.rareLocked()
	if rare.failure == "" {
		rare.failure = s
		return
	}
	if s != rare.failure {
		r.noteLocked("%s", s)
	}
}

// keepLocked appends p to a message's bytes unless nothing more is to be kept, and
// returns by how much the memory in use grew.
func (r *record) keepLocked(a *arena, m *message, p []byte, want int64) int64 {
	if r.full {
		m.truncated = true
		return 0
	}
	return m.buf.append(a, p, want)
}

// dropLocked frees what the record holds, its bytes once nobody reads them any more.
// Captures that still write to it keep nothing.
func (r *record) dropLocked(a *arena) {
	r.full, r.dropped = true, true
	if r.ws != nil {
		for _, p := range r.ws.parsers {
			if p != nil { // an imported one has none
				p.stopKeeping()
			}
		}
	}
	if r.events != nil && r.events.parser != nil {
		*r.events.parser = eventParser{}
	}
	r.ws, r.events = nil, nil
	if r.readers == 0 {
		r.freeLocked(a)
	}
}

func (r *record) freeLocked(a *arena) {
	r.req.buf.free(a)
	r.res.buf.free(a)
	interim := r.readRareLocked().interim
	for i := range interim {
		interim[i].buf.free(a)
	}
}

// summaryLocked makes the summary for one moment, without what the store knows.
func (r *record) summaryLocked(now time.Time) Summary {
	s := Summary{
		Number:       r.sum.Number,
		Kind:         r.sum.Kind,
		Tunnel:       r.info.Tunnel,
		PublicURL:    r.info.PublicURL,
		Scheme:       r.info.Protocol,
		LocalAddr:    r.info.LocalAddr,
		VisitorAddr:  r.info.VisitorAddr,
		Method:       r.sum.Method,
		Target:       r.sum.Target,
		Host:         r.sum.Host,
		Proto:        r.sum.Proto,
		Status:       r.sum.Status,
		Reason:       r.sum.Reason,
		ContentType:  r.sum.ContentType,
		Start:        r.sum.Start,
		FirstByte:    r.sum.FirstByte,
		End:          r.sum.End,
		RequestSize:  r.req.bodySize,
		ResponseSize: r.res.bodySize,
		Open:         r.sum.End.IsZero(),
		Imported:     r.sum.Imported,
		ReplayOf:     r.replayOf,
		Error:        r.readRareLocked().failure,
	}
	s.Path, _, _ = strings.Cut(s.Target, "?")
	if r.ws != nil {
		s.ResponseSize = r.ws.passed
	}
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
