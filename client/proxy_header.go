package client

import (
	"net/netip"
	"net/url"
	"strconv"

	"ngrok/conn"
	"ngrok/conn/proxyproto"
)

// writeProxyHeader begins a connection to a private service with a PROXY header that
// names the visitor, of that version.
func writeProxyHeader(leg *conn.Conn, version int, visitor, publicURL string) error {
	h := proxyHeader(visitor, publicURL, leg.RemoteAddr().String())
	var b []byte
	if version == 1 {
		b = h.AppendV1(nil)
	} else {
		b = h.AppendV2(nil)
	}
	_, err := leg.Write(b)
	return err
}

// proxyHeader names the visitor and where it connected to: the public port, at an address
// of the visitor's family, since the server's own is not known here. A visitor whose
// address can't be read gives the header for an unknown one.
func proxyHeader(visitor, publicURL, service string) (h proxyproto.Header) {
	source, err := netip.ParseAddrPort(visitor)
	if err != nil {
		return h
	}
	source = netip.AddrPortFrom(source.Addr().Unmap(), source.Port())
	to := netip.IPv6Unspecified()
	if source.Addr().Is4() {
		to = netip.IPv4Unspecified()
	}
	if ap, err := netip.ParseAddrPort(service); err == nil && ap.Addr().Unmap().Is4() == source.Addr().Is4() {
		to = ap.Addr().Unmap()
	}
	return proxyproto.Header{Source: source, Destination: netip.AddrPortFrom(to, publicPort(publicURL))}
}

// publicPort returns the port in a tunnel's URL, where 443 is left out.
func publicPort(publicURL string) uint16 {
	const usual = 443
	u, err := url.Parse(publicURL)
	if err != nil || u.Port() == "" {
		return usual
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return usual
	}
	return uint16(port)
}
