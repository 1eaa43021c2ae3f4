package http1

import (
	"strings"
	"testing"
)

var browserRequest = []byte(crlf(`GET /static/app.js?v=17 HTTP/1.1
Host: www.example.com
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8
Accept-Language: en-US,en;q=0.5
Accept-Encoding: gzip, deflate, br, zstd
Connection: keep-alive
Cookie: session=0123456789abcdef0123456789abcdef; theme=dark
Upgrade-Insecure-Requests: 1
Sec-Fetch-Dest: document
Sec-Fetch-Mode: navigate

`))

var serverResponse = []byte(crlf(`HTTP/1.1 200 OK
Server: nginx/1.26.3
Date: Mon, 01 Jan 2024 00:00:00 GMT
Content-Type: text/javascript; charset=utf-8
Content-Length: 1024
Connection: keep-alive
ETag: "0123456789abcdef"

` + strings.Repeat("x", 1024)))

func chunkedBody(chunk, count int) []byte {
	one := "4000\r\n" + strings.Repeat("x", chunk) + "\r\n"
	return []byte(strings.Repeat(one, count) + "0\r\n\r\n")
}

func scanAndParse(tb testing.TB, r *Request, in []byte) {
	var scan HeadScanner
	start, end, err := scan.Scan(in)
	if err != nil {
		tb.Fatal(err)
	}
	if err := ParseRequest(r, in[start:end], Limits{}); err != nil {
		tb.Fatal(err)
	}
}

// The ways of every byte allocate nothing, once a Request has room for its fields.
func TestNoAllocations(t *testing.T) {
	var r Request
	upper := []byte("GET / HTTP/1.1\r\nHost: WWW.Example.COM:80\r\n\r\n")
	scanAndParse(t, &r, browserRequest)
	scanAndParse(t, &r, upper)
	body := chunkedBody(16<<10, 10)
	var s ResponseStream
	interim := []byte("HTTP/1.1 100 Continue\r\n\r\n")
	edits := Edits{Host: "localhost:3000", Remove: []string{"Cookie"}, Set: []Header{{"X-Forwarded-For", "192.0.2.1"}}}
	dst := make([]byte, 0, 2<<10)
	get := []byte("GET")
	for name, f := range map[string]func(){
		"request":            func() { scanAndParse(t, &r, browserRequest) },
		"upper case host":    func() { scanAndParse(t, &r, upper) },
		"edit":               func() { dst = edits.AppendRequest(dst[:0], &r) },
		"field":              func() { _ = r.Get("cookie") },
		"length body":        func() { b := Body{framing: Length, left: 1 << 20}; b.Next(body) },
		"chunked body":       func() { b := Body{framing: Chunked}; b.Next(body) },
		"chunked, in pieces": func() { b := Body{framing: Chunked}; b.Next(body[:1]); b.Next(body[1:20]); b.Next(body[20:]) },
		"responses": func() {
			s.Push(get, false)
			s.Next(interim)
			if n, ev := s.Next(serverResponse); n != len(serverResponse) || ev != Ended {
				t.Fatal(n, ev, s.Err())
			}
		},
		"response in two pieces": func() {
			s.Push(get, false)
			s.Next(serverResponse[:600])
			if _, ev := s.Next(serverResponse[600:]); ev != Ended {
				t.Fatal(ev, s.Err())
			}
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkParseRequest(b *testing.B) {
	var r Request
	b.SetBytes(int64(len(browserRequest)))
	b.ReportAllocs()
	for b.Loop() {
		scanAndParse(b, &r, browserRequest)
	}
}

func BenchmarkHeadScanner(b *testing.B) {
	b.SetBytes(int64(len(browserRequest)))
	b.ReportAllocs()
	for b.Loop() {
		var scan HeadScanner
		if _, end, _ := scan.Scan(browserRequest); end != len(browserRequest) {
			b.Fatal(end)
		}
	}
}

func BenchmarkBodyChunked(b *testing.B) {
	for _, c := range []struct {
		name string
		in   []byte
	}{
		{"chunk=1", []byte(strings.Repeat("1\r\nx\r\n", 10_000) + "0\r\n\r\n")},
		{"chunk=16KiB", chunkedBody(16<<10, 64)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.in)))
			b.ReportAllocs()
			for b.Loop() {
				body := Body{framing: Chunked}
				if n, done, err := body.Next(c.in); n != len(c.in) || !done || err != nil {
					b.Fatal(n, done, err)
				}
			}
		})
	}
}

func BenchmarkResponseStream(b *testing.B) {
	var s ResponseStream
	get := []byte("GET")
	b.SetBytes(int64(len(serverResponse)))
	b.ReportAllocs()
	for b.Loop() {
		s.Push(get, false)
		if n, ev := s.Next(serverResponse); n != len(serverResponse) || ev != Ended {
			b.Fatal(n, ev)
		}
	}
}

func BenchmarkAppendRequest(b *testing.B) {
	var r Request
	scanAndParse(b, &r, browserRequest)
	edits := Edits{Host: "localhost:3000", Set: []Header{{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-Proto", "https"}}}
	var dst []byte
	b.SetBytes(int64(len(browserRequest)))
	b.ReportAllocs()
	for b.Loop() {
		dst = edits.AppendRequest(dst[:0], &r)
	}
}
