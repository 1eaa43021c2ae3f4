package http1

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// scanBytewise feeds b byte by byte and tells after how many the scanner made up its mind.
func scanBytewise(s *HeadScanner, b string) (fed, start, end int, err error) {
	for fed = 0; fed <= len(b); fed++ {
		if start, end, err = s.Scan([]byte(b[:fed])); end > 0 || err != nil {
			return fed, start, end, err
		}
	}
	return len(b), 0, 0, nil
}

func TestScanFindsTheEndInAnyPieces(t *testing.T) {
	heads := []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
		"\r\n\r\nGET / HTTP/1.0\r\nA: b\r\n\r\n",
	}
	for _, head := range heads {
		wantStart := strings.Index(head, "GET")
		fed, start, end, err := scanBytewise(&HeadScanner{}, head+"\x00body\r")
		if fed != len(head) || start != wantStart || end != len(head) || err != nil {
			t.Errorf("%q: found after %d bytes [%d:%d] %v", head, fed, start, end, err)
		}
		for cut := range len(head) {
			var s HeadScanner
			if _, end, err := s.Scan([]byte(head[:cut])); end != 0 || err != nil {
				t.Fatalf("%q: end %d, %v", head[:cut], end, err)
			}
			if start, end, err := s.Scan([]byte(head + "more\n\n")); start != wantStart || end != len(head) || err != nil {
				t.Fatalf("%q cut at %d: [%d:%d] %v", head, cut, start, end, err)
			}
		}
	}
}

func TestScanRefusesEarly(t *testing.T) {
	const line = "GET / HTTP/1.1\r\n"
	tests := []struct {
		name, in string
		fed      int // bytes after which the error is certain; all but the rest behind | in in
		status   int
		err      error
	}{
		{name: "TLS", in: "\x16|\x03\x01", status: 400, err: ErrTLSHello},
		{name: "HTTP/2 preface", in: "PRI * HTTP/2.0\r\n|\r\nSM\r\n\r\n", status: 505, err: ErrHTTP2Preface},
		{name: "binary", in: "\x80|\x01", status: 400},
		{name: "ssh", in: "SSH-2.0-OpenSSH_9.2p1 Debian-2 Some/more\n|", status: 400},
		{name: "zero byte in the target", in: "GET /\x00| HTTP/1.1", status: 400},
		{name: "bare LF", in: "GET / HTTP/1.1\n|Host: a", status: 400},
		{name: "bare LF in a field", in: line + "A: b\n|", status: 400},
		{name: "bare LF for the end", in: line + "A: b\r\n\n|", status: 400},
		{name: "bare CR", in: line + "A: b\rc|", status: 400},
		{name: "two CRs", in: line + "A: b\r\r|\n", status: 400},
		{name: "bare CR first", in: "\rG|ET", status: 400},
		{name: "zero byte in a value", in: line + "A: \x00|", status: 400},
		{name: "many blank lines", in: strings.Repeat("\r\n", 5) + "|\r\n", status: 400},
		{name: "endless method", in: strings.Repeat("A", 65) + "|A", status: 400},
		{name: "endless target", in: "GET " + strings.Repeat("/", 61) + "|/", status: 414},
		{name: "head too long", in: line + "A: " + strings.Repeat("b", 200-len(line)-3) + "|b", status: 431},
		{name: "head one byte too long", in: line + "A: " + strings.Repeat("b", 200-len(line)-6) + "\r\n\r|\n", status: 431},
		{name: "too many fields", in: line + "A:\r\nA:\r\nA:\r\nA:\r\n|", status: 431},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, after, _ := strings.Cut(tt.in, "|")
			lim := Limits{HeadBytes: 200, Fields: 3, TargetBytes: 49}
			fed, _, end, err := scanBytewise(&HeadScanner{Limits: lim}, before+after)
			if end != 0 || status(err) != tt.status {
				t.Fatalf("end %d, error %v, want status %d", end, err, tt.status)
			}
			if tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if fed != len(before) {
				t.Errorf("known after %d bytes, want %d", fed, len(before))
			}
			whole := HeadScanner{Limits: lim}
			if _, _, err2 := whole.Scan([]byte(before + after)); fmt.Sprint(err2) != fmt.Sprint(err) {
				t.Errorf("in one piece: %v, byte by byte: %v", err2, err)
			}
		})
	}
}

func TestScanHoldsExactlyTheLimit(t *testing.T) {
	head := "GET / HTTP/1.1\r\nA: " + strings.Repeat("b", 100) + "\r\n\r\n"
	s := HeadScanner{Limits: Limits{HeadBytes: len(head)}}
	if _, end, err := s.Scan([]byte(head + "body")); end != len(head) || err != nil {
		t.Errorf("end %d, %v", end, err)
	}
	s = HeadScanner{Limits: Limits{HeadBytes: len(head) - 1}}
	if _, end, err := s.Scan([]byte(head + "body")); end != 0 || status(err) != 431 {
		t.Errorf("one byte less: end %d, %v", end, err)
	}
}

// A request line that fills the whole head is the address's fault.
func TestScanOfAnEndlessRequestLine(t *testing.T) {
	s := HeadScanner{Limits: Limits{HeadBytes: 100}}
	fed, _, end, err := scanBytewise(&s, "GET /"+strings.Repeat("a", 200))
	if fed != 100 || end != 0 || status(err) != 414 {
		t.Errorf("end %d, %v after %d bytes", end, err, fed)
	}
}

func TestScanLenient(t *testing.T) {
	for _, head := range []string{
		"HTTP/1.1 200 OK\r\nA: b\r\n\r\n",
		"HTTP/1.1 200 OK\nA: b\n\n",
		"HTTP/1.1 200 OK\r\nA: b\n\r\n",
		"HTTP/1.0 200\n\n",
		"HTTP/1.1 200 OK\r\nA: \x00\rb\r\n c\r\n\r\n",
	} {
		fed, start, end, err := scanBytewise(&HeadScanner{Lenient: true}, head+"\n\nbody")
		if fed != len(head) || start != 0 || end != len(head) || err != nil {
			t.Errorf("%q: found after %d bytes [%d:%d] %v", head, fed, start, end, err)
		}
	}
	for in, want := range map[string]int{"ICY 200 OK": 1, "HTTQ": 4, "HTTP\r\n": 5, "HTTP\n": 5, "\n": 1, "\r\nHTTP": 1, "<html>": 1} {
		fed, _, _, err := scanBytewise(&HeadScanner{Lenient: true}, in)
		if status(err) != 502 || fed != want {
			t.Errorf("%q: %v after %d bytes, want %d", in, err, fed, want)
		}
	}
}

func TestScanResets(t *testing.T) {
	s := HeadScanner{Limits: Limits{Fields: 1}}
	for range 3 {
		if _, end, err := s.Scan([]byte("GET / HTTP/1.1\r\nA: b\r\n\r\n")); end != 24 || err != nil {
			t.Fatalf("end %d, %v", end, err)
		}
		s.Reset()
	}
}
