package conn

import (
	"net"
	"syscall"
)

// unsentMax is how many bytes the kernel takes of what a connection is to send beyond what
// is under way. It costs no speed: the windows are not touched.
const unsentMax = 128 << 10

// BoundUnsent keeps the kernel, where it can (Linux), from taking more than 128 KiB that
// cannot be sent yet. Otherwise each peer that asks for much and reads nothing makes it
// hold 4 MiB, which the connections of all others then lack. What a listener of
// [ListenConfig] accepts is bounded already.
func BoundUnsent(nc net.Conn) {
	c, ok := nc.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := c.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { setUnsentMax(fd) }) // without it, it works as well
	}
}
