package conn

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// socket reads and writes a connection. Where the platform can tell, it waits for
// readiness without holding memory, and makes system calls that never block.
type socket struct {
	net.Conn
	raw syscall.RawConn // nil when readiness can't be told: then Conn does the work

	read  readCall
	wmu   sync.Mutex
	write writeCall // guarded by wmu

	// The kernel tells of a reset once: a write that is told leaves the reader an end
	// that looks regular. calling is held for one system call, never while waiting.
	calling  sync.Mutex
	wasReset bool      // guarded by calling: a write was told
	stuck    time.Time // guarded by calling: when the write that waits got on; zero: none waits
}

// readCall and writeCall are the arguments and results of one call, kept so that the
// steady state allocates nothing. try is what RawConn calls.
type readCall struct {
	in    *inbuf
	limit int
	wait  bool // until bytes arrive
	n     int
	err   error
	try   func(fd uintptr) (done bool)
}

type writeCall struct {
	p     []byte
	n     int
	waits bool // it has waited, and socket.stuck says since when
	err   error
	try   func(fd uintptr) (done bool)
}

func newSocket(nc net.Conn) *socket {
	s := &socket{Conn: nc}
	if tcp, ok := nc.(*net.TCPConn); ok && canWaitReadable {
		if raw, err := tcp.SyscallConn(); err == nil {
			s.raw = raw
			s.read.try = s.tryRead
			s.write.try = s.tryWrite
		}
	}
	return s
}

// readInto reads once into the free space of in, at most limit bytes. When in holds no
// memory, it takes some only once bytes have arrived, where the platform can tell. It
// returns nil only if at least one byte was read. It is for one goroutine at a time.
func (s *socket) readInto(in *inbuf, limit int) error {
	if s.raw != nil {
		return s.readRaw(in, limit, true)
	}
	room := in.room(bufferSize / 4)
	n, err := s.Conn.Read(room[:min(limit, len(room))])
	in.w += n
	switch {
	case n > 0:
		return nil // a later read returns the error again
	case err == io.EOF:
		return s.endOrReset()
	}
	return err
}

// endOrReset returns io.EOF for an end, unless a write was told that it is none. (A peer
// that ended its direction and then aborted is told of as EPIPE: that end is regular.)
func (s *socket) endOrReset() error {
	s.calling.Lock()
	defer s.calling.Unlock()
	if s.wasReset {
		return os.NewSyscallError("read", syscall.ECONNRESET)
	}
	return io.EOF
}

// noteResetLocked keeps what a write was told for endOrReset.
func (s *socket) noteResetLocked(err error) {
	if errors.Is(err, syscall.ECONNRESET) {
		s.wasReset = true
	}
}

// pollInto is readInto for what has arrived already. Without readiness it does nothing.
// A reset is reported by the kernel once only, so that its error must be kept.
func (s *socket) pollInto(in *inbuf, limit int) error {
	if s.raw == nil {
		return nil
	}
	if err := s.readRaw(in, limit, false); err != nil && err != io.EOF {
		return err
	}
	return nil
}

func (s *socket) readRaw(in *inbuf, limit int, wait bool) error {
	c := &s.read
	c.in, c.limit, c.wait, c.n, c.err = in, limit, wait, 0, nil
	err := s.raw.Read(c.try)
	c.in = nil
	switch {
	case err != nil:
		return err
	case c.err != nil:
		return os.NewSyscallError("read", c.err)
	case c.n == 0 && wait:
		return s.endOrReset()
	}
	in.w += c.n
	return nil
}

// tryRead takes a buffer for the attempt, and gives it back when the socket is empty.
func (s *socket) tryRead(fd uintptr) (done bool) {
	c := &s.read
	room := c.in.room(bufferSize / 4)
	c.n, c.err = readNonblocking(fd, room[:min(c.limit, len(room))])
	if c.n > 0 {
		return true
	}
	c.n = 0
	if c.in.len() == 0 {
		c.in.release()
	}
	if c.err == syscall.EAGAIN {
		c.err = nil
		return !c.wait
	}
	return true
}

// Write writes all of p.
func (s *socket) Write(p []byte) (int, error) {
	if s.raw == nil {
		s.setStuck(time.Now())
		n, err := s.Conn.Write(p)
		s.setStuck(time.Time{})
		if err != nil {
			s.calling.Lock()
			s.noteResetLocked(err)
			s.calling.Unlock()
		}
		return n, err
	}
	s.wmu.Lock()
	defer s.wmu.Unlock()
	c := &s.write
	c.p, c.n, c.waits, c.err = p, 0, false, nil
	err := s.raw.Write(c.try)
	c.p = nil
	if c.waits {
		s.setStuck(time.Time{})
	}
	if err == nil && c.err != nil {
		err = os.NewSyscallError("write", c.err)
	}
	return c.n, err
}

func (s *socket) tryWrite(fd uintptr) (done bool) {
	c := &s.write
	before := c.n
	for c.n < len(c.p) {
		s.calling.Lock()
		n, err := writeNonblocking(fd, c.p[c.n:])
		if err != nil {
			s.noteResetLocked(err)
		}
		s.calling.Unlock()
		if n > 0 {
			c.n += n
			continue
		}
		if err == syscall.EAGAIN {
			if c.n > before || !c.waits {
				s.setStuck(time.Now())
			}
			c.waits = true
			return false
		}
		c.err = err
		return true
	}
	return true
}

func (s *socket) setStuck(t time.Time) {
	s.calling.Lock()
	defer s.calling.Unlock()
	s.stuck = t
}

// stalled returns for how long the write that waits has not got on, 0 if none waits.
func (s *socket) stalled(now time.Time) time.Duration {
	s.calling.Lock()
	defer s.calling.Unlock()
	if s.stuck.IsZero() {
		return 0
	}
	return max(0, now.Sub(s.stuck))
}
