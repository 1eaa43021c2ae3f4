package http1

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// run feeds in to s in pieces and writes down what s makes of it: for each exchange what
// was passed on, then the last event.
func run(s *ResponseStream, in string, size int) (log string, passed int) {
	var b strings.Builder
	from := 0
	for passed < len(in) {
		p := []byte(in[passed:min(passed+size, len(in))])
		n, ev := s.Next(p)
		passed += n
		switch ev {
		case More:
			if n != len(p) {
				return fmt.Sprintf("More after %d of %d bytes", n, len(p)), passed
			}
		case Ended:
			fmt.Fprintf(&b, "%d:%d ", s.Status(), passed-from)
			from = passed
		case Switched:
			if n != len(p) {
				return "Switched left something", passed
			}
		case Unsolicited:
			b.WriteString("unsolicited ")
			goto end
		case Lost:
			b.WriteString("lost") // where depends on the pieces
			return b.String(), passed
		}
	}
end:
	fmt.Fprintf(&b, "rest %d", passed-from)
	if s.state == switched {
		b.WriteString(" switched")
	}
	if s.Reusable() {
		b.WriteString(" reusable")
	}
	if s.End() {
		b.WriteString(" complete")
	}
	return b.String(), passed
}

func TestResponseStream(t *testing.T) {
	const (
		two   = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"                                    // 40
		chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n" // 65
		none  = "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n"                            // 48
		head  = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"                                      // 38
		cont  = "HTTP/1.1 100 Continue\r\n\r\n"                                                     // 25
		early = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"                                       // 37
		sw    = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"     // 69
		last  = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"               // 59
		open  = "HTTP/1.1 200 OK\r\n\r\n"                                                           // 19
	)
	tests := []struct {
		name, requests string // separated by space; with + they ask for an upgrade
		in, want       string // if the name ends with a star, of a trusting stream
	}{
		{"one", "GET", two, "200:40 rest 0 reusable complete"},
		{"nothing yet", "GET", "", "rest 0 reusable"},
		{"nothing asked", "", "", "rest 0 reusable complete"},
		{"pipelined", "GET GET HEAD GET", two + chunk + head + none, "200:40 200:65 200:38 304:48 rest 0 reusable complete"},
		{"one is missing", "GET GET", two, "200:40 rest 0 reusable"},
		{"cut in the head", "GET", two[:20], "rest 20 reusable"},
		{"cut in the body", "GET", two[:39], "rest 39 reusable"},
		{"cut in the chunks", "GET", chunk[:63], "rest 63 reusable"},
		{"until close", "GET", open + "all of this" + two, "rest 70 complete"},
		{"until close leaves one unanswered", "GET GET", open + two, "rest 59"},
		{"interim", "POST GET", cont + early + cont + two + early + two, "200:127 200:77 rest 0 reusable complete"},
		{"interim alone", "POST", cont, "rest 25 reusable"},
		{"switch", "GET+", sw + "anything" + two, "rest 117 switched complete"},
		{"switch refused", "GET+ GET", two + two, "200:40 200:40 rest 0 reusable complete"},
		{"switch of the second", "GET GET+", two + sw + "x", "200:40 rest 70 switched complete"},
		{"switch after interim", "GET+", cont + sw, "rest 94 switched complete"},
		{"switch unasked", "GET", sw + two, "lost"},
		{"switch asked by another", "GET GET+", sw + two, "lost"},
		{"CONNECT", "CONNECT", head + "anything", "rest 46 switched complete"},
		{"CONNECT refused", "CONNECT GET", "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno" + two, "403:40 200:40 rest 0 reusable complete"},

		{"unasked response", "", two, "unsolicited rest 0 complete"},
		{"one too many", "GET", two + two, "200:40 unsolicited rest 0 complete"},
		{"one byte too many", "GET", two + "\n", "200:40 unsolicited rest 0 complete"},
		{"body of HEAD", "HEAD", two, "200:38 unsolicited rest 0 complete"},
		{"body of HEAD that is a response", "HEAD GET", head + open + "smuggled", "200:38 rest 27 complete"},
		{"body of 304", "GET", none + "hi", "304:48 unsolicited rest 0 complete"},
		{"more chunks", "GET", chunk + "2\r\nhi\r\n0\r\n\r\n", "200:65 unsolicited rest 0 complete"},
		{"beyond the length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nhi", "200:39 unsolicited rest 0 complete"},
		{"answer after interim unasked", "GET", two + cont, "200:40 unsolicited rest 0 complete"},

		{"close", "GET", last, "200:59 rest 0 complete"},
		{"answer after close", "GET GET", last + two, "200:59 unsolicited rest 0"},
		{"1.0", "GET GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi" + two, "200:40 unsolicited rest 0"},
		{"ambiguous*", "GET GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + two, "200:71 unsolicited rest 0"},
		{"ambiguous", "GET GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + two, "lost"},
		{"two lengths*", "GET GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi" + two, "rest 99"},
		{"two lengths", "GET GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi" + two, "lost"},
		{"bare LF", "GET GET", "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi" + two, "200:37 unsolicited rest 0"},
		{"sloppy chunks*", "GET GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n" + two, "200:50 unsolicited rest 0"},
		{"sloppy chunks", "GET GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n" + two, "lost"},
		{"sloppy line with an extension", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;\nhi\r\n0\r\n\r\n", "lost"},
		{"padded chunk size", "GET GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0  \r\n\r\n" + two, "200:54 unsolicited rest 0"},
		{"ambiguous interim", "GET GET", "HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n" + two + two, "200:84 unsolicited rest 0"},

		{"not HTTP", "GET", "SSH-2.0-x\r\n", "lost"},
		{"not even lines", "GET", "SSH", "lost"},
		{"line between responses", "GET GET", two + "\r\n" + two, "200:40 lost"},
		{"bad chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nx", "lost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range sizes {
				s := ResponseStream{Trusting: strings.HasSuffix(tt.name, "*")}
				for _, method := range strings.Fields(tt.requests) {
					method, upgrade := strings.CutSuffix(method, "+")
					if !s.Push([]byte(method), upgrade) {
						t.Fatal("no room")
					}
				}
				if got, _ := run(&s, tt.in, size); got != tt.want {
					t.Errorf("pieces of %d: %s\nwant %s", size, got, tt.want)
				}
			}
		})
	}
}

// What a piece holds of a head that is lost only later has been passed on by then: only
// the piece that shows it is kept back.
func TestResponseStreamLosesLongHeads(t *testing.T) {
	for _, in := range []string{
		"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 1000),
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("A:\r\n", 20),
	} {
		for _, size := range sizes {
			s := ResponseStream{Limits: Limits{HeadBytes: 200, Fields: 10}}
			s.Push([]byte("GET"), false)
			log, passed := run(&s, in, size)
			if log != "lost" || passed > 200 || s.Err() == nil || s.Reusable() {
				t.Errorf("pieces of %d: %s after %d bytes, %v", size, log, passed, s.Err())
			}
			if n, ev := s.Next([]byte("HTTP/1.1 200 OK\r\n\r\n")); n != 0 || ev != Lost {
				t.Errorf("afterwards %d %v", n, ev)
			}
		}
	}
}

// After an event that ends the connection nothing more passes.
func TestResponseStreamStaysEnded(t *testing.T) {
	var s ResponseStream
	more := []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	if n, ev := s.Next(more); n != 0 || ev != Unsolicited || s.Reusable() {
		t.Errorf("unasked: %d %v, reusable %v", n, ev, s.Reusable())
	}
	s.Push([]byte("GET"), false) // too late: what comes now may have been sent before
	if n, ev := s.Next(more); n != 0 || ev != Unsolicited {
		t.Errorf("asked afterwards: %d %v", n, ev)
	}
	if n, ev := s.Next(nil); n != 0 || ev != More {
		t.Errorf("nothing: %d %v", n, ev)
	}

	s = ResponseStream{}
	s.Push([]byte("GET"), true)
	s.Next([]byte("HTTP/1.1 101 S\r\n\r\n"))
	if n, ev := s.Next(more); n != len(more) || ev != Switched || s.Status() != 101 {
		t.Errorf("switched: %d %v %d", n, ev, s.Status())
	}

	s = ResponseStream{Trusting: true}
	s.Push([]byte("GET"), false)
	s.Push([]byte("GET"), false)
	doubtful := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	if n, ev := s.Next([]byte(doubtful)); n != len(doubtful) || ev != Ended || s.Reusable() {
		t.Errorf("doubtful: %d %v, reusable %v", n, ev, s.Reusable())
	}
	if n, ev := s.Next(more); n != 0 || ev != Unsolicited {
		t.Errorf("after the doubtful one: %d %v", n, ev)
	}
}

func TestResponseStreamQueue(t *testing.T) {
	var s ResponseStream
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	for round := range 5 { // the ring's start moves
		for i := range MaxOutstanding {
			if !s.Push([]byte("GET"), false) {
				t.Fatalf("round %d: no room for request %d", round, i)
			}
		}
		if s.Push([]byte("GET"), false) || s.Outstanding() != MaxOutstanding {
			t.Fatalf("round %d: one too many has room", round)
		}
		for range MaxOutstanding - 3*round%7 {
			if n, ev := s.Next([]byte(answer)); n != len(answer) || ev != Ended {
				t.Fatalf("round %d: %d %v", round, n, ev)
			}
		}
		for s.Outstanding() > 0 {
			s.Next([]byte(answer))
		}
	}
}

// However a server dribbles, it makes the stream hold one head at most.
func TestResponseStreamMemory(t *testing.T) {
	s := ResponseStream{Limits: Limits{HeadBytes: 1 << 10}}
	s.Push([]byte("GET"), false)
	interim := []byte("HTTP/1.1 103 Early Hints\r\nLink: " + strings.Repeat("x", 500) + "\r\n\r\n")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 1000 {
		if n, ev := s.Next(interim[:100]); n != 100 || ev != More {
			t.Fatal(n, ev)
		}
		if n, ev := s.Next(interim[100:]); n != len(interim)-100 || ev != More {
			t.Fatal(n, ev)
		}
		if cap(s.held) > 2<<10 {
			t.Fatalf("%d bytes held", cap(s.held))
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("%d bytes more in use", grown)
	}
	if s.held != nil {
		t.Errorf("a complete head is still held")
	}
}
