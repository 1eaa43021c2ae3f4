package conn

import (
	"net"
	"syscall"
)

// rawConn returns what readiness can be waited for on, or nil.
func rawConn(nc net.Conn) syscall.RawConn {
	if tcp, ok := nc.(*net.TCPConn); ok && canWaitReadable {
		if raw, err := tcp.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// readInto reads once into the free space of in, at most limit bytes. When in holds
// no memory, it takes some only once bytes have arrived, where the platform can tell.
// It returns nil only if at least one byte was read.
func readInto(nc net.Conn, raw syscall.RawConn, in *inbuf, limit int) error {
	if raw != nil && in.b == nil {
		return readWhenReadable(raw, in, limit)
	}
	room := in.room(bufferSize / 4)
	n, err := nc.Read(room[:min(limit, len(room))])
	in.w += n
	if n > 0 {
		return nil // a later read returns the error again
	}
	return err
}
