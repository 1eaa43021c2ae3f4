package http1

import (
	"bytes"
	"fmt"
	"testing"
)

func FuzzParseRequest(f *testing.F) {
	for _, seed := range requestSeeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		compareRequest(t, in)
		var whole HeadScanner
		start, end, err := whole.Scan(in)
		if len(in) < 1<<10 { // of several errors either may come first
			_, start2, end2, err2 := scanBytewise(&HeadScanner{}, string(in))
			if start != start2 || end != end2 || (err == nil) != (err2 == nil) {
				t.Fatalf("in one piece [%d:%d] %v, byte by byte [%d:%d] %v", start, end, err, start2, end2, err2)
			}
		}
		var r Request
		if end == 0 || ParseRequest(&r, in[start:end], Limits{}) != nil {
			// What the scanner refuses, the parser must refuse, too.
			if err != nil && ParseRequest(&r, in, Limits{}) == nil {
				t.Fatalf("scanner: %v, but it is parsed", err)
			}
			return
		}
		if !bytes.Equal((&Edits{}).AppendRequest(nil, &r), in[start:end]) {
			t.Fatal("no edits change the head")
		}
		edits := Edits{Host: "localhost:1", Set: []Header{{"X-Forwarded-For", "::1"}}}
		head := edits.AppendRequest(nil, &r)
		var again Request
		if err := ParseRequest(&again, head, Limits{HeadBytes: 1 << 20, Fields: 200}); err != nil {
			t.Fatalf("edited head %q: %v", head, err)
		}
		if again.Framing != r.Framing || again.ContentLength != r.ContentLength || string(again.Host) != "localhost" {
			t.Fatalf("edited head %q has another meaning", head)
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	for _, seed := range responseSeeds() {
		f.Add("GET", seed)
		f.Add("HEAD", seed)
	}
	f.Fuzz(func(t *testing.T, method string, in []byte) {
		scan := HeadScanner{Lenient: true}
		_, end, err := scan.Scan(in)
		if end == 0 || err != nil {
			return
		}
		var r Response
		if ParseResponse(&r, in[:end], []byte(method), Limits{}) != nil {
			return
		}
		if !bytes.Equal((&Edits{}).AppendResponse(nil, &r), in[:end]) {
			t.Fatal("no edits change the head")
		}
		if r.Framing == Length && r.ContentLength <= 0 || r.Framing == UntilClose && !r.Close {
			t.Fatalf("%+v", r)
		}
		if r.Status >= 200 && method != "CONNECT" {
			compareResponses(t, []string{method, "GET"}, in)
		}
	})
}

func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		"5\r\nhello\r\n0\r\n\r\nrest", "1;a=b\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n", "5 \nhello\n0\n\n",
		"ffffffffffffffff\r\n", "0\r\nContent-Length: 5\r\n\r\n", "10\r\n0123456789abcdef\r\n0\r\n\r\n",
	} {
		for _, lenient := range []bool{false, true} {
			f.Add([]byte(seed), uint8(3), lenient)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8, lenient bool) {
		whole := Body{framing: Chunked, lenient: lenient}
		pieces := whole
		n, done, err := whole.Next(in)
		payload, trailer, m, err2 := follow(&pieces, string(in), max(int(size), 1))
		if n != m || done != pieces.Done() || fmt.Sprint(err) != fmt.Sprint(err2) || whole.Sloppy() != pieces.Sloppy() {
			t.Fatalf("in one piece %d %v %v, in pieces of %d %d %v %v", n, done, err, size, m, pieces.Done(), err2)
		}
		if len(payload)+len(trailer) > n || done && len(payload)+len(trailer)+5 > n && !lenient {
			t.Fatalf("%d bytes hold %d of payload and %d of trailers", n, len(payload), len(trailer))
		}
		if !done || lenient {
			return
		}
		// What the strict tracker takes, the lenient one reads the same without a flaw.
		other := Body{framing: Chunked, lenient: true}
		if n2, done2, err := other.Next(in); n2 != n || !done2 || err != nil || other.Sloppy() {
			t.Fatalf("strict %d, lenient %d %v %v", n, n2, done2, err)
		}
		head := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		compareRequest(t, append([]byte(head), in...))
	})
}

func FuzzResponseStream(f *testing.F) {
	for i, seed := range responseSeeds() {
		f.Add(seed, uint8(i), uint8(0b0010_0100))
	}
	f.Add([]byte("HTTP/1.1 101 S\r\n\r\nopaque"), uint8(2), uint8(3))
	f.Fuzz(func(t *testing.T, in []byte, size, kinds uint8) {
		whole := ResponseStream{Trusting: size%2 == 1}
		var methods []string
		for range 4 { // two bits each
			method := [...]string{"GET", "HEAD", "CONNECT", "GET"}[kinds&3]
			whole.Push([]byte(method), kinds&3 == 3)
			methods = append(methods, method)
			kinds >>= 2
		}
		pieces := whole
		log, n := run(&whole, string(in), len(in)+1)
		log2, n2 := run(&pieces, string(in), max(int(size), 1))
		if log != log2 || n != n2 && whole.state != lost {
			t.Fatalf("in one piece %s (%d bytes), in pieces of %d %s (%d bytes)", log, n, size, log2, n2)
		}
		compareResponses(t, methods, in)
	})
}

func FuzzCanonicalHost(f *testing.F) {
	for _, tt := range hostForms {
		if len(tt.fields) > 6 {
			f.Add(tt.fields[6:])
		}
	}
	f.Fuzz(func(t *testing.T, in string) {
		host, err := CanonicalHost(in)
		if err != nil {
			return
		}
		if again, err := CanonicalHost(host); err != nil || again != host {
			t.Fatalf("%q becomes %q, then %q (%v)", in, host, again, err)
		}
	})
}
