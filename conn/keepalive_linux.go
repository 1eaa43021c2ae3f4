package conn

import (
	"os"
	"syscall"
	"time"
)

// On Linux a connection inherits its options from the listener that accepted it.
const inheritsOptions = true

func setKeepAlive(fd uintptr) error {
	for _, o := range []struct{ level, name, value int }{
		{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, int(keepAliveIdle / time.Second)},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, int(keepAliveInterval / time.Second)},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, keepAliveCount},
	} {
		if err := syscall.SetsockoptInt(int(fd), o.level, o.name, o.value); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

// setUserTimeout sets TCP_USER_TIMEOUT, which package syscall does not name.
func setUserTimeout(fd uintptr, d time.Duration) error {
	const tcpUserTimeout = 18
	return os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(d/time.Millisecond)))
}
