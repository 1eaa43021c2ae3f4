package inspect

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func parseEvents(data string, step int, keep int64) []Event {
	var events []Event
	p := eventParser{keep: keep}
	for len(data) > 0 {
		n := min(len(data), step)
		p.feed([]byte(data[:n]), time.Unix(1, 0), func(e Event) { events = append(events, e) })
		data = data[n:]
	}
	return events
}

func TestEventStream(t *testing.T) {
	tests := []struct {
		name, stream string
		want         []string // type|id|retry|comment|data
	}{
		{"data alone", "data: x\n\n", []string{"message||||x"}},
		{"line ends", "data: a\r\n\r\ndata: b\r\rdata: c\n\n", []string{"message||||a", "message||||b", "message||||c"}},
		{"byte order mark", "\ufeffdata: a\n\n", []string{"message||||a"}},
		{"all fields", "id: 1\nevent: add\nretry: 500\ndata: x\n\n", []string{"add|1|500||x"}},
		{"several data lines", "data: a\ndata\ndata:b\ndata:  c\n\n", []string{"message||||a\n\nb\n c"}},
		{"comments", ":keep-alive\n\n: a\n:b\n\n", []string{"|||keep-alive|", "|||a\nb|"}},
		{"unknown field", "foo: bar\ndata: x\n\n", []string{"message||||x"}},
		{"no value", "event\ndata\n\n", []string{"message||||"}},
		{"empty lines", "\n\n\ndata: x\n\n\n\n", []string{"message||||x"}},
		{"unfinished", "data: x\n\ndata: y\n", []string{"message||||x"}},
	}
	for _, x := range tests {
		for step := 1; step <= len(x.stream); step++ {
			var got []string
			for _, e := range parseEvents(x.stream, step, 1000) {
				got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s", e.Type, e.ID, e.Retry, e.Comment, e.Data))
				if e.Truncated || e.Time.IsZero() {
					t.Errorf("%s: %+v", x.name, e)
				}
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", x.want) {
				t.Errorf("%s, in steps of %d: got %q, want %q", x.name, step, got, x.want)
			}
		}
	}
}

func TestLongEvents(t *testing.T) {
	stream := "data: " + strings.Repeat("x", 5000) + "\n\ndata: short\n\n" + strings.Repeat("data: many\n", 1000) + "\n" + ": end\n\n"
	events := parseEvents(stream, 77, 1000)
	if len(events) != 4 {
		t.Fatalf("%d events", len(events))
	}
	for i, want := range []bool{true, false, true, false} {
		if e := events[i]; e.Truncated != want || len(e.Data) > 1000 {
			t.Errorf("event %d: truncated %v, %d bytes", i, e.Truncated, len(e.Data))
		}
	}
	if events[1].Data != "short" || events[3].Comment != "end" {
		t.Errorf("between long ones: %+v", events)
	}
}

// Only the latest events are kept, and the dropped ones are counted.
func TestManyEvents(t *testing.T) {
	s := New(Options{BodySize: 10 << 10})
	tap := s.Open(testInfo)
	tap.Request([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
	tap.Response([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"))
	for i := range 1000 {
		tap.Response(fmt.Appendf(nil, "data: %d\n\n", i))
	}
	e := exchanges(t, s)[0]
	if n := len(e.Events); n+e.EventsDropped != 1000 || n < 10 || e.Events[n-1].Data != "999" || e.Events[0].Data != fmt.Sprint(e.EventsDropped) {
		t.Errorf("%d events, %d dropped, the last is %q", len(e.Events), e.EventsDropped, e.Events[len(e.Events)-1].Data)
	}
}

func FuzzEventStream(f *testing.F) {
	f.Add("\ufeffid: 1\r\nevent: x\r\ndata: a\r\ndata\r\n\r\n:c\n\n", uint8(2))
	f.Add("data: x\r\r\n\n", uint8(1))
	f.Fuzz(func(t *testing.T, stream string, step uint8) {
		whole := parseEvents(stream, len(stream)+1, 64)
		parts := parseEvents(stream, int(step)+1, 64)
		if fmt.Sprintf("%+v", whole) != fmt.Sprintf("%+v", parts) {
			t.Fatalf("in steps of %d: %+v\nat once: %+v", step, parts, whole)
		}
	})
}
