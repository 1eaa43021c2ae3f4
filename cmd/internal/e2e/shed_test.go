//go:build unix

package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ngrok/conn/conntest"
)

// TestDescriptorsRunShort fills the process with idle visitors: new ones are sent away,
// while those who are here, and the session, go on.
func TestDescriptorsRunShort(t *testing.T) {
	conntest.NoLeak(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "in") }))
	defer service.Close()

	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	probe, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	limit := old
	limit.Cur = uint64(probe.Fd()) + 200
	probe.Close()
	if limit.Cur > old.Max {
		t.Skip("too few file descriptors")
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(restore)

	w := newWorld(t, nil)
	c := w.runClient(nil, httpTunnel("busy", service.Listener.Addr()), tcpTunnel("echo", echoService(t)))
	here := dialRaw(t, w.listen.HTTP.Addr())
	const request = "GET / HTTP/1.1\r\nHost: busy.localhost\r\n\r\n"
	served := func() bool {
		here.send(request)
		_, body := here.answer("GET")
		return body == "in"
	}
	if !served() {
		t.Fatal("not served at first")
	}
	var idle []net.Conn
	defer func() {
		for _, nc := range idle {
			nc.Close()
		}
	}()
	for shed := false; !shed; {
		nc, err := net.Dial("tcp", w.listen.HTTP.Addr().String())
		if err != nil {
			t.Fatalf("after %d visitors, none of whom was sent away: %v", len(idle), err)
		}
		idle = append(idle, nc)
		nc.SetDeadline(time.Now().Add(patience))
		io.WriteString(nc, "GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			t.Fatal(err)
		}
		if shed = resp.StatusCode == 503; shed && resp.Header.Get("Retry-After") == "" {
			t.Errorf("sent away with %v", resp.Header)
		}
	}
	resetAtOnce(t, c.url("tcp"), "")
	resetAtOnce(t, c.url("https"), "GET / HTTP/1.1\r\n\r\n") // else it is told that this is no TLS
	if !served() {
		t.Error("who was here is not served any more")
	}
	for _, nc := range idle {
		nc.Close()
	}
	idle = nil
	conntest.Eventually(t, "new visitors are served again", func() bool {
		status, body := get(t, w.visitor(), c.url("http"))
		return status == 200 && body == "in"
	})
}
