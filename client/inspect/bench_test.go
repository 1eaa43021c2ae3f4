package inspect

import (
	"fmt"
	"testing"

	"ngrok/client"
)

// BenchmarkTapDownload is what the tap costs for 32 KiB of a download, which take some
// 10 µs to pass over loopback.
func BenchmarkTapDownload(b *testing.B) {
	const length = 1 << 60
	for _, f := range []struct{ name, field string }{
		{"length", fmt.Sprintf("Content-Length: %d", int64(length))},
		{"chunked", "Transfer-Encoding: chunked"},
		{"close", "Connection: close"},
	} {
		b.Run("framing="+f.name, func(b *testing.B) {
			s := New(Options{})
			tap := s.Open(testInfo)
			tap.Request([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
			tap.Response([]byte("HTTP/1.1 200 OK\r\n" + f.field + "\r\n\r\n"))
			p := make([]byte, 32<<10)
			if f.name == "chunked" {
				copy(p, "7ff8\r\n")
				copy(p[len(p)-2:], "\r\n")
			}
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				tap.Response(p)
			}
		})
	}
}

// BenchmarkTapKeepAlive is what the tap costs for one small request with its response,
// which take some 100 µs to pass.
func BenchmarkTapKeepAlive(b *testing.B) {
	request := []byte("GET /some/path?with=a&query=string HTTP/1.1\r\nHost: web.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n" +
		"Accept: text/html,application/xhtml+xml\r\nAccept-Encoding: gzip, deflate, br\r\nCookie: session=0123456789abcdef\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
	response := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Mon, 23 Nov 2026 02:18:08 GMT\r\nContent-Length: 15\r\n\r\n{\"hello\":\"you\"}")
	one := func(tap client.ConnTap) {
		tap.Request(request)
		tap.Response(response)
	}
	for _, viewers := range []int{0, 100} { // who never look
		b.Run(fmt.Sprintf("connections=1/viewers=%d", viewers), func(b *testing.B) {
			s := New(Options{})
			for range viewers {
				_, stop := s.Subscribe()
				defer stop()
			}
			tap := s.Open(testInfo)
			b.SetBytes(int64(len(request) + len(response)))
			b.ReportAllocs()
			for b.Loop() {
				one(tap)
			}
		})
	}
	b.Run("connections=procs/viewers=0", func(b *testing.B) {
		s := New(Options{})
		b.SetBytes(int64(len(request) + len(response)))
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			tap := s.Open(testInfo)
			for pb.Next() {
				one(tap)
			}
		})
	})
}
