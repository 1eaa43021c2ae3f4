package e2e

import (
	"crypto/tls"
	"net"
	"runtime"
	"testing"
	"time"

	"ngrok/conn"
	"ngrok/conn/conntest"
	"ngrok/msg"
	"ngrok/server"
	"ngrok/server/limit"
)

// elsewhere is a listener whose peers at 127.0.0.N seem to be at 192.0.2.N: loopback is
// exempt from what counts for addresses.
type elsewhere struct{ net.Listener }

func (l elsewhere) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	ip := nc.RemoteAddr().(*net.TCPAddr).IP.To4()
	return elsewhereConn{nc, &net.TCPAddr{IP: net.IPv4(192, 0, 2, ip[3]), Port: 1000}}, nil
}

type elsewhereConn struct {
	net.Conn
	from net.Addr
}

func (c elsewhereConn) RemoteAddr() net.Addr { return c.from }

// TestStrangersOnTheTunnelPort fills what they may have, by address and in all. Those
// from where a client has been connected come in all the same.
func TestStrangersOnTheTunnelPort(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8")
	}
	conntest.NoLeak(t)
	w := newWorld(t, func(c *server.Config) {
		limits := limit.Default()
		limits.UnauthenticatedPerAddress, limits.Unauthenticated = 2, 4
		c.Policies = openPolicies(t, limits)
		c.Listen = func(name, addr string) (net.Listener, error) {
			l, err := conn.ListenConfig().Listen(t.Context(), "tcp", addr)
			if err == nil && name == "tunnel" {
				l = elsewhere{l}
			}
			return l, err
		}
	})
	// come returns a connection that has made its handshake, or nil when it is sent away.
	come := func(from byte) *tls.Conn {
		d := &net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, from)}}
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
		from byte
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
