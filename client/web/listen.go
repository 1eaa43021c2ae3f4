package web

import (
	"fmt"
	"net"
	"strconv"
)

// lastPort ends the ports that are tried when that of DefaultAddr is in use.
const lastPort = 4050

// Listen binds the address, so that [Server.Addr] is known before [Server.Serve]. It
// does nothing when that was done already.
func (s *Server) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return nil
	}
	if err := s.checkExposure(); err != nil {
		return err
	}
	l, err := listen(s.addr)
	if err != nil {
		return err
	}
	s.listener = l
	s.guard.bound(s.addr, l.Addr())
	return nil
}

// Addr returns the address bound by [Server.Listen], nil before it.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Close gives the address back when Serve will not be called.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Close()
}

// checkExposure wants a password for addresses that other machines reach.
func (s *Server) checkExposure() error {
	addr, err := net.ResolveTCPAddr("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("inspect_addr %q: %w; write host:port, as %s", s.addr, err, DefaultAddr)
	}
	if !isLoopback(addr) && !s.guard.hasPassword() {
		return fmt.Errorf("inspect_addr %s can be reached from other machines and shows all traffic: "+
			"set inspect_auth to user:password, or listen on %s", s.addr, DefaultAddr)
	}
	return nil
}

func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		return l, nil
	}
	if addr != DefaultAddr {
		return nil, fmt.Errorf("listen for the inspector: %w; set inspect_addr to another address, or to \"disabled\"", err)
	}
	// How systems say that an address is in use differs, and nothing else is likely.
	host, port, _ := net.SplitHostPort(addr)
	first, _ := strconv.Atoi(port)
	for p := first + 1; p <= lastPort; p++ {
		if l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(p))); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("listen for the inspector: %w, nor can any port up to %d be used; set inspect_addr to another address, or to \"disabled\"", err, lastPort)
}

// isLoopback says whether only this machine reaches the address.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
