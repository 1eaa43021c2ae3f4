package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"ngrok/conn"
	"ngrok/msg"
)

// pieces is a connection that delivers bytes in pieces of a size.
type pieces struct {
	sink
	b    []byte
	size int
}

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(to, p.b[:min(p.size, len(p.b))])
	p.b = p.b[n:]
	return n, nil
}

// FuzzResponseHeads changes the heads of whatever a private service answers. How it arrives
// must not matter, and what is no HTTP must pass as it is.
func FuzzResponseHeads(f *testing.F) {
	f.Add([]byte(lines("HTTP/1.1 200 OK", "Content-Length: 5", "Server: x")+"hello"+lines("HTTP/1.1 204 No Content")), uint8(7), false)
	f.Add([]byte(lines("HTTP/1.1 100 Continue")+lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")+"5\r\nhello\r\n0\r\n\r\n"), uint8(1), false)
	f.Add([]byte(lines("HTTP/1.1 304 Not Modified", "Content-Length: 5")), uint8(3), true)
	f.Add([]byte("SSH-2.0-x\r\n"), uint8(2), false)
	tunnel := &Tunnel{Local: map[string]string{"http": "127.0.0.1:1"}, ResponseHeaders: HeaderChanges{Add: []Header{{"X-Added", "1"}}, Remove: []string{"Server"}}}
	rules, err := newHeadRules(tunnel, grant{url: "http://a.example", protocol: "http"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8, head bool) {
		read := func(size int) string {
			leg := newEditedLeg(conn.NewConn(&pieces{sink: sink{new(bytes.Buffer)}, b: bytes.Clone(in), size: size}), rules, &msg.StartProxy{ClientAddr: "192.0.2.1:5"}, true, nil)
			defer leg.Release()
			request := lines("GET / HTTP/1.1", "Host: a")
			if head {
				request = lines("HEAD / HTTP/1.1", "Host: a")
			}
			padded := append(make([]byte, conn.Headroom), request+request...)
			if err := leg.WritePadded(padded); err != nil {
				t.Fatal(err)
			}
			var out []byte
			for {
				p, err := leg.Next()
				if err != nil {
					if !errors.Is(err, io.EOF) {
						t.Fatal(err)
					}
					return string(out)
				}
				out = append(out, p[conn.Headroom:]...)
			}
		}
		whole := read(len(in) + 1)
		if parts := read(max(int(size), 1)); parts != whole {
			t.Fatalf("in pieces of %d\n%q\nas a whole\n%q", size, parts, whole)
		}
		if !bytes.Contains(in, []byte("HTTP/")) && whole != string(in) {
			t.Fatalf("%q became %q", in, whole)
		}
	})
}

// FuzzErrorPage answers whatever a visitor sends when the private service can't be reached.
func FuzzErrorPage(f *testing.F) {
	f.Add([]byte(lines("GET / HTTP/1.1", "Accept: text/html")), "http://a<b>.example")
	f.Add([]byte(lines("HEAD / HTTP/1.1", "Host: a")), "http://a.example")
	f.Add([]byte("\x16\x03\x01"), "https://a.example\r\nX: y")
	f.Fuzz(func(t *testing.T, request []byte, url string) {
		method := "GET"
		if bytes.HasPrefix(request, []byte("HEAD ")) {
			method = "HEAD"
		}
		answer := unreachable(ConnInfo{PublicURL: url, LocalAddr: "127.0.0.1:1"}, errors.New("refused")).response(request)
		r := bufio.NewReader(bytes.NewReader(answer))
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 502 || method == "GET" && int64(len(body)) != resp.ContentLength || r.Buffered() > 0 {
			t.Fatalf("%d, %v, %d bytes of %d, %d more", resp.StatusCode, err, len(body), resp.ContentLength, r.Buffered())
		}
		if bytes.Contains(body, []byte("<b>")) && resp.Header.Get("Content-Type") == "text/html; charset=utf-8" {
			t.Fatalf("what was sent is part of the page: %s", body)
		}
	})
}
