package e2e

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"ngrok/conn"
	"ngrok/conn/conntest"
	"ngrok/msg"
	"ngrok/server"
	"ngrok/server/limit"
)

// TestStrangersOnTheTunnelPort fills what they may have, by address and in all. Those
// from where a client has been connected come in all the same.
func TestStrangersOnTheTunnelPort(t *testing.T) {
	conntest.NoLeak(t)
	x := new(atomic.Int32) // they come from 192.0.2.x
	w := newWorld(t, func(c *server.Config) {
		limits := limit.Default()
		limits.UnauthenticatedPerAddress, limits.Unauthenticated = 2, 4
		c.Policies = openPolicies(t, limits)
		c.Listen = func(name, addr string) (net.Listener, error) {
			l, err := conn.ListenConfig().Listen(t.Context(), "tcp", addr)
			if err == nil && name == "tunnel" {
				l = fromAddress{l, x}
			}
			return l, err
		}
	})
	// come returns a connection that has made its handshake, or nil when it is sent away.
	come := func(from int32) *tls.Conn {
		x.Store(from)
		d := &net.Dialer{Timeout: patience}
		c, err := tls.DialWithDialer(d, "tcp", w.listen.Tunnel.Addr().String(), w.clientTLS())
		if err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				t.Fatal(err)
			}
			return nil
		}
		t.Cleanup(func() { c.NetConn().Close() })
		c.SetDeadline(time.Now().Add(patience))
		return c
	}
	known := &rawClient{t: t, w: w, control: come(9)}
	known.send(&msg.Auth{Version: msg.ProtocolVersion})
	next[*msg.AuthResp](known)
	known.send(&msg.Ping{})
	next[*msg.Pong](known) // the server knows its address by now

	var inside []*tls.Conn
	for _, tt := range []struct {
		from int32
		want bool
	}{{2, true}, {2, true}, {2, false}, {3, true}, {3, true}, {3, false}, {4, false}, {9, true}, {9, true}, {9, false}} {
		c := come(tt.from)
		if (c != nil) != tt.want {
			t.Errorf("connection %d, of address %d: came in: %v", len(inside), tt.from, c != nil)
		}
		if c != nil {
			inside = append(inside, c)
		}
	}
	for _, c := range inside {
		c.NetConn().Close()
	}
	conntest.Eventually(t, "there is room again", func() bool { return come(4) != nil })
}
