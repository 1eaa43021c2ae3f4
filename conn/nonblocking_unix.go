//go:build unix && (!linux || race)

package conn

import "syscall"

const canWaitReadable = true

func readNonblocking(fd uintptr, p []byte) (int, error) {
	return ignoringEINTR(syscall.Read, fd, p)
}

func writeNonblocking(fd uintptr, p []byte) (int, error) {
	return ignoringEINTR(syscall.Write, fd, p)
}

func ignoringEINTR(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		n, err := call(int(fd), p)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
