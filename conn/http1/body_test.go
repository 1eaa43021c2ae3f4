package http1

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// follow feeds in to b in pieces of at most size bytes. It returns the payload, the
// trailers and how many bytes belong to the body.
func follow(b *Body, in string, size int) (payload, trailer string, n int, err error) {
	var pay, tr strings.Builder
	for !b.Done() && n < len(in) {
		p := []byte(in[n:min(n+size, len(in))])
		m, part, err := b.Step(p)
		switch part {
		case Payload:
			pay.Write(p[:m])
		case Trailer:
			tr.Write(p[:m])
		}
		n += m
		if err != nil {
			return pay.String(), tr.String(), n, err
		}
		if m == 0 {
			return pay.String(), tr.String(), n, errors.New("Step does not move on")
		}
	}
	return pay.String(), tr.String(), n, nil
}

var sizes = []int{1, 2, 3, 7, 1 << 20}

func TestChunkedBodies(t *testing.T) {
	tests := []struct {
		name, in         string // what follows the body stands behind |
		payload, trailer string
	}{
		{name: "empty", in: "0\r\n\r\n|GET"},
		{name: "one chunk", in: "5\r\nhello\r\n0\r\n\r\n|GET", payload: "hello"},
		{name: "two chunks", in: "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n|", payload: "hello world"},
		{name: "hexadecimal", in: "1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0A\r\n0123456789\r\n000\r\n\r\n|0", payload: "abcdefghijklmnopqrstuvwxyz0123456789"},
		{name: "16 digits", in: "0000000000000001\r\nx\r\n0000000000000000\r\n\r\n|", payload: "x"},
		{name: "payload like chunks", in: "7\r\n0\r\n\r\n0\r\r\n0\r\n\r\n|", payload: "0\r\n\r\n0\r"},
		{name: "extensions", in: "1;a\r\nx\r\n1;a=b;c=\"d;\t\xff\"\r\ny\r\n0;z\r\n\r\n|", payload: "xy"},
		{name: "trailers", in: "1\r\nx\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n|Z: 3\r\n\r\n", payload: "x", trailer: "X-Sum: 1\r\nY:\r\n"},
		{name: "trailer with a longer name", in: "0\r\nContent-Length-X: 1\r\nTransfer-Encoding-: 1\r\nHos: 1\r\n\r\n|", trailer: "Content-Length-X: 1\r\nTransfer-Encoding-: 1\r\nHos: 1\r\n"},
		{name: "endless name", in: "0\r\n" + strings.Repeat("n", 300) + ":\r\n\r\n|", trailer: strings.Repeat("n", 300) + ":\r\n"},
		{name: "many small chunks", in: strings.Repeat("1\r\nx\r\n", 5000) + "0\r\n\r\n|", payload: strings.Repeat("x", 5000)},
		{name: "long line", in: "1;" + strings.Repeat("e", maxChunkLine-4) + "\r\nx\r\n0\r\n\r\n|", payload: "x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body, rest, _ := strings.Cut(tt.in, "|")
			for _, lenient := range []bool{false, true} {
				for _, size := range sizes {
					b := Body{framing: Chunked, lenient: lenient}
					payload, trailer, n, err := follow(&b, body+rest, size)
					if err != nil || !b.Done() || n != len(body) {
						t.Fatalf("pieces of %d: %d of %d bytes, done %v, %v", size, n, len(body), b.Done(), err)
					}
					if payload != tt.payload || trailer != tt.trailer || b.Sloppy() {
						t.Fatalf("pieces of %d: payload %.99q, trailer %.99q, sloppy %v", size, payload, trailer, b.Sloppy())
					}
					b = Body{framing: Chunked, lenient: lenient}
					if n, done, err := b.Next([]byte(body + rest)); n != len(body) || !done || err != nil {
						t.Fatalf("Next: %d %v %v", n, done, err)
					}
				}
			}
		})
	}
}

