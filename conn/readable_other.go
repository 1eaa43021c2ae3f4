//go:build !unix

package conn

import (
	"errors"
	"syscall"
)

// Elsewhere a waiting connection keeps its buffer.
const canWaitReadable = false

func readWhenReadable(syscall.RawConn, *inbuf, int) error {
	return errors.ErrUnsupported
}

func tryRead(syscall.RawConn, *inbuf, int) error { return nil }
