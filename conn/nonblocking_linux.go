//go:build linux && !race

package conn

import (
	"syscall"
	"unsafe"
)

const canWaitReadable = true

// These calls never block, so that the scheduler need not hear of them: that saves it
// the work around each system call, a third of the latency of a small request. The
// price is that the race detector cannot see them; race builds use nonblocking_unix.go.

func readNonblocking(fd uintptr, p []byte) (int, error) {
	return nonblocking(syscall.SYS_READ, fd, p)
}

func writeNonblocking(fd uintptr, p []byte) (int, error) {
	return nonblocking(syscall.SYS_WRITE, fd, p)
}

func nonblocking(call, fd uintptr, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}
