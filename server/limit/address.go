package limit

import (
	"net"
	"net/netip"
)

// AddrOf returns the IP address of a TCP peer, or the invalid address when a has none.
func AddrOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr()
	case nil:
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr()
}

// Source returns what counts as one source: an IPv4 address, or the /64 of an IPv6
// address, since one host commonly has all of it.
func Source(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}

// Exempt reports whether a is not counted by itself. Who is on loopback has the host
// already, and a reverse proxy there would count as one visitor.
func Exempt(a netip.Addr) bool {
	return !a.IsValid() || a.Unmap().IsLoopback()
}
