package inspect

import (
	"strings"
	"testing"
)

// FuzzCapture reads two streams of bytes, at once and in pieces; both must show the
// same, whatever they are.
func FuzzCapture(f *testing.F) {
	for _, x := range captureTests {
		f.Add([]byte(x.req), []byte(x.res), []byte{7, 200, 3})
	}
	f.Fuzz(func(t *testing.T, req, res, steps []byte) {
		x := traffic{req: string(req), res: string(res), options: Options{BodySize: 1000}}
		at := 0
		pieces := func(n int) int {
			if len(steps) == 0 {
				return 0
			}
			at++
			return int(steps[at%len(steps)]) % n
		}
		whole := func(n int) int {
			if n == 2 {
				return 0 // the request first
			}
			return n - 1
		}
		var first []string
		for i, choose := range []func(int) int{whole, pieces} {
			s := x.play(t, choose)
			var got []string
			for _, e := range exchanges(t, s) {
				for _, note := range e.Notes {
					if strings.Contains(note, "inspector failed") {
						t.Fatal(note)
					}
				}
				if e.Open {
					t.Fatalf("open after the end: %+v", e.Summary)
				}
				got = append(got, dump(t, e))
				e.Masked()
				_, _ = e.Curl()
				_, _ = e.replayBytes(&Edit{})
				e.har()
			}
			if i == 0 {
				first = got
			} else if sameFraming(first) && strings.Join(first, "\n") != strings.Join(got, "\n") {
				t.Fatalf("at once:\n%s\nin pieces:\n%s", strings.Join(first, "\n"), strings.Join(got, "\n"))
			}
			s.Clear(true)
			wantEmpty(t, s)
		}
	})
}

// sameFraming says whether all of it was HTTP and is kept: what is shown of other bytes
// may depend on how they arrive.
func sameFraming(dumps []string) bool {
	for _, d := range dumps {
		if strings.HasPrefix(d, "raw ") || strings.Contains(d, "note: ") || strings.Contains(d, "error: ") || strings.Contains(d, "dropped: ") {
			return false
		}
	}
	return true
}

// A fault of the inspector must not reach the traffic.
func TestPanicIsContained(t *testing.T) {
	s := New(Options{})
	tap := s.newCapture(testInfo, "")
	tap.Request([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
	tap.queue = append([]*record{nil}, tap.queue...) // as no code does
	tap.Response([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	tap.Request([]byte("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"))
	tap.RequestEnd(nil)
	tap.ResponseEnd(nil)
	tap.Close()
	all := exchanges(t, s)
	defer wantEmpty(t, s)
	defer s.Clear(true)
	if len(all) != 1 || all[0].Open || len(all[0].Notes) != 1 || !strings.Contains(all[0].Notes[0], "inspector failed") {
		t.Errorf("%d exchanges, the first: %+v, notes %q", len(all), all[0].Summary, all[0].Notes)
	}
}
