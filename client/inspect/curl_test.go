package inspect

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"ngrok/client"
)

// listen answers each connection with serve, one after another, until the test ends.
func listen(t testing.TB, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
			serve(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

// captureRequest reads one request from conn with the capture itself, and answers it.
func captureRequest(conn net.Conn) *Exchange {
	s := New(Options{DBSize: 512 << 20, BodySize: 64 << 20})
	tap := s.newCapture(testInfo, "")
	buf := make([]byte, 32<<10)
	for {
		n, err := conn.Read(buf)
		tap.Request(buf[:n])
		tap.mu.Lock()
		complete := tap.last != nil && tap.last.reqDone
		tap.mu.Unlock()
		if err != nil || complete {
			break
		}
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	e, err := s.Exchange(tap.firstID())
	if err != nil {
		return &Exchange{}
	}
	return e
}

// sortedFields orders fields without regard to letter case.
func sortedFields(fields []Field) []Field {
	out := slices.Clone(fields)
	slices.SortStableFunc(out, func(a, b Field) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return out
}

func TestCurlSendsTheSame(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	received := make(chan *Exchange, 1)
	addr := listen(t, func(conn net.Conn) { received <- captureRequest(conn) })

	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	random := make([]byte, 200<<10)
	rnd := rand.NewChaCha8([32]byte{1})
	_, _ = rnd.Read(random)
	withBody := func(start, fields string, body []byte) string {
		return fmt.Sprintf("%s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n%s", start, addr, fields, len(body), body)
	}
	tests := []struct{ name, request string }{
		{"plain GET", "GET / HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"},
		{"own agent", "GET /?q=a%20b HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: Mozilla/5.0 (it's \"me\"; $HOME `x` !!)\r\nAccept: text/*\r\n\r\n"},
		{"globs and dots", "GET /a/../b/[1-3]/{x,y}/./c?z=[]|\\^ HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"},
		{"bytes in the target", "GET /\xc3\xa9\xff'\" HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"},
		{"empty and repeated fields", "GET / HTTP/1.1\r\nHost: " + addr + "\r\nX-Empty:\r\nX-Two: 1\r\nX-Two: 2\r\nCookie: a=b\r\nAccept-Encoding: gzip, br\r\n\r\n"},
		{"bytes in a field", "GET / HTTP/1.1\r\nHost: " + addr + "\r\nX-Bytes: caf\xe9 %s \\n 'x' \xe2\x80\x8b\tz\r\n\r\n"},
		{"other host", "GET / HTTP/1.1\r\nHost: other.example:81\r\n\r\n"},
		{"HEAD", "HEAD /x HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"},
		{"absolute target", "GET http://" + addr + "/x HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"},
		{"HTTP/1.0", "GET / HTTP/1.0\r\nHost: " + addr + "\r\n\r\n"},
		{"DELETE", "DELETE /x HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"},
		{"GET with a body", withBody("GET /", "", []byte("a"))},
		{"JSON", withBody("POST /", "Content-Type: application/json\r\n", []byte("{\"a\": \"it's\",\n\t\"b\": \"\\n $x %s\"}\n"))},
		{"file name", withBody("POST /", "", []byte("@/etc/passwd"))},
		{"no content type", withBody("PUT /", "", []byte("x"))},
		{"empty body", withBody("POST /", "", nil)},
		{"no length", "POST / HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"},
		{"all bytes", withBody("PATCH /", "Content-Type: application/octet-stream\r\n", all)},
		{"long binary", withBody("POST /", "", random)},
		{"long text", withBody("POST /", "", bytes.Repeat([]byte("text "), 60000))},
		{"2 MB", withBody("POST /", "", bytes.Repeat([]byte("text "), 400000))},
		{"expect", withBody("POST /", "Expect: 100-continue\r\n", []byte("x"))},
		{"chunked", "POST / HTTP/1.1\r\nHost: " + addr + "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			s := New(Options{DBSize: 512 << 20, BodySize: 8 << 20})
			info := testInfo
			info.PublicURL = "http://" + addr
			tap := s.Open(info)
			tap.Request([]byte(x.request))
			want := exchanges(t, s)[0]
			line, err := want.Curl()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("sh")
			cmd.Stdin = strings.NewReader(strings.Replace(line, "curl \\", "curl -sS --noproxy '*' --max-time 60 \\", 1) + "\n")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s\n%.2000s", err, out, line)
			}
			var got *Exchange
			select {
			case got = <-received:
			case <-time.After(60 * time.Second):
				t.Fatal("no request arrived")
			}
			if got.Request.StartLine != want.Request.StartLine {
				t.Errorf("start line %q, want %q", got.Request.StartLine, want.Request.StartLine)
			}
			if !bytes.Equal(got.Request.Body, want.Request.Body) {
				t.Errorf("body of %d bytes, want %d: %.100q", len(got.Request.Body), len(want.Request.Body), got.Request.Body)
			}
			if g, w := sortedFields(got.Request.Header), sortedFields(want.Request.Header); !slices.Equal(g, w) {
				t.Errorf("fields\n%q, want\n%q\n%.2000s", g, w, line)
			}
		})
	}
}

func TestCurlRefuses(t *testing.T) {
	tests := []struct {
		name, request, response string
		want                    error
	}{
		{"cut body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123456789", "", ErrBodyCut},
		{"incomplete", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123", "", ErrIncomplete},
		{"raw", "\x16", "", ErrNotHTTP},
		{"websocket", "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 101 X\r\n\r\n", ErrWebSocket},
	}
	for _, x := range tests {
		s := New(Options{BodySize: 5})
		tap := s.Open(client.ConnInfo{})
		tap.Request([]byte(x.request))
		tap.Response([]byte(x.response))
		if line, err := exchanges(t, s)[0].Curl(); !errors.Is(err, x.want) || line != "" {
			t.Errorf("%s: %q, %v", x.name, line, err)
		}
	}
}
