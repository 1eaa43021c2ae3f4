package inspect

import (
	"slices"
	"strings"
)

// maxItems bounds the messages or events that one exchange shows: the latest ones.
const maxItems = 5000

// wsTimeline holds the latest messages of a websocket, both directions.
type wsTimeline struct {
	limit   int64 // bytes to keep
	passed  int64 // payload bytes of both directions
	kept    int64 // bytes of items
	items   []wsItem
	dropped int
	inflate [2]inflater  // of the visitor and of the service, as it was before items[0]
	parsers [2]*wsParser // that hold what is not complete yet
}

// newWSTimeline reads what the handshake's response agreed on (RFC 7692 section 7).
func newWSTimeline(limit int64, response []Field) *wsTimeline {
	t := &wsTimeline{limit: limit}
	for _, extension := range fieldTokens(response, "Sec-WebSocket-Extensions") {
		params := strings.Split(extension, ";")
		if strings.TrimSpace(params[0]) != "permessage-deflate" {
			continue
		}
		for i := range t.inflate {
			t.inflate[i] = inflater{agreed: true, takeover: true}
		}
		for _, p := range params[1:] {
			switch strings.TrimSpace(p) {
			case "client_no_context_takeover":
				t.inflate[0].takeover = false
			case "server_no_context_takeover":
				t.inflate[1].takeover = false
			}
		}
		break
	}
	return t
}

// of returns the inflater of a direction.
func of(inflaters *[2]inflater, d Direction) *inflater {
	if d == FromVisitor {
		return &inflaters[0]
	}
	return &inflaters[1]
}

// add appends a message and makes room for it.
func (t *wsTimeline) add(m wsItem) {
	t.items = append(t.items, m)
	t.kept += m.cost()
	for len(t.items) > 1 && (t.kept > t.limit || len(t.items) > maxItems) {
		first := &t.items[0]
		if first.compressed {
			of(&t.inflate, first.dir).skip(first)
		}
		t.kept -= first.cost()
		*first = wsItem{}
		t.items = t.items[1:]
		t.dropped++
	}
}

func (t *wsTimeline) snapshot() *wsTimeline {
	c := *t
	c.items = slices.Clone(t.items)
	return &c
}

// messages returns the messages for a view, inflated.
func (t *wsTimeline) messages() ([]WSMessage, int) {
	out := make([]WSMessage, len(t.items))
	inflaters := t.inflate
	work := int64(4 * MaxDecoded) // of inflating, in bytes of output
	kept := 0
	for i := range t.items {
		out[i] = t.items[i].message()
		if !out[i].Compressed {
			continue
		}
		m := &out[i]
		f := of(&inflaters, m.Dir)
		if work <= 0 {
			m.Payload, m.Truncated, m.Note = nil, true, "not inflated: the messages before it were too large"
			f.lose()
			continue
		}
		plain, note := f.next(&t.items[i], min(work, MaxDecoded))
		work -= int64(len(plain))
		m.Payload = plain
		if note != "" {
			m.Truncated, m.Note = true, note
		}
		if kept += len(plain); kept > MaxDecoded && len(plain) > 0 {
			m.Payload, m.Truncated, m.Note = nil, true, "not shown: the messages before it are too large together"
			kept -= len(plain)
		}
	}
	return out, t.dropped
}

// eventTimeline holds the latest events of an event stream.
type eventTimeline struct {
	limit   int64
	kept    int64
	items   []Event
	dropped int
	parser  *eventParser // that holds what is not complete yet
}

func eventCost(e *Event) int64 {
	return itemCost + int64(len(e.Type)+len(e.ID)+len(e.Data)+len(e.Retry)+len(e.Comment))
}

// add appends an event and makes room for it.
func (t *eventTimeline) add(e Event) {
	t.items = append(t.items, e)
	t.kept += eventCost(&e)
	for len(t.items) > 1 && (t.kept > t.limit || len(t.items) > maxItems) {
		t.kept -= eventCost(&t.items[0])
		t.items[0] = Event{}
		t.items = t.items[1:]
		t.dropped++
	}
}

func (t *eventTimeline) snapshot() ([]Event, int) { return slices.Clone(t.items), t.dropped }
