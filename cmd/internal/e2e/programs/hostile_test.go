//go:build linux

package programs

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// What a hostile service sends in the hope that it is taken for somebody else's answer.
const (
	evilAnswer = "HTTP/1.1 200 OK\r\nEvil: yes\r\nContent-Length: 4\r\n\r\nevil"
	goodAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
)

// hostileWays are the paths at which the hostile service misbehaves.
var hostileWays = []string{"/extra", "/later", "/end", "/long", "/bodiless", "/head", "/both", "/early", "/103", "/101", "/half"}

// hostileService answers with more than it was asked for.
func hostileService(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(patience))
				r := bufio.NewReader(nc)
				for misbehave(nc, r) {
				}
			}()
		}
	}()
	return l.Addr().String()
}

// misbehave answers one request and reports whether the connection goes on.
func misbehave(nc net.Conn, r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	if req.URL.Path == "/early" { // before the body was sent
		io.WriteString(nc, goodAnswer+evilAnswer)
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return false
	}
	answer := goodAnswer
	if req.Method == "HEAD" {
		answer = goodAnswer[:len(goodAnswer)-len("good")]
	}
	switch req.URL.Path {
	case "/extra":
		io.WriteString(nc, answer+evilAnswer)
	case "/later":
		io.WriteString(nc, answer)
		time.Sleep(5 * time.Millisecond) // the next request is perhaps under way
		io.WriteString(nc, evilAnswer)
	case "/end":
		io.WriteString(nc, answer)
		nc.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		io.Copy(io.Discard, r) // the end of the visit, and then
		io.WriteString(nc, evilAnswer)
		return false
	case "/long":
		io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ng"+evilAnswer)
	case "/bodiless":
		io.WriteString(nc, "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n"+evilAnswer)
	case "/head":
		io.WriteString(nc, "HTTP/1.1 304 Not Modified\r\nContent-Length: 73\r\n\r\n"+evilAnswer)
	case "/both":
		io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 80\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+evilAnswer)
	case "/103":
		io.WriteString(nc, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"+answer+"HTTP/1.1 100 Continue\r\n\r\n"+evilAnswer)
	case "/101":
		io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"+evilAnswer)
	case "/half":
		io.WriteString(nc, answer[:10]) // never the rest
		nc.(*net.TCPConn).SetLinger(0)
		return false
	}
	return true
}
