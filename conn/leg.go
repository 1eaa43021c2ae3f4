package conn

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// ErrReset is returned by reads of a leg whose peer aborted it.
var ErrReset = errors.New("connection reset by its peer")

// ErrFull is returned by [Leg.Fill] when the unread bytes fill the buffer (64 KiB).
var ErrFull = errors.New("buffer full")

// Leg is one end of a joined connection: a public or private connection ([Conn]), or
// a proxy connection while it carries one public connection ([Stream]).
//
// Bytes arrive in a buffer that the leg takes from a pool once there is something to
// read and gives back before it waits again. One goroutine reads (Fill, Buffered,
// Consume, Next, Release) and one writes (Write, WritePadded, CloseWrite); Reset and
// the deadlines may be called by any, at any time.
//
// The end of a stream is io.EOF. Any other error of a read means that the leg was
// cut: what it delivered so far must not look complete to anybody.
type Leg interface {
	// Fill waits for more bytes and adds them to the unread ones.
	Fill() error
	// Buffered returns the unread bytes, valid until the next Fill, Next or Release.
	Buffered() []byte
	// Consume drops the first n unread bytes.
	Consume(n int)
	// Take consumes the first n unread bytes and returns them behind Headroom bytes
	// of scratch space, valid until the next call.
	Take(n int) (p []byte)
	// Next waits for bytes if there are none, and takes as many as a frame holds.
	Next() (p []byte, err error)
	// Release gives the buffer back, when nobody will read any more.
	Release()

	io.Writer
	// WritePadded writes p[Headroom:] and may overwrite p[:Headroom].
	WritePadded(p []byte) error
	// CloseWrite says that no more will be written. The other direction goes on.
	CloseWrite() error

	// Reset aborts the leg in both directions so that its peer sees an error and
	// not an end.
	Reset()

	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Conn is a public or private connection as a [Leg]: TCP, or TLS over TCP.
type Conn struct {
	socket *socket
	secure *secure // over the socket; nil without TLS
	in     inbuf
	failed error // found by TryFill, for the next Fill to return
}

// NewConn makes a leg of nc, which may be of any type; one that is neither TCP nor
// TLS must have CloseWrite for half-closes to pass.
//
// Should this program be killed, the kernel aborts the connection: an orderly end would
// make what was cut look complete. Only [Conn.Close] lifts that. (TLS needs none of it,
// since its end is a message of its own.)
func NewConn(nc net.Conn) *Conn {
	if tcp, ok := nc.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	return &Conn{socket: newSocket(nc)}
}

// ServerTLS makes a leg of the server side of a TLS connection over nc. Whoever
// calls it makes the handshake with [Conn.TLS].
func ServerTLS(nc net.Conn, config *tls.Config) *Conn {
	w := newWire(nc)
	return &Conn{socket: w.socket, secure: &secure{Conn: tls.Server(w, config), wire: w}}
}

// ClientTLS is ServerTLS for the client side; config names the server.
func ClientTLS(nc net.Conn, config *tls.Config) *Conn {
	w := newWire(nc)
	return &Conn{socket: w.socket, secure: &secure{Conn: tls.Client(w, config), wire: w}}
}

// TLS returns the TLS connection, nil when there is none.
func (c *Conn) TLS() *tls.Conn {
	if c.secure == nil {
		return nil
	}
	return c.secure.Conn
}

// RemoteAddr returns the address of the peer.
func (c *Conn) RemoteAddr() net.Addr { return c.socket.RemoteAddr() }

// Fill implements [Leg].
func (c *Conn) Fill() error {
	if c.in.len() == 0 {
		c.in.release()
	} else if len(c.in.room(1)) == 0 {
		return ErrFull
	}
	if c.failed != nil {
		return c.failed
	}
	if c.secure != nil {
		return c.secure.fill(&c.in)
	}
	return c.socket.readInto(&c.in, MaxChunk)
}

// TryFill is Fill for what has arrived already. It never waits, and does nothing on
// a connection where that can't be told.
func (c *Conn) TryFill() {
	if c.secure == nil && c.in.b == nil {
		c.failed = c.socket.pollInto(&c.in, MaxChunk)
	}
}

// Buffered implements [Leg].
func (c *Conn) Buffered() []byte {
	if c.in.b == nil {
		return nil
	}
	return c.in.bytes()
}

// Consume implements [Leg].
func (c *Conn) Consume(n int) { c.in.r += n }

// Next implements [Leg].
func (c *Conn) Next() ([]byte, error) {
	if c.in.len() == 0 {
		if err := c.Fill(); err != nil {
			return nil, err
		}
	}
	return c.Take(min(c.in.len(), MaxChunk)), nil
}

// Take implements [Leg].
func (c *Conn) Take(n int) []byte {
	p := c.in.b[c.in.r-Headroom : c.in.r+n]
	c.in.r += n
	return p
}

// Release implements [Leg].
func (c *Conn) Release() { c.in.release() }

func (c *Conn) Write(p []byte) (int, error) {
	if c.secure != nil {
		return c.secure.Write(p)
	}
	return c.socket.Write(p)
}

// WritePadded implements [Leg].
func (c *Conn) WritePadded(p []byte) error {
	_, err := c.Write(p[Headroom:])
	return err
}

// CloseWrite implements [Leg].
func (c *Conn) CloseWrite() error {
	if c.secure != nil {
		return c.secure.CloseWrite()
	}
	if half, ok := c.socket.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Reset implements [Leg].
func (c *Conn) Reset() {
	if tcp, ok := c.socket.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0) // the kernel answers close with RST
	}
	c.socket.Close()
}

// Close ends the connection in an orderly way once both directions have ended. It
// must not be called while another goroutine reads or writes; Reset may.
func (c *Conn) Close() error {
	c.in.release()
	if c.secure != nil {
		c.secure.wire.in.release()
		// A peer that reads nothing must not hold up the farewell. crypto/tls sets a
		// deadline of its own, which is longer.
		enough := time.AfterFunc(farewell, func() { c.socket.SetWriteDeadline(time.Unix(1, 0)) })
		c.secure.CloseWrite()
		enough.Stop()
	} else if tcp, ok := c.socket.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(-1) // what NewConn prepared must not happen now
	}
	return c.socket.Close()
}

// Stalled returns for how long the peer has taken nothing of what is being written to it
// now, 0 when nobody waits for that. Where the platform can't tell what was taken, it is
// for how long the write has lasted.
func (c *Conn) Stalled(now time.Time) time.Duration { return c.socket.stalled(now) }

// farewell is how long the end of a TLS connection may take to be written.
const farewell = time.Second

// GiveUpAfter makes the kernel end the connection, where it can (Linux), when what was
// sent has not been acknowledged for d. It is for connections whose peer always reads,
// or is thought to be dead: one that is alive but has not read for d is cut, too.
func (c *Conn) GiveUpAfter(d time.Duration) error {
	tcp, ok := c.socket.Conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := raw.Control(func(fd uintptr) { err = setUserTimeout(fd, d) }); cerr != nil {
		return cerr
	}
	return err
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error { return c.socket.SetDeadline(t) }

// SetReadDeadline implements [Leg].
func (c *Conn) SetReadDeadline(t time.Time) error { return c.socket.SetReadDeadline(t) }

// SetWriteDeadline implements [Leg]. A write that a deadline interrupted leaves a TLS
// connection unusable.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.socket.SetWriteDeadline(t) }
