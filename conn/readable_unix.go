//go:build unix

package conn

import (
	"errors"
	"io"
	"os"
	"syscall"
)

const canWaitReadable = true

// readWhenReadable reads without holding memory while nothing arrives: the buffer
// is taken for each attempt and given back when the socket is empty.
func readWhenReadable(raw syscall.RawConn, in *inbuf, limit int) error {
	var n int
	var failed error
	err := raw.Read(func(fd uintptr) (done bool) {
		room := in.room(0)
		n, failed = ignoringEINTR(func() (int, error) {
			return syscall.Read(int(fd), room[:min(limit, len(room))])
		})
		if errors.Is(failed, syscall.EAGAIN) {
			in.release()
			return false
		}
		return true
	})
	if err == nil && failed != nil {
		err = os.NewSyscallError("read", failed)
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		in.release()
		return err
	}
	in.w += n
	return nil
}

// tryRead reads what has arrived already, if anything has. A reset is reported by the
// kernel once only, so that its error must be kept.
func tryRead(raw syscall.RawConn, in *inbuf, limit int) (failed error) {
	raw.Read(func(fd uintptr) (done bool) {
		room := in.room(0)
		n, err := ignoringEINTR(func() (int, error) {
			return syscall.Read(int(fd), room[:min(limit, len(room))])
		})
		if n > 0 {
			in.w += n
			return true
		}
		in.release()
		if err != nil && !errors.Is(err, syscall.EAGAIN) {
			failed = os.NewSyscallError("read", err)
		}
		return true
	})
	return failed
}

func ignoringEINTR(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