func TestMalformedChunkedBodies(t *testing.T) {
	tests := []struct {
		name, in string // the byte that is wrong stands behind |
		lenient  bool   // a lenient tracker overlooks it and gets to the end
		status   int    // 400 if 0
	}{
		{name: "no size", in: "|\r\n"},
		{name: "extension alone", in: "|;a\r\n"},
		{name: "sign", in: "|+5\r\nhello\r\n0\r\n\r\n"},
		{name: "negative", in: "|-1\r\n"},
		{name: "prefix", in: "0|x5\r\nhello"},
		{name: "underscore", in: "1|_0\r\n"},
		{name: "letter", in: "|g\r\n"},
		{name: "17 digits", in: "0000000000000000|1\r\nx"},
		{name: "2^63", in: "800000000000000|0\r\n"},
		{name: "all ones", in: "fffffffffffffff|f\r\n"},
		{name: "space before", in: "| 5\r\nhello"},
		{name: "space behind", in: "5| \r\nhello\r\n0\r\n\r\n", lenient: true},
		{name: "space before extension", in: "5|\t;a\r\nhello\r\n0\r\n\r\n", lenient: true},
		{name: "comma", in: "5|,5\r\nhello"},
		{name: "two sizes", in: "5| 5\r\nhello"},
		{name: "LF for CRLF", in: "5|\nhello\r\n0\r\n\r\n", lenient: true},
		{name: "LF for CRLF behind an extension", in: "5;a|\nhello\r\n0\r\n\r\n", lenient: true},
		{name: "bare CR", in: "5\r|hello"},
		{name: "bare CR in an extension", in: "5;a\r|b\r\nhello"},
		{name: "zero byte in an extension", in: "5;|\x00\r\nhello\r\n0\r\n\r\n", lenient: true},
		{name: "payload too long", in: "5\r\nhello|!\r\n"},
		{name: "payload without CR", in: "5\r\nhello|\n0\r\n\r\n", lenient: true},
		{name: "payload and bare CR", in: "5\r\nhello\r|0\r\n"},
		{name: "last chunk with LF", in: "0\r\n|\n", lenient: true},
		{name: "last chunk with bare CR", in: "0\r\n\r|x"},
		{name: "trailer Content-Length", in: "0\r\nContent-Length|: 5\r\n\r\n", lenient: true},
		{name: "trailer Transfer-Encoding", in: "0\r\nX: y\r\ntransfer-ENCODING|: chunked\r\n\r\n", lenient: true},
		{name: "trailer Host", in: "0\r\nHOST|: a\r\n\r\n", lenient: true},
		{name: "trailer without name", in: "0\r\n|: a\r\n\r\n", lenient: true},
		{name: "trailer without colon", in: "0\r\nabc|\r\n\r\n", lenient: true},
		{name: "trailer with space before colon", in: "0\r\nabc| : d\r\n\r\n", lenient: true},
		{name: "trailer folded", in: "0\r\na: b\r\n| c\r\n\r\n", lenient: true},
		{name: "trailer with zero byte", in: "0\r\na: |\x00\r\n\r\n", lenient: true},
		{name: "trailer with LF", in: "0\r\na: b|\n\r\n", lenient: true},
		{name: "trailer with bare CR", in: "0\r\na: b\r|c\r\n\r\n"},
		{name: "chunk line too long", in: "1;" + strings.Repeat("e", maxChunkLine-2) + "|e\r\n"},
		{name: "trailers too long", in: "0\r\na: " + strings.Repeat("b", maxTrailerBytes-3) + "|b\r\n\r\n", status: 431},
		{name: "many trailers", in: "0\r\n" + strings.Repeat("abcde:\r\n", maxTrailerBytes/8) + "|a:\r\n\r\n", status: 431},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good, bad, _ := strings.Cut(tt.in, "|")
			want := tt.status
			if want == 0 {
				want = 400
			}
			for _, size := range sizes {
				b := Body{framing: Chunked}
				_, _, n, err := follow(&b, good+bad, size)
				if status(err) != want || n != len(good) || b.Done() {
					t.Fatalf("pieces of %d: %d good bytes of %d, done %v, %v", size, n, len(good), b.Done(), err)
				}
				if _, _, again := b.Next([]byte("0\r\n\r\n")); again != err {
					t.Fatalf("the error does not stay: %v", again)
				}
				b = Body{framing: Chunked, lenient: true}
				_, _, n, err = follow(&b, good+bad, size)
				if ok := err == nil && b.Done() && n == len(good+bad); ok != tt.lenient {
					t.Fatalf("lenient, pieces of %d: %d of %d bytes, done %v, %v", size, n, len(good+bad), b.Done(), err)
				}
				// A field of the head among the trailers changes no boundary.
				if tt.lenient && !b.Sloppy() && !strings.HasPrefix(bad, ": ") {
					t.Fatalf("lenient, pieces of %d: not reported as sloppy", size)
				}
			}
		})
	}
}

