package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"runtime"
	"syscall"
)

// What Windows calls EACCES and EADDRINUSE on sockets; no other system has such numbers.
const (
	wsaeAcces     = syscall.Errno(10013)
	wsaeAddrInUse = syscall.Errno(10048)
)

// explainListen adds what to do to the error of an address that can't be listened on.
func explainListen(o *options, err error) error {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "listen" {
		return err
	}
	flag, addr, port := listenFlag(o, op)
	near, other := another(addr, port), ":"+port // on the same address, and on all
	reason := op.Err
	var errno syscall.Errno
	if errors.As(op.Err, &errno) {
		reason = errno
	}
	var hint string
	switch {
	case errors.Is(err, fs.ErrPermission) && runtime.GOOS == "linux":
		hint = fmt.Sprintf("run as root, give the program the right (setcap cap_net_bind_service=+ep ngrokd), or choose -%s=%s", flag, near)
	case errors.Is(err, fs.ErrPermission), errno == wsaeAcces:
		hint = fmt.Sprintf("run with more rights, or choose -%s=%s", flag, near)
	case errors.Is(err, syscall.EADDRINUSE), errno == wsaeAddrInUse:
		hint = fmt.Sprintf("another program, perhaps another ngrokd, listens there: stop it, or choose -%s=%s", flag, near)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = fmt.Sprintf("this machine has no such address: choose -%s=%s for all that it has", flag, other)
	default:
		hint = fmt.Sprintf("write -%s like %s or 192.0.2.1%[2]s", flag, other)
	}
	return fmt.Errorf("listen %s: %w: %s", addr, reason, hint)
}

// another returns an address on the same host with that port.
func another(addr, port string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return ":" + port
	}
	return net.JoinHostPort(host, port)
}

// listenFlag returns the flag whose address op failed on, that address, and another port
// that could be tried.
func listenFlag(o *options, op *net.OpError) (flag, addr, other string) {
	flags := []struct{ flag, addr, other string }{
		{"httpAddr", o.httpAddr, "8080"},
		{"httpsAddr", o.httpsAddr, "8443"},
		{"tunnelAddr", o.tunnelAddr, "5443"},
	}
	if op.Addr != nil {
		_, port, _ := net.SplitHostPort(op.Addr.String())
		for _, f := range flags {
			if _, p, err := net.SplitHostPort(f.addr); err == nil && samePort(p, port) {
				return f.flag, f.addr, f.other
			}
		}
		return "tunnelAddr", op.Addr.String(), "5443"
	}
	// The address itself can't be read.
	for _, f := range flags {
		if f.addr == "" {
			continue
		}
		if _, err := net.ResolveTCPAddr("tcp", f.addr); err != nil {
			return f.flag, f.addr, f.other
		}
	}
	return "tunnelAddr", o.tunnelAddr, "5443"
}

func samePort(a, b string) bool {
	x, errX := net.LookupPort("tcp", a)
	y, errY := net.LookupPort("tcp", b)
	return errX == nil && errY == nil && x == y
}
