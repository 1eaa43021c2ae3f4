package e2e

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"ngrok/conn/conntest"
	"ngrok/msg"
	"ngrok/server"
	"ngrok/server/limit"
)

// rawMessage encodes a payload with the length that is said.
func rawMessage(length int64, payload string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(length)), payload...)
}

// closedBy fails unless nc ends within d, and returns what came before.
func closedBy(t testing.TB, nc net.Conn, d time.Duration) string {
	t.Helper()
	nc.SetReadDeadline(time.Now().Add(d))
	b, err := io.ReadAll(nc)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Fatalf("still open after %v", d)
	}
	return string(b)
}

// badMessages are refused at any time, and end the connection.
func badMessages() map[string][]byte {
	nested := `{"Type":"Auth","Payload":` + strings.Repeat(`{"Version":`, 5000)
	arrays := strings.Repeat("[", 60_000)
	return map[string][]byte{
		"length 2^40":       rawMessage(1<<40, ""),
		"length 2^63-1":     rawMessage(1<<63-1, ""),
		"length -1":         rawMessage(-1, ""),
		"length -2^63":      rawMessage(-1<<63, ""),
		"length 0":          rawMessage(0, ""),
		"length 1":          rawMessage(1, "{"),
		"over the limit":    rawMessage(msg.MaxAfterAuth+1, "{}"),
		"no JSON":           rawMessage(5, "hello"),
		"half a JSON":       rawMessage(16, `{"Type":"Auth",,`),
		"an array":          rawMessage(2, "[]"),
		"null":              rawMessage(4, "null"),
		"deep objects":      rawMessage(int64(len(nested)), nested),
		"deep arrays":       rawMessage(int64(len(arrays)), arrays),
		"fields of a type":  rawMessage(43, `{"Type":"Auth","Payload":{"Version":[1,2]}}`),
		"payload no object": rawMessage(29, `{"Type":"Auth","Payload":[1]}`),
		"an HTTP request":   []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
	}
}

func TestBadFirstMessage(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	bad := badMessages()
	bad["over the limit before Auth"] = rawMessage(msg.MaxBeforeAuth+1, "{}")
	for _, kind := range []string{"Ping", "NewTunnel", "ReqTunnel", "StartProxy", "Hello", ""} {
		payload := fmt.Sprintf(`{"Type":%q,"Payload":{}}`, kind)
		bad["type "+kind] = rawMessage(int64(len(payload)), payload)
	}
	for name, b := range bad {
		t.Run(name, func(t *testing.T) {
			nc := w.dialTunnel()
			nc.Write(b)
			if got := closedBy(t, nc, patience); got != "" {
				t.Errorf("the server answered %q", got)
			}
		})
	}
	w.runClient(nil, httpTunnel("example", echoService(t)))
}

func TestBadMessageInSession(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	bad := badMessages()
	delete(bad, "null") // a message without a type is one of unknown type
	for name, b := range bad {
		t.Run(name, func(t *testing.T) {
			c := w.rawClient(reuseAuth)
			c.tunnel("http", "example")
			c.control.Write(b)
			c.ended()
			w.gone("example")
		})
	}
}

// TestUnknownMessages must not end a session: later versions may send them.
func TestUnknownMessages(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	c := w.rawClient(reuseAuth)
	for _, payload := range []string{`{"Type":"Later","Payload":{"A":1}}`, `{"Type":""}`, `{}`, `{"Type":"Pong"}`, `{"Type":"AuthResp","Payload":{}}`} {
		c.control.Write(rawMessage(int64(len(payload)), payload))
	}
	c.send(&msg.Ping{})
	next[*msg.Pong](c)
}

// shortLimits makes a server impatient.
func shortLimits(t testing.TB) func(*server.Config) {
	return func(c *server.Config) {
		limits := limit.Default()
		limits.Handshake, limits.FirstMessage = 500*time.Millisecond, 500*time.Millisecond
		c.Policies = openPolicies(t, limits)
	}
}

