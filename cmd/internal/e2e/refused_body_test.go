package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ngrok/conn/conntest"
)

// A refusal that leaves the connection open must mean it, whatever body the refused
// request has: a reverse proxy in front sends the next one, of another visitor, down it.
func TestRefusedRequestKeepsItsWord(t *testing.T) {
	conntest.NoLeak(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "in") }))
	defer service.Close()
	w := newWorld(t, nil)
	locked := httpTunnel("locked", service.Listener.Addr())
	locked.HTTPAuth = "user:password"
	host := strings.TrimPrefix(w.runClient(nil, locked).url("http"), "http://")
	for _, size := range []int{0, 10, 10 << 10, 60 << 10, 70 << 10, 200 << 10} {
		body := strings.Repeat("b", size)
		chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, body)
		if size == 0 {
			chunked = "0\r\n\r\n"
		}
		for name, request := range map[string]string{
			"length":  fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, body),
			"chunked": "Transfer-Encoding: chunked\r\n\r\n" + chunked,
		} {
			t.Run(fmt.Sprintf("%s %d", name, size), func(t *testing.T) {
				nc := dialTCP(t, "tcp://"+host)
				defer nc.Close()
				r := bufio.NewReader(nc)
				io.WriteString(nc, "POST / HTTP/1.1\r\nHost: "+host+"\r\n"+request)
				resp, err := http.ReadResponse(r, nil)
				if err != nil || resp.StatusCode != 401 {
					t.Fatal(resp, err)
				}
				io.Copy(io.Discard, resp.Body)
				if resp.Close {
					if _, err := r.ReadByte(); err != io.EOF {
						t.Errorf("it was to be closed: %v", err)
					}
					return
				}
				io.WriteString(nc, "GET / HTTP/1.1\r\nHost: "+host+"\r\nAuthorization: Basic dXNlcjpwYXNzd29yZA==\r\n\r\n")
				resp, err = http.ReadResponse(r, nil)
				if err != nil || resp.StatusCode != 200 {
					t.Error("the next request:", resp, err)
				}
			})
		}
	}
}
