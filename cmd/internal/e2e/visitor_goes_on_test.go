package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ngrok/conn/conntest"
)

// What a service does after its answer is between it and us: the visitor's connection
// may be one that a reverse proxy keeps for the visitors of all tunnels.
func TestVisitorGoesOnWithoutTheService(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
	for _, c := range []struct {
		name  string
		after func(nc *net.TCPConn) // what the service does then
	}{
		{"it closes", func(nc *net.TCPConn) { nc.CloseWrite() }},
		{"it sends more at once", nil},
		{"it sends more later", func(nc *net.TCPConn) { io.WriteString(nc, answer) }},
		{"it sends no HTTP", func(nc *net.TCPConn) { io.WriteString(nc, "\x00\r\n\r\n") }},
		{"it breaks", func(nc *net.TCPConn) { nc.SetLinger(0); nc.Close() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			conntest.NoLeak(t)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			delivered, gone := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(gone)
				nc, err := l.Accept()
				if err != nil {
					t.Error(err)
					return
				}
				defer nc.Close()
				r := bufio.NewReader(nc)
				if _, err := http.ReadRequest(r); err != nil {
					t.Error(err)
				}
				if c.after == nil {
					io.WriteString(nc, answer+answer)
				} else {
					io.WriteString(nc, answer)
					<-delivered
					c.after(nc.(*net.TCPConn))
				}
				io.Copy(io.Discard, r) // until the server has acted on it
			}()
			honest := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "honest") }))
			defer honest.Close()
			w := newWorld(t, nil)
			w.runClient(nil, httpTunnel("other", l.Addr()))
			host := strings.TrimPrefix(w.runClient(nil, httpTunnel("honest", honest.Listener.Addr())).url("http"), "http://")
			nc := dialTCP(t, "tcp://"+host)
			nc.SetDeadline(time.Now().Add(patience))
			r := bufio.NewReader(nc)
			ask := func(host, want string) {
				t.Helper()
				io.WriteString(nc, "GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(resp.Body); string(b) != want || err != nil || resp.Close {
					t.Fatalf("%q, %v, close %v; want %q", b, err, resp.Close, want)
				}
			}
			ask(strings.Replace(host, "honest", "other", 1), "good")
			close(delivered)
			<-gone
			ask(host, "honest")
			ask(host, "honest")
		})
	}
}
