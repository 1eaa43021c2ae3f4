package conn

import "golang.org/x/sys/unix"

const tcpClose = 7 // TCP_CLOSE of the kernel's include/net/tcp_states.h

// isClosed reports whether both directions of the TCP connection are closed.
func isClosed(fd uintptr) bool {
	info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && info.State == tcpClose
}