// TestSlowFirstMessage sends it byte by byte, and less than all of it.
func TestSlowFirstMessage(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, shortLimits(t))
	slow := map[string]func(nc *tls.Conn){
		"after the handshake":   func(*tls.Conn) {},
		"after the length":      func(nc *tls.Conn) { nc.Write(rawMessage(60_000, "")) },
		"within the payload":    func(nc *tls.Conn) { nc.Write(rawMessage(60_000, `{"Type":"Auth"`)) },
		"one byte now and then": func(nc *tls.Conn) { trickle(nc, rawMessage(1000, strings.Repeat(" ", 1000))) },
	}
	for name, write := range slow {
		t.Run(name, func(t *testing.T) {
			nc := w.dialTunnel()
			t0 := time.Now()
			write(nc)
			closedBy(t, nc, patience)
			if d := time.Since(t0); d > 15*time.Second {
				t.Errorf("closed after %v", d)
			}
		})
	}
}

// trickle writes b slowly until the peer has had enough.
func trickle(nc net.Conn, b []byte) {
	for i := range b {
		if _, err := nc.Write(b[i : i+1]); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestSilentConnections opens thousands of connections to the tunnel port that say
// nothing. They must cost little and all end soon, and a client must still get in.
func TestSilentConnections(t *testing.T) {
	conntest.NoLeak(t)
	const count = 3000
	w := newWorld(t, func(c *server.Config) {
		limits := limit.Default()
		limits.Handshake = 3 * time.Second
		c.Policies = openPolicies(t, limits)
	})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	conns := make([]net.Conn, count)
	for i := range conns {
		nc, err := net.Dial("tcp", w.listen.Tunnel.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		conns[i] = nc
	}
	w.runClient(nil, httpTunnel("example", echoService(t))) // comes after all of them
	runtime.GC()
	runtime.ReadMemStats(&after)
	used := int64(after.HeapInuse+after.StackInuse) - int64(before.HeapInuse+before.StackInuse)
	t.Logf("%d bytes for each connection", used/count)
	if used/count > 16<<10 {
		t.Errorf("a silent connection holds %d bytes, want at most 16 KiB", used/count)
	}
	t0 := time.Now()
	for _, nc := range conns {
		closedBy(t, nc, patience)
	}
	t.Logf("all closed after %v more", time.Since(t0))
}

// TestUnreadSession floods a session with pings and reads nothing.
func TestUnreadSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.rawClient(reuseAuth)
	c.tunnel("http", "example")
	ping, err := msg.Append(nil, &msg.Ping{})
	if err != nil {
		t.Fatal(err)
	}
	flood := []byte(strings.Repeat(string(ping), 400))
	t0 := time.Now()
	for {
		c.control.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := c.control.Write(flood); err != nil {
			break
		}
	}
	w.gone("example")
	for { // nothing is read: only a reset ends this
		c.control.NetConn().SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, err := c.control.NetConn().Write([]byte{0})
		if ne, ok := err.(net.Error); err != nil && !(ok && ne.Timeout()) {
			break
		}
		if time.Since(t0) > patience {
			t.Fatal("the server keeps the connection")
		}
	}
	t.Logf("gone after %v", time.Since(t0).Round(time.Millisecond))
}

// TestConnectionFlood makes many connections that end at once, in several ways.
func TestConnectionFlood(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	ends := map[string]func(*net.TCPConn){
		"closed": func(*net.TCPConn) {},
		"reset":  func(nc *net.TCPConn) { nc.SetLinger(0) },
		"noise":  func(nc *net.TCPConn) { nc.Write([]byte(strings.Repeat("\x00noise", 1000))) },
		"hello":  func(nc *net.TCPConn) { nc.Write([]byte{22, 3, 1, 255, 255, 1}) },
	}
	for name, end := range ends {
		for addrName, l := range map[string]net.Listener{"tunnel": w.listen.Tunnel, "http": w.listen.HTTP, "https": w.listen.HTTPS} {
			for range 100 {
				nc, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Fatalf("%s %s: %v", name, addrName, err)
				}
				end(nc.(*net.TCPConn))
				nc.Close()
			}
		}
	}
	c := w.runClient(nil, tcpTunnel("tcp", echoService(t)))
	nc := dialTCP(t, c.url("tcp"))
	nc.Write([]byte("ping"))
	nc.CloseWrite()
	if got, err := readAll(t, nc); got != "ping" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
