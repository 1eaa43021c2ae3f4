package server

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"ngrok/conn/http1"
	"ngrok/conn/proxyproto"
	"ngrok/msg"
)

// proxyHeaderTime is how long a trusted proxy may leave a TCP connection silent before
// it counts as one that sends no PROXY header: the service may be the one to speak first.
const proxyHeaderTime = 2 * time.Second

// trusts reports whether a is a proxy that may say who a visitor is.
func (s *Server) trusts(a netip.Addr) bool { return inPrefixes(s.config.TrustedProxies, a) }

// inPrefixes reports whether a is in one of the networks; IPv4 within IPv6 counts as IPv4.
func inPrefixes(list []netip.Prefix, a netip.Addr) bool {
	if len(list) == 0 {
		return false
	}
	a = a.Unmap().WithZone("")
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// parsePrefix reads a network or a single address.
func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if a, addrErr := netip.ParseAddr(s); addrErr == nil && a.Zone() == "" {
		a = a.Unmap()
		return a.Prefix(a.BitLen())
	}
	if err != nil {
		return p, err
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// origin is where a public connection comes from.
type origin struct {
	// addr is the peer of the connection, or what a trusted proxy says it is by
	// PROXY protocol.
	addr netip.AddrPort

	// proxy says that addr is a trusted proxy: its X-Forwarded-For tells the visitor.
	proxy bool
}

// originOf returns the origin of a connection that has just been accepted.
func (s *Server) originOf(nc net.Conn) origin {
	var o origin
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		o.addr = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	} else if ap, err := netip.ParseAddrPort(nc.RemoteAddr().String()); err == nil {
		o.addr = ap
	}
	o.proxy = s.trusts(o.addr.Addr())
	return o
}

// admit reports whether the visitor's address may make one more connection now, and counts
// it until leave. Trusted proxies may: they speak for many.
func (s *Server) admit(fl *flow, o origin) bool {
	if o.proxy {
		return true
	}
	l, addr := s.policies.Current().Limits(), o.addr.Addr()
	if !s.visitors.Allow(addr, l.VisitorRate, l.VisitorBurst) || s.present.Enter(addr, l.VisitorConnections, 0) != nil {
		s.logger.Debug("visitor turned away: too many connections from its address", "addr", o.addr)
		return false
	}
	fl.from = addr
	return true
}

// leave ends a public connection's count.
func (s *Server) leave(fl *flow) {
	if fl.from.IsValid() {
		s.present.Leave(fl.from)
	}
	s.flows.remove(fl)
}

var errTooMany = errors.New("too many connections from this address")

// readProxyHeader takes the PROXY header off a connection of a trusted proxy, if there is
// one, and returns whom it names. With silent the proxy may be one that sends none, for
// a visitor that does not speak first.
func (s *Server) readProxyHeader(fl *flow, o origin, silent bool) (origin, error) {
	leg := fl.leg
	if !o.proxy {
		return o, nil
	}
	if silent {
		leg.SetReadDeadline(time.Now().Add(proxyHeaderTime))
		defer leg.SetReadDeadline(time.Time{})
	}
	for {
		b := leg.Buffered()
		h, n, more, err := proxyproto.Parse(b)
		switch {
		case err != nil:
			return o, err
		case n > 0:
			leg.Consume(n)
			if !h.Source.IsValid() {
				return o, nil // the proxy speaks for itself
			}
			o.addr = netip.AddrPortFrom(h.Source.Addr().Unmap(), h.Source.Port())
			if o.proxy = s.trusts(o.addr.Addr()); !s.admit(fl, o) {
				return o, errTooMany
			}
			return o, nil
		case !more:
			return o, nil
		}
		err = leg.Fill()
		if silent && len(b) == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			return o, nil
		}
		if err != nil {
			return o, err
		}
	}
}

// visitor returns the address that a request comes from: the last one in its
// X-Forwarded-For that no trusted proxy has, if its sender is a trusted proxy. It is not
// valid when that is not an address.
func (s *Server) visitor(o origin, r *http1.Request) netip.Addr {
	a := o.addr.Addr()
	if !o.proxy {
		return a
	}
	for i := len(r.Fields) - 1; i >= 0; i-- {
		if !r.Fields[i].Is("X-Forwarded-For") {
			continue
		}
		for list := string(r.Fields[i].Value); list != ""; {
			var last string
			list, last = cutLast(list)
			if last == "" {
				continue
			}
			if a = parseForwarded(last); !s.trusts(a) {
				return a
			}
		}
	}
	return a
}

// cutLast cuts the last element off a list with commas.
func cutLast(list string) (rest, last string) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", strings.TrimSpace(list)
	}
	return list[:i], strings.TrimSpace(list[i+1:])
}

// parseForwarded reads an element of X-Forwarded-For: an address, which some proxies
// write with the port. What is none gives the invalid address.
func parseForwarded(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// startProxy returns the message that tells the client of a visitor with whose request r
// the use of a proxy connection begins; r is nil where the bytes are not looked at.
func (s *Server) startProxy(t *tunnel, o origin, r *http1.Request) *msg.StartProxy {
	m := &msg.StartProxy{Url: t.url, ClientAddr: o.addr.String()}
	if o.proxy && r != nil {
		m.Proxy = m.ClientAddr
		if a := s.visitor(o, r); a.IsValid() && a != o.addr.Addr() {
			m.ClientAddr = netip.AddrPortFrom(a, 0).String()
		}
	}
	return m
}
