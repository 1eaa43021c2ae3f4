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

// exchange makes the snapshot of a record. What takes long (joining, parsing and
// inflating) happens after the record's lock was released.
func (s *Store) exchange(v version) *Exchange {
	e := &Exchange{mask: s.mask}
	r := v.r
	r.mu.Lock()
	e.Summary = r.summaryLocked(time.Now())
	e.Notes = slices.Clone(r.notes)
	req, res := r.req.snapshot(), r.res.snapshot()
	var interim []messageSnapshot
	for i := range r.interim {
		interim = append(interim, r.interim[i].snapshot())
	}
	var ws *wsTimeline
	if r.ws != nil {
		ws = r.ws.snapshot()
	}
	if r.events != nil {
		e.Events, e.EventsDropped = r.events.snapshot()
	}
	r.mu.Unlock()

	e.Summary = s.complete(v, e.Summary)
	e.Request, e.Response = req.message(), res.message()
	for _, m := range interim {
		e.Interim = append(e.Interim, m.message())
	}
	if ws != nil {
		e.Messages, e.MessagesDropped = ws.messages()
	}
	if e.Kind == KindEvents && len(e.Events) == 0 {
		e.Events = eventsOf(&e.Response)
	}
	return e
}

// messageSnapshot shares the blocks of a message that may go on to grow.
type messageSnapshot struct {
	m      message // without its buffer
	blocks blocks
}

func (m *message) snapshot() messageSnapshot {
	s := messageSnapshot{*m, m.buf.snapshot()}
	s.m.buf = buffer{}
	return s
}

// message reads the head and the body out of the raw bytes.
func (s messageSnapshot) message() Message {
	m, raw := &s.m, s.blocks.join()
	head := min(m.headSize, len(raw))
	out := Message{
		Trailer:   m.trailer,
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
