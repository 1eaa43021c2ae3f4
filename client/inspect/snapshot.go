package inspect

import (
	"slices"
	"time"
)

// version is a record with what the store's lock guards of it, as it was.
type version struct {
	r      *record
	seq    uint64
	pinned bool
}

func (s *Store) summary(v version, now time.Time) Summary {
	v.r.mu.Lock()
	sum := v.r.summaryLocked(now)
	v.r.mu.Unlock()
	return s.complete(v, sum)
}

// complete fills in what the store knows of a record.
func (s *Store) complete(v version, sum Summary) Summary {
	sum.ID, sum.Seq, sum.Pinned = s.id(sum.Number), v.seq, v.pinned
	return sum
}

// exchange makes the snapshot of a record, unless the record was removed in the
// meantime. What takes long (copying, parsing and inflating) happens without the record's
// lock; until the bytes are copied the record is held, so that nobody else gets their blocks.
func (s *Store) exchange(v version) (*Exchange, bool) {
	e := &Exchange{mask: s.mask}
	r := v.r
	r.mu.Lock()
	if r.dropped {
		r.mu.Unlock()
		return nil, false
	}
	e.Summary = r.summaryLocked(time.Now())
	rare := r.readRareLocked()
	e.Notes = slices.Clone(rare.notes)
	req, res := r.req.snapshot(), r.res.snapshot()
	var interim []messageSnapshot
	for i := range rare.interim {
		interim = append(interim, rare.interim[i].snapshot())
	}
	r.readers++
	var ws *wsTimeline
	if r.ws != nil {
		ws = r.ws.snapshot()
	}
	if r.events != nil {
		e.Events, e.EventsDropped = r.events.snapshot()
	}
	r.mu.Unlock()

	e.Summary = s.complete(v, e.Summary)
	for i := range interim {
		e.Interim = append(e.Interim, interim[i].message(s.arena))
	}
	e.Request, e.Response = req.message(s.arena), res.message(s.arena)
	e.Request.Trailer, e.Response.Trailer = rare.trailers[0], rare.trailers[1]
	s.release(r)
	if ws != nil {
		e.Messages, e.MessagesDropped = ws.messages()
	}
	if e.Kind == KindEvents && len(e.Events) == 0 {
		e.Events = eventsOf(&e.Response)
	}
	return e, true
}

// release ends the reading of a record, and frees its bytes if it was removed.
func (s *Store) release(r *record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.readers--
	if r.dropped && r.readers == 0 {
		r.freeLocked(s.arena)
	}
}

// messageSnapshot shares the blocks of a message that may go on to grow.
type messageSnapshot message

func (m *message) snapshot() messageSnapshot {
	s := messageSnapshot(*m)
	s.buf = m.buf.clone()
	return s
}

// message copies the bytes and reads the head and the body out of them.
func (m *messageSnapshot) message(a *arena) Message {
	raw := m.buf.bytes(a)
	head := min(m.headSize, len(raw))
	out := Message{
		Raw:       raw,
		HeadSize:  head,
		Body:      raw[head:],
		BodySize:  m.bodySize,
		Size:      m.size,
		Truncated: m.truncated,
		Complete:  m.complete,
		plain:     m.plain,
	}
	out.StartLine, out.Header = parseHead(raw[:head])
	out.Proto = protoOf(out.StartLine)
	if m.chunked {
		out.Body = dechunk(out.Body)
	}
	if len(out.Body) == 0 {
		out.Body = nil
	}
	return out
}
