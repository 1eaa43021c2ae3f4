package inspect

import (
	"bytes"
	"strings"
	"time"
)

// isEventStream says whether a Content-Type is that of server-sent events.
func isEventStream(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "text/event-stream")
}

// eventParser reads an event stream, however it is split (WHATWG HTML, 9.2.5).
type eventParser struct {
	keep int64 // bytes of one event to keep

	begun bool   // the byte order mark has been looked for
	cr    bool   // the last line ended with CR: an LF belongs to it
	line  []byte // the line so far, of what is kept
	lost  bool   // the line has more bytes than are kept

	event   Event
	data    strings.Builder // lines, each with a line feed
	comment strings.Builder // the same
	size    int64           // of the event so far
	some    bool            // the event has at least one line
	isData  bool            // one of them is data
}

// held returns how much memory the unfinished event takes, in bytes.
func (s *eventParser) held() int64 {
	return int64(cap(s.line) + s.data.Cap() + s.comment.Cap())
}

// maxSpareLine is how much memory of a long line is kept for the next one, in bytes.
const maxSpareLine = 64 << 10

// feed reads p and gives complete events to done.
func (s *eventParser) feed(p []byte, now time.Time, done func(Event)) {
	for len(p) > 0 {
		if s.cr && p[0] == '\n' {
			s.cr = false
			p = p[1:]
			continue
		}
		s.cr = false
		i := lineEnd(p)
		if i < 0 {
			s.add(p)
			return
		}
		s.add(p[:i])
		s.cr = p[i] == '\r'
		p = p[i+1:]
		s.endLine(now, done)
	}
}

// lineEnd returns where the first CR or LF is, or -1.
func lineEnd(p []byte) int {
	lf := bytes.IndexByte(p, '\n')
	if lf >= 0 {
		p = p[:lf]
	}
	if cr := bytes.IndexByte(p, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

func (s *eventParser) add(p []byte) {
	room := max(0, s.keep-s.size-int64(len(s.line)))
	if int64(len(p)) > room {
		s.lost = true
		p = p[:room]
	}
	s.line = append(s.line, p...)
}

func (s *eventParser) endLine(now time.Time, done func(Event)) {
	line := s.line
	if !s.begun {
		s.begun = true
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	if len(line) == 0 && !s.lost {
		if s.some {
			done(s.take(now))
		}
		s.line = s.line[:0]
		return
	}
	s.some = true
	if s.size += int64(len(line)) + 1; s.lost || s.size > s.keep {
		s.event.Truncated = true
	}
	if s.size <= s.keep {
		s.field(string(line))
	}
	s.line, s.lost = s.line[:0], false
	if cap(s.line) > maxSpareLine {
		s.line = nil
	}
}

func (s *eventParser) field(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "":
		s.comment.WriteString(value + "\n")
	case "event":
		s.event.Type = value
	case "data":
		s.data.WriteString(value + "\n")
		s.isData = true
	case "id":
		s.event.ID = value
	case "retry":
		s.event.Retry = value
	}
}

// take returns the event that is complete.
func (s *eventParser) take(now time.Time) Event {
	e := s.event
	e.Time = now
	e.Data = strings.TrimSuffix(s.data.String(), "\n")
	e.Comment = strings.TrimSuffix(s.comment.String(), "\n")
	if e.Type == "" && s.isData {
		e.Type = "message"
	}
	s.data.Reset()
	s.comment.Reset()
	s.event, s.size, s.some, s.isData = Event{}, 0, false, false
	return e
}

// eventsOf reads the events out of a body that could not be followed as it passed,
// because it is compressed or imported. When they came is not known.
func eventsOf(m *Message) []Event {
	p := eventParser{keep: MaxDecoded}
	var events []Event
	plain, _, _, _ := m.decode()
	p.feed(plain, time.Time{}, func(e Event) {
		if len(events) < maxItems {
			events = append(events, e)
		}
	})
	return events
}
