package conn

import "syscall"

func setUnsentMax(fd uintptr) {
	const tcpNotsentLowat = 25 // package syscall does not name it
	syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotsentLowat, unsentMax)
}
