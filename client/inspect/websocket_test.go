package inspect

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// frame builds a websocket frame; opcode holds the upper bits as well.
func frame(opcode byte, mask bool, payload []byte) []byte {
	b := []byte{opcode, 0}
	switch n := len(payload); {
	case n < 126:
		b[1] = byte(n)
	case n < 1<<16:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if !mask {
		return append(b, payload...)
	}
	b[1] |= 0x80
	key := [4]byte{0xde, 0xad, 0xbe, 0xef}
	b = append(b, key[:]...)
	for i, c := range payload {
		b = append(b, c^key[i&3])
	}
	return b
}

// deflater compresses messages as RFC 7692 says.
type deflater struct {
	takeover bool
	out      bytes.Buffer
	w        *flate.Writer
}

func (d *deflater) message(t *testing.T, text string) []byte {
	t.Helper()
	if d.w == nil || !d.takeover {
		w, err := flate.NewWriter(&d.out, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		d.w = w
	}
	d.out.Reset()
	if _, err := d.w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := d.w.Flush(); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(bytes.Clone(d.out.Bytes()), []byte("\x00\x00\xff\xff"))
}

// openWebSocket returns a tap behind an accepted handshake.
func openWebSocket(s *Store, extensions string) (request, response func(p []byte)) {
	tap := s.Open(testInfo)
	tap.Request([]byte("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
	tap.Response([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: " + extensions + "\r\n\r\n"))
	return tap.Request, tap.Response
}

func TestPermessageDeflate(t *testing.T) {
	texts := []string{"hello, hello, hello", "hello, hello, hello", "", strings.Repeat("abc", 30000), "hello again", strings.Repeat("abc", 10)}
	for _, takeover := range []bool{true, false} {
		t.Run(fmt.Sprintf("takeover %v", takeover), func(t *testing.T) {
			s := New(Options{})
			extensions := "permessage-deflate"
			if !takeover {
				extensions = "x-other, permessage-deflate; server_no_context_takeover; client_no_context_takeover"
			}
			request, response := openWebSocket(s, extensions)
			in, out := deflater{takeover: takeover}, deflater{takeover: takeover}
			for _, text := range texts {
				p := in.message(t, text)
				half := len(p) / 2
				request(append(frame(0x41, true, p[:half]), frame(0x80, true, p[half:])...))
				response(frame(0xc1, false, out.message(t, text)))
			}
			response(frame(0x81, false, []byte("plain")))
			e := exchanges(t, s)[0]
			if len(e.Messages) != 2*len(texts)+1 {
				t.Fatalf("%d messages", len(e.Messages))
			}
			for i, text := range texts {
				for _, m := range e.Messages[2*i : 2*i+2] {
					if string(m.Payload) != text || !m.Compressed || m.Note != "" || m.Type != "text" || m.Truncated {
						t.Errorf("message %d, %s: %.40q, note %q", i, m.Dir, m.Payload, m.Note)
					}
				}
			}
			if m := e.Messages[2*len(texts)]; string(m.Payload) != "plain" || m.Compressed {
				t.Errorf("the plain message: %+v", m)
			}
		})
	}
}

// When the oldest messages are dropped, those after them are still readable, although
// they refer to them.
func TestDeflateWindowMovesOn(t *testing.T) {
	s := New(Options{BodySize: 4 << 10})
	_, response := openWebSocket(s, "permessage-deflate")
	d := deflater{takeover: true}
	r := rand.New(rand.NewPCG(1, 2))
	var texts []string
	for i := range 500 {
		text := fmt.Sprintf("message %d, %x", i, r.Uint64())
		if i%3 == 2 {
			text = texts[i-1] + texts[i-2]
		}
		texts = append(texts, text)
		response(frame(0xc1, false, d.message(t, text)))
	}
	e := exchanges(t, s)[0]
	if e.MessagesDropped == 0 || len(e.Messages)+e.MessagesDropped != len(texts) || len(e.Messages) < 10 {
		t.Fatalf("%d messages, %d dropped", len(e.Messages), e.MessagesDropped)
	}
	for i, m := range e.Messages {
		if want := texts[e.MessagesDropped+i]; string(m.Payload) != want || m.Note != "" {
			t.Errorf("message %d: %q, note %q; want %q", i, m.Payload, m.Note, want)
		}
	}
}

func TestDeflateBombs(t *testing.T) {
	bomb := strings.Repeat("\x00", 20<<20)
	s := New(Options{})
	_, response := openWebSocket(s, "permessage-deflate; server_no_context_takeover")
	d := deflater{}
	p := d.message(t, bomb)
	for range 20 {
		response(frame(0xc2, false, p))
	}
	response(frame(0x81, false, []byte("after it")))
	e := exchanges(t, s)[0]
	total := 0
	for _, m := range e.Messages[:20] {
		total += len(m.Payload)
		if !m.Truncated || m.Note == "" {
			t.Errorf("a bomb is shown as %d bytes, truncated %v, note %q", len(m.Payload), m.Truncated, m.Note)
		}
	}
	if total > 2*MaxDecoded {
		t.Errorf("%d bytes were inflated", total)
	}
	if m := e.Messages[20]; string(m.Payload) != "after it" {
		t.Errorf("the message after the bombs: %+v", m)
	}
}

func TestWebSocketOddities(t *testing.T) {
	tests := []struct {
		name   string
		frames []byte
		want   string
	}{
		{"continuation of nothing", frame(0x80, false, []byte("x")), `opcode 0 "x" 1/1 (this continues a message that was never begun)`},
		{"two messages at once", append(frame(0x01, false, []byte("lost")), frame(0x82, false, []byte("b"))...),
			`binary "b" 1/1 (this begins before the message in front of it had ended; that one is lost)`},
		{"control frame inside a message", bytes.Join([][]byte{frame(0x01, false, []byte("a")), frame(0x89, false, []byte("p")), frame(0x80, false, []byte("b"))}, nil),
			`ping "p" 1/1; text "ab" 2/2`},
		{"unknown opcode", frame(0x8b, false, nil), `opcode 11 "" 0/1`},
		{"long control frame", frame(0x8a, false, bytes.Repeat([]byte("x"), 126)), `pong "` + strings.Repeat("x", 126) + `" 126/1 (this control frame breaks the rules (RFC 6455 section 5.5))`},
		{"compressed without agreement", frame(0xc1, false, []byte("x")), `text "" 1/1 (not inflated: the handshake did not agree on compression)`},
		{"close without a reason", frame(0x88, false, nil), `close "" 0/1`},
		{"medium length", frame(0x82, false, make([]byte, 126)), fmt.Sprintf(`binary %q 126/1`, make([]byte, 126))},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			s := New(Options{})
			_, response := openWebSocket(s, "")
			for i := range x.frames {
				response(x.frames[i : i+1])
			}
			var got []string
			for _, m := range exchanges(t, s)[0].Messages {
				line := fmt.Sprintf("%s %q %d/%d", m.Type, m.Payload, m.Size, m.Fragments)
				if m.Note != "" {
					line += " (" + m.Note + ")"
				}
				got = append(got, line)
			}
			if s := strings.Join(got, "; "); s != x.want {
				t.Errorf("got %s\nwant %s", s, x.want)
			}
		})
	}
}

func TestWebSocketImpossibleLength(t *testing.T) {
	s := New(Options{})
	_, response := openWebSocket(s, "")
	response([]byte("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"))
	response([]byte("whatever"))
	e := exchanges(t, s)[0]
	if e.Error == "" || len(e.Notes) != 1 || len(e.Messages) != 0 {
		t.Errorf("error %q, notes %q, messages %v", e.Error, e.Notes, e.Messages)
	}
}

// A message longer than what is kept is cut, counted, and costs no more than that.
func TestWebSocketLongMessage(t *testing.T) {
	s := New(Options{BodySize: 1000})
	request, _ := openWebSocket(s, "")
	request(frame(0x82, true, bytes.Repeat([]byte("0123456789"), 20000)))
	m := exchanges(t, s)[0].Messages[0]
	if m.Size != 200000 || len(m.Payload) != 1000 || !m.Truncated || string(m.Payload[990:]) != "0123456789" {
		t.Errorf("size %d, kept %d, truncated %v", m.Size, len(m.Payload), m.Truncated)
	}
}

func FuzzWebSocket(f *testing.F) {
	f.Add(append(frame(0x01, true, []byte("hello")), frame(0x80, false, nil)...), uint8(3))
	f.Add(frame(0xc1, false, []byte("\xcaH\xcd\xc9\xc9\x07\x00")), uint8(1))
	f.Add([]byte("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), uint8(200))
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		// What a message costs depends on how it came, so the limit must not be reached.
		const limit = 64 << 20
		whole, parts := &wsTimeline{limit: limit}, newWSTimeline(limit, []Field{{"Sec-WebSocket-Extensions", "permessage-deflate"}})
		a, b := wsParser{keep: 1024}, wsParser{keep: 1024}
		now := time.Unix(0, 0)
		a.feed(data, now, whole.add)
		for rest := data; len(rest) > 0; {
			n := min(len(rest), int(step)+1)
			b.feed(rest[:n], now, parts.add)
			rest = rest[n:]
		}
		if len(whole.items) != len(parts.items) || whole.dropped != parts.dropped || a.broken != b.broken || a.left != b.left {
			t.Fatalf("split in %d: %d and %d items, broken %q and %q", step, len(whole.items), len(parts.items), a.broken, b.broken)
		}
		for i := range whole.items {
			x, y := &whole.items[i], &parts.items[i]
			if !bytes.Equal(x.payload, y.payload) || x.size != y.size || x.opcode != y.opcode {
				t.Fatalf("item %d differs: %+v, %+v", i, x, y)
			}
		}
		if a.held < 0 || b.held < 0 || b.held > 4096 {
			t.Fatalf("held %d, %d", a.held, b.held)
		}
		messages, _ := parts.messages()
		for _, m := range messages {
			if len(m.Payload) > MaxDecoded {
				t.Fatalf("%d bytes inflated", len(m.Payload))
			}
		}
	})
}
