//go:build unix

package conntest

import (
	"net"
	"os"
	"sync"
	"syscall"
)

// hold binds a socket to a port of loopback and never listens: connections are refused,
// and the port is nobody else's until release is called. With shared, who asks for that
// very port may listen on it where the system allows it, which Linux does as long as
// nobody listens there yet.
func hold(shared bool) (addr *net.TCPAddr, release func(), err error) {
	syscall.ForkLock.RLock() // no program that a test starts may inherit it
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socket", err)
	}
	release = sync.OnceFunc(func() { syscall.Close(fd) })
	if shared {
		err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	}
	if err == nil {
		err = os.NewSyscallError("bind", syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	}
	var bound syscall.Sockaddr
	if err == nil {
		bound, err = syscall.Getsockname(fd)
		err = os.NewSyscallError("getsockname", err)
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: bound.(*syscall.SockaddrInet4).Port}, release, nil
}
