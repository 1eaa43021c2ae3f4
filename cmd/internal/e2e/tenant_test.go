package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"ngrok/conn/conntest"
	"ngrok/msg"
	"ngrok/server"
	"ngrok/server/limit"
)

// TestAnswerBeforeTheRequestIsSent has a client that does not read, until the start of a
// visitor gets stuck on its proxy connection, then answers it, and then aborts. The visitor
// may have the answer or an end, but never an answer of the server's behind it: whoever
// shares a connection among visitors would take that for the answer to the next request.
func TestAnswerBeforeTheRequestIsSent(t *testing.T) {
	conntest.NoLeak(t)
	var log logBuffer
	w := newWorld(t, func(c *server.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	evil := w.rawClient(msg.Auth{Features: reuseAuth.Features})
	evil.tunnel("http", "evil")
	p := evil.proxy()
	p.NetConn().(*net.TCPConn).SetReadBuffer(4096)
	request := "POST / HTTP/1.1\r\nHost: evil.localhost\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("x", 60000)
	for i := 1; ; i++ {
		if i > 100 {
			t.Fatal("the start of no visitor gets stuck")
		}
		visitor, err := net.Dial("tcp", w.listen.HTTP.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer visitor.Close()
		if _, err := io.WriteString(visitor, request); err != nil {
			t.Fatal(err)
		}
		// That a visitor is stuck has no other sign than that it does not go on.
		stuck := true
		for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if strings.Count(log.String(), "visitor connected") == i {
				stuck = false
				break
			}
		}
		p.write(frame(data, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"), frame(end, ""))
		visitor.SetReadDeadline(time.Now().Add(patience))
		r := bufio.NewReader(visitor)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("visitor %d: %v", i, err)
		}
		if b, err := io.ReadAll(resp.Body); string(b) != "first" {
			t.Fatalf("visitor %d: %q %v", i, b, err)
		}
		if !stuck {
			continue
		}
		p.NetConn().(*net.TCPConn).SetLinger(0)
		p.NetConn().Close()
		if b, err := io.ReadAll(r); len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("behind its answer visitor %d is told %q, %v", i, b, err)
		}
		return
	}
}

// TestRefusedVisitorHoldsUpNobody waits for a client that is away with two visitors. The
// first has no password and does not send the body that it announced: the other one, who
// is all right, does not wait for that.
func TestRefusedVisitorHoldsUpNobody(t *testing.T) {
	conntest.NoLeak(t)
	var log logBuffer
	w := newWorld(t, func(c *server.Config) {
		c.Park, c.Lease = 5*time.Second, time.Minute
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	ask := &msg.ReqTunnel{ReqId: "1", Protocol: "http", Subdomain: "x", HttpAuth: "user:password"}
	auth := msg.Auth{User: "somebody", Features: reuseAuth.Features}
	c := w.rawClient(auth)
	c.send(ask)
	next[*msg.NewTunnel](c)
	c.control.NetConn().Close()
	conntest.Eventually(t, "the client is away", func() bool { return strings.Contains(log.String(), "client offline") })

	dial := func(waiting int, request string) net.Conn {
		nc, err := net.Dial("tcp", w.listen.HTTP.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		if _, err := io.WriteString(nc, request); err != nil {
			t.Fatal(err)
		}
		conntest.Eventually(t, fmt.Sprintf("%d visitors wait", waiting), func() bool { return w.server.Waiting() == waiting })
		return nc
	}
	dial(1, "POST / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 9\r\n\r\n")
	visitor := dial(2, "GET / HTTP/1.1\r\nHost: x.localhost\r\nAuthorization: Basic dXNlcjpwYXNzd29yZA==\r\n\r\n")

	auth.ClientId = c.resp.ClientId
	c = w.rawClient(auth)
	c.send(ask)
	next[*msg.NewTunnel](c)
	p := c.proxy()
	p.started()
	p.write(frame(data, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	visitor.SetReadDeadline(time.Now().Add(patience))
	resp, err := http.ReadResponse(bufio.NewReader(visitor), nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("the visitor is told %v, %v", resp, err)
	}
}

// TestSessionsOfAnotherAddress resumes sessions of one address at another, where they count
// anew.
func TestSessionsOfAnotherAddress(t *testing.T) {
	conntest.NoLeak(t)
	limits := limit.Default()
	limits.Sessions = 2
	w, x := abuseWorld(t, nil, limits)
	begin := func(from int32, id string) *msg.AuthResp {
		t.Helper()
		x.Store(from)
		c := &rawClient{t: t, w: w, control: w.dialTunnel()}
		c.send(&msg.Auth{Version: msg.ProtocolVersion, User: "anybody", ClientId: id, Features: reuseAuth.Features})
		return next[*msg.AuthResp](c)
	}
	refused := 0
	for range 4 {
		first := begin(1, "")
		if first.Error != "" {
			t.Fatal(first.Error)
		}
		if resumed := begin(2, first.ClientId); resumed.Error != "" {
			refused++
			break
		}
	}
	if refused == 0 {
		t.Error("4 sessions of one address, that may have 2")
	}
}

// TestMuchBehindARefusedUpgrade sends more than a buffer holds behind a request to upgrade,
// which the service answers like any other. What is behind goes on as if nothing had been.
func TestMuchBehindARefusedUpgrade(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	c := w.rawClient(msg.Auth{Features: reuseAuth.Features})
	c.tunnel("http", "x")
	p := c.proxy()
	visitor, err := net.Dial("tcp", w.listen.HTTP.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer visitor.Close()
	visitor.SetDeadline(time.Now().Add(patience))
	const size, first = 200_000, 120_000
	upgrade := "GET / HTTP/1.1\r\nHost: x.localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
	post := fmt.Sprintf("POST / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: %d\r\n\r\n", size)
	if _, err := io.WriteString(visitor, upgrade+post+strings.Repeat("x", first)); err != nil {
		t.Fatal(err)
	}
	p.started()
	p.write(frame(data, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	r := bufio.NewReader(visitor)
	read := func(want int) {
		t.Helper()
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.StatusCode != want {
			t.Fatalf("%v, %v; want %d", resp, err, want)
		}
	}
	read(200)
	upgraded, all := len(upgrade), ""
	for len(all) < upgraded+len(post) { // the second request has begun
		kind, payload, err := p.frame()
		if kind != data || err != nil {
			t.Fatalf("frame %d, %v", kind, err)
		}
		all += payload
	}
	p.write(frame(data, "HTTP/1.1 100 Continue\r\n\r\n"))
	line, err := r.ReadString('\n')
	if err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q, %v", line, err)
	}
	r.ReadString('\n')
	if _, err := io.WriteString(visitor, strings.Repeat("x", size-first)); err != nil {
		t.Fatal(err)
	}
	for strings.Count(all, "x") < size {
		kind, payload, err := p.frame()
		if kind != data || err != nil {
			t.Fatalf("frame %d behind %d bytes, %v", kind, len(all), err)
		}
		all += payload
	}
	p.write(frame(data, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	read(200)
}
