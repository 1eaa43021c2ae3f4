package e2e

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"ngrok/conn/conntest"
	"ngrok/msg"
)

// TestRefusedAfterTheTunnelWasFound sends requests that find their tunnel, but no way
// to its client, which leaves while they wait. The visitor's connection goes on.
func TestRefusedAfterTheTunnelWasFound(t *testing.T) {
	for name, request := range map[string]string{
		"upgrade": "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"body":    "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conntest.NoLeak(t)
			w := newWorld(t, nil)
			public, leave := w.silentClient("mute")
			visitor, err := net.Dial("tcp", w.listen.HTTP.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer visitor.Close()
			io.WriteString(visitor, strings.Replace(request, "HOST", public, 1))
			leave()
			if name == "body" {
				io.WriteString(visitor, "hello")
			}
			r := bufio.NewReader(visitor)
			for i, want := range []int{http.StatusBadGateway, http.StatusNotFound} {
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatalf("answer %d: %v", i, err)
				}
				io.Copy(io.Discard, resp.Body)
				if resp.StatusCode != want {
					t.Errorf("answer %d: %s, want %d", i, resp.Status, want)
				}
				io.WriteString(visitor, "GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n")
			}
		})
	}
}

// silentClient has an http tunnel, never opens a proxy connection, and leaves when the
// server has asked for two: the one ahead, and one for a visitor.
func (w *world) silentClient(name string) (host string, leave func()) {
	w.t.Helper()
	nc, err := tls.Dial("tcp", w.listen.Tunnel.Addr().String(), &tls.Config{RootCAs: w.roots, ServerName: "localhost"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { nc.Close() })
	send := func(m msg.Message) {
		if err := msg.Write(nc, m); err != nil {
			w.t.Fatal(err)
		}
	}
	asked := 0
	next := func() msg.Message {
		m, err := msg.Read(nc, msg.MaxAfterAuth)
		if err != nil {
			w.t.Fatal(err)
		}
		if _, ok := m.(*msg.ReqProxy); ok {
			asked++
		}
		return m
	}
	send(&msg.Auth{Version: msg.ProtocolVersion})
	send(&msg.ReqTunnel{ReqId: "1", Protocol: "http", Subdomain: name})
	for {
		if granted, ok := next().(*msg.NewTunnel); ok {
			u, err := url.Parse(granted.Url)
			if err != nil || granted.Error != "" {
				w.t.Fatal(granted, err)
			}
			host = u.Host
			break
		}
	}
	return host, func() {
		for asked < 2 {
			next()
		}
		nc.Close()
	}
}
