package e2e

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"ngrok/conn/conntest"
	"ngrok/msg"
)

// patience is how long a test waits for bytes that should come soon.
const patience = time.Minute

// rawClient speaks the client's side of the protocol and does what a test tells it,
// allowed or not.
type rawClient struct {
	t       testing.TB
	w       *world
	control *tls.Conn
	resp    *msg.AuthResp
	asked   int // ReqProxys read so far
}

// dialTunnel connects to the tunnel port and makes the handshake.
func (w *world) dialTunnel() *tls.Conn {
	w.t.Helper()
	nc, err := tls.Dial("tcp", w.listen.Tunnel.Addr().String(), &tls.Config{RootCAs: w.roots, ServerName: "localhost"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { nc.NetConn().Close() })
	return nc
}

// rawClient opens a session; what auth leaves out is filled in.
func (w *world) rawClient(auth msg.Auth) *rawClient {
	w.t.Helper()
	c := &rawClient{t: w.t, w: w, control: w.dialTunnel()}
	if auth.Version == "" {
		auth.Version = msg.ProtocolVersion
	}
	c.send(&auth)
	c.resp = next[*msg.AuthResp](c)
	return c
}

func (c *rawClient) send(m msg.Message) {
	c.t.Helper()
	if err := msg.Write(c.control, m); err != nil {
		c.t.Fatal(err)
	}
}

// receive returns the next message of the control connection.
func (c *rawClient) receive() (msg.Message, error) {
	c.control.SetReadDeadline(time.Now().Add(patience))
	m, err := msg.Read(c.control, msg.MaxAfterAuth)
	if _, ok := m.(*msg.ReqProxy); ok {
		c.asked++
	}
	return m, err
}

// next reads messages up to one of type M.
func next[M msg.Message](c *rawClient) M {
	c.t.Helper()
	for {
		m, err := c.receive()
		if err != nil {
			c.t.Fatalf("waiting for a %T: %v", *new(M), err)
		}
		if m, ok := m.(M); ok {
			return m
		}
	}
}

// ended reads the control connection to its end and returns the messages that came.
func (c *rawClient) ended() (ms []msg.Message) {
	c.t.Helper()
	for {
		m, err := c.receive()
		if err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				c.t.Fatal("the session does not end")
			}
			return ms
		}
		ms = append(ms, m)
	}
}

// tunnel asks for a tunnel of one protocol and returns its URL.
func (c *rawClient) tunnel(protocol, subdomain string) string {
	c.t.Helper()
	c.send(&msg.ReqTunnel{ReqId: "1", Protocol: protocol, Subdomain: subdomain})
	m := next[*msg.NewTunnel](c)
	if m.Error != "" {
		c.t.Fatal(m.Error)
	}
	return m.Url
}

// rawProxy is a proxy connection of a rawClient.
type rawProxy struct {
	*tls.Conn
	t testing.TB
	r *bufio.Reader
}

// proxy opens a proxy connection and registers it for frames, with more bytes right
// behind the message.
func (c *rawClient) proxy(more ...byte) *rawProxy {
	c.t.Helper()
	nc := c.w.dialTunnel()
	b, err := msg.Append(nil, &msg.RegProxy{ClientId: c.resp.ClientId, Features: []string{msg.FeatureReuse}})
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := nc.Write(append(b, more...)); err != nil {
		c.t.Fatal(err)
	}
	return &rawProxy{Conn: nc, t: c.t, r: bufio.NewReader(nc)}
}

// started waits for the next visitor.
func (p *rawProxy) started() *msg.StartProxy {
	p.t.Helper()
	p.SetReadDeadline(time.Now().Add(patience))
	m, err := msg.Read(p.r, msg.MaxAfterAuth)
	start, ok := m.(*msg.StartProxy)
	if !ok {
		p.t.Fatalf("read %T, %v; want StartProxy", m, err)
	}
	return start
}

const (
	data  = 0
	end   = 1
	reset = 2
)

// frame encodes one frame; the header says what it is told.
func frame(kind byte, payload string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(kind)<<24|uint32(len(payload)))
	return append(b, payload...)
}

func (p *rawProxy) write(frames ...[]byte) {
	p.t.Helper()
	var b []byte
	for _, f := range frames {
		b = append(b, f...)
	}
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// frame reads one frame.
func (p *rawProxy) frame() (kind byte, payload string, err error) {
	p.SetReadDeadline(time.Now().Add(patience))
	var head [4]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		return 0, "", err
	}
	v := binary.BigEndian.Uint32(head[:])
	b := make([]byte, v&0xffffff)
	_, err = io.ReadFull(p.r, b)
	return byte(v >> 24), string(b), err
}

// direction reads DATA up to END or RESET, and returns what it carried and the last frame's type.
func (p *rawProxy) direction() (all string, last byte) {
	p.t.Helper()
	for {
		kind, payload, err := p.frame()
		if err != nil {
			p.t.Fatalf("within a stream after %q: %v", all, err)
		}
		if kind != data {
			return all, kind
		}
		all += payload
	}
}

// closed waits until the server has closed the connection.
func (p *rawProxy) closed() {
	p.t.Helper()
	for {
		if _, _, err := p.frame(); err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				p.t.Fatal("the server keeps the connection")
			}
			return
		}
	}
}

// readAll reads nc to its end and returns how it ended.
func readAll(t testing.TB, nc net.Conn) (string, error) {
	t.Helper()
	nc.SetReadDeadline(time.Now().Add(patience))
	b, err := io.ReadAll(nc)
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		t.Fatalf("no end after %q", b)
	}
	return string(b), err
}

// gone waits until a name is free again, by the eyes of another client.
func (w *world) gone(subdomain string) {
	w.t.Helper()
	c := w.rawClient(reuseAuth)
	defer c.control.Close()
	conntest.Eventually(w.t, subdomain+" is free", func() bool {
		c.send(&msg.ReqTunnel{ReqId: "1", Protocol: "http", Subdomain: subdomain})
		m := next[*msg.NewTunnel](c)
		if m.Error != "" {
			return false
		}
		c.send(&msg.CloseTunnel{Url: m.Url})
		c.send(&msg.Ping{})
		next[*msg.Pong](c) // the server has acted on what came before
		return true
	})
}
