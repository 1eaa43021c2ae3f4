//go:build !unix

package conntest

import "net"

// hold finds a port of loopback that is free now.
func hold(bool) (addr *net.TCPAddr, release func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	return l.Addr().(*net.TCPAddr), func() {}, l.Close()
}
