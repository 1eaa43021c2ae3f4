//go:build linux

package load

import (
	"errors"
	"net"
	"os"
	"time"
)

// patient is a connection that gives up when nothing moves in either direction for too
// long: nothing that is tested here may hang for ever.
type patient struct {
	*net.TCPConn
	limit time.Duration
}

func (c patient) Read(p []byte) (int, error) {
	c.SetDeadline(time.Now().Add(c.limit))
	return c.TCPConn.Read(p)
}

func (c patient) Write(p []byte) (int, error) {
	c.SetDeadline(time.Now().Add(c.limit))
	return c.TCPConn.Write(p)
}

// abort ends the connection so that its peer sees an error.
func (c patient) abort() {
	c.SetLinger(0)
	c.Close()
}

// lostPatience reports whether err comes from a patient connection that gave up.
func lostPatience(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