// Extensions are free up to 16 KiB, beyond that only as much as there is payload.
func TestChunkExtensionsAreBounded(t *testing.T) {
	chunk := func(ext, data int) string {
		return "10;" + strings.Repeat("e", ext) + "\r\n" + strings.Repeat("d", data) + "\r\n"
	}
	b := Body{framing: Chunked}
	if _, _, _, err := follow(&b, strings.Repeat(chunk(16, 16), 20_000)+"0\r\n\r\n", 1<<20); err != nil || !b.Done() {
		t.Errorf("as many bytes of extensions as of payload: %v", err)
	}
	b = Body{framing: Chunked}
	_, _, n, err := follow(&b, strings.Repeat(chunk(32, 16), 20_000), 1<<20)
	if status(err) != 400 || n > 3*maxExtensionExcess*2 {
		t.Errorf("twice as many: %v after %d bytes", err, n)
	}
	b = Body{framing: Chunked, lenient: true}
	if _, _, _, err := follow(&b, strings.Repeat(chunk(32, 16), 20_000)+"0\r\n\r\n", 1<<20); err != nil || !b.Done() {
		t.Errorf("lenient: %v", err)
	}
}

func TestLengthBodies(t *testing.T) {
	for _, size := range sizes {
		b := Body{framing: Length, left: 5}
		payload, _, n, err := follow(&b, "helloGET", size)
		if payload != "hello" || n != 5 || !b.Done() || err != nil {
			t.Errorf("pieces of %d: %q, %d, %v", size, payload, n, err)
		}
	}
	b := Body{framing: Length, left: 10 << 30}
	p := make([]byte, 1<<20)
	for i := range 10 << 10 {
		n, done, err := b.Next(p)
		if n != len(p) || err != nil || done != (i == 10<<10-1) {
			t.Fatalf("MiB %d of 10 GiB: %d %v %v", i, n, done, err)
		}
	}
	if n, done, err := b.Next(p); n != 0 || !done || err != nil {
		t.Errorf("after the end: %d %v %v", n, done, err)
	}
}

func TestBodiesWithoutEnd(t *testing.T) {
	b := Body{framing: UntilClose}
	if n, done, err := b.Next([]byte("0\r\n\r\n")); n != 5 || done || err != nil {
		t.Errorf("until close: %d %v %v", n, done, err)
	}
	b = Body{}
	if n, done, err := b.Next([]byte("x")); n != 0 || !done || err != nil || !b.Done() {
		t.Errorf("no body: %d %v %v", n, done, err)
	}
}

func TestBodyOfARequest(t *testing.T) {
	for head, want := range map[string]string{
		"POST / HTTP/1.1\nHost: a\nContent-Length: 3\n\n":          "5\r\n",
		"POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n": "5\r\nhello\r\n0\r\n\r\n",
		"POST / HTTP/1.1\nHost: a\n\n":                             "",
	} {
		r, err := parse(t, head)
		if err != nil {
			t.Fatal(err)
		}
		b := r.Body()
		if n, done, err := b.Next([]byte("5\r\nhello\r\n0\r\n\r\nrest")); n != len(want) || !done || err != nil {
			t.Errorf("%q: %d %v %v", head, n, done, err)
		}
	}
}

func TestParseFields(t *testing.T) {
	got := ParseFields(nil, []byte("A: b \r\nC:\nno colon\r\n: none\r\nD:e:f"))
	var b bytes.Buffer
	for _, f := range got {
		io.WriteString(&b, string(f.Name)+"="+string(f.Value)+"|")
	}
	if b.String() != "A=b|C=|D=e:f|" {
		t.Errorf("%s", b.String())
	}
}
