// Package proxyproto reads and writes the header of the PROXY protocol, versions 1 and
// 2, by which a proxy tells the address of the client whose connection it passes on. It
// works on bytes and does no I/O, so that a connection stays what it is.
//
// The protocol is described at https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt;
// sections below are those of that text.
package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

const (
	// MaxV1 is the longest header of version 1, in bytes (section 2.1).
	MaxV1 = 107

	// MaxV2 is the longest header of version 2 that is taken, in bytes. Addresses take
	// 52; what follows them are the proxy's notes, mostly a few hundred bytes.
	MaxV2 = 4 << 10

	v2Fixed = 16 // bytes of a version 2 header before the addresses
)

// The beginnings of headers.
const (
	v1Signature = "PROXY "
	v2Signature = "\r\n\r\n\x00\r\nQUIT\n"
)

// ErrMalformed is returned by Parse for bytes that begin like a header and are none.
var ErrMalformed = errors.New("malformed PROXY protocol header")

// Header is what a header says. Both addresses are invalid when it speaks of the
// connection to the proxy itself (LOCAL), or of no TCP connection (UNKNOWN).
type Header struct {
	Source      netip.AddrPort // the client
	Destination netip.AddrPort // what the client connected to
}

// Parse reads the header that b begins with. n is its length, 0 when b does not begin
// with one; more says that b is too short to tell, or for the whole header.
func Parse(b []byte) (h Header, n int, more bool, err error) {
	switch {
	case begins(b, v2Signature):
		return parseV2(b)
	case begins(b, v1Signature):
		return parseV1(b)
	}
	return h, 0, false, nil
}

// begins reports whether b begins with the signature, as far as b goes.
func begins(b []byte, signature string) bool {
	n := min(len(b), len(signature))
	return string(b[:n]) == signature[:n]
}

func parseV1(b []byte) (h Header, n int, more bool, err error) {
	end := bytes.IndexByte(b[:min(len(b), MaxV1)], '\n')
	if end < 0 {
		if len(b) >= MaxV1 {
			return h, 0, false, ErrMalformed
		}
		return h, 0, true, nil
	}
	line, ok := strings.CutSuffix(string(b[:end+1]), "\r\n")
	if !ok {
		return h, 0, false, ErrMalformed
	}
	words := strings.Split(line, " ")
	switch {
	case words[1] == "UNKNOWN":
		return h, end + 1, false, nil
	case len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6":
		return h, 0, false, ErrMalformed
	}
	var okSource, okDestination bool
	h.Source, okSource = parseAddrPort(words[2], words[4], words[1] == "TCP4")
	h.Destination, okDestination = parseAddrPort(words[3], words[5], words[1] == "TCP4")
	if !okSource || !okDestination {
		return Header{}, 0, false, ErrMalformed
	}
	return h, end + 1, false, nil
}

func parseAddrPort(host, port string, v4 bool) (netip.AddrPort, bool) {
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Is4() != v4 || addr.Zone() != "" {
		return netip.AddrPort{}, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || port[0] == '0' && len(port) > 1 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(addr, uint16(n)), true
}

// Version 2 (section 2.2): the high half of byte 12 is the version, the low one the
// command; the high half of byte 13 the family, the low one the transport.
const (
	cmdLocal, cmdProxy = 0x20, 0x21
	tcp4, tcp6         = 0x11, 0x21
)

func parseV2(b []byte) (h Header, n int, more bool, err error) {
	if len(b) < v2Fixed {
		return h, 0, true, nil
	}
	size := int(binary.BigEndian.Uint16(b[14:]))
	if b[12] != cmdLocal && b[12] != cmdProxy || v2Fixed+size > MaxV2 {
		return h, 0, false, ErrMalformed
	}
	if len(b) < v2Fixed+size {
		return h, 0, true, nil
	}
	n = v2Fixed + size
	body := b[v2Fixed:n]
	if b[12] == cmdLocal {
		return h, n, false, nil
	}
	width := 0
	switch b[13] {
	case tcp4:
		width = 4
	case tcp6:
		width = 16
	default: // of another kind: the connection's own addresses count
		return h, n, false, nil
	}
	if len(body) < 2*width+4 {
		return h, 0, false, ErrMalformed
	}
	source, _ := netip.AddrFromSlice(body[:width])
	destination, _ := netip.AddrFromSlice(body[width : 2*width])
	ports := body[2*width:]
	h.Source = netip.AddrPortFrom(source, binary.BigEndian.Uint16(ports))
	h.Destination = netip.AddrPortFrom(destination, binary.BigEndian.Uint16(ports[2:]))
	return h, n, false, nil
}

// AppendV1 appends h as a header of version 1. Addresses of different families are
// written as IPv6 ones; without valid addresses it says UNKNOWN.
func (h Header) AppendV1(b []byte) []byte {
	source, destination, v4 := h.oneFamily()
	switch {
	case !source.IsValid():
		return append(b, "PROXY UNKNOWN\r\n"...)
	case v4:
		b = append(b, "PROXY TCP4 "...)
	default:
		b = append(b, "PROXY TCP6 "...)
	}
	b = append(source.Addr().AppendTo(b), ' ')
	b = append(destination.Addr().AppendTo(b), ' ')
	b = append(strconv.AppendUint(b, uint64(source.Port()), 10), ' ')
	b = strconv.AppendUint(b, uint64(destination.Port()), 10)
	return append(b, "\r\n"...)
}

// AppendV2 is AppendV1 for version 2; without valid addresses it says LOCAL.
func (h Header) AppendV2(b []byte) []byte {
	b = append(b, v2Signature...)
	source, destination, v4 := h.oneFamily()
	switch {
	case !source.IsValid():
		return append(b, cmdLocal, 0, 0, 0)
	case v4:
		b = append(b, cmdProxy, tcp4, 0, 12)
	default:
		b = append(b, cmdProxy, tcp6, 0, 36)
	}
	b = append(b, source.Addr().AsSlice()...)
	b = append(b, destination.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, source.Port())
	return binary.BigEndian.AppendUint16(b, destination.Port())
}

// oneFamily returns both addresses in one family, without zones.
func (h Header) oneFamily() (source, destination netip.AddrPort, v4 bool) {
	s, d := h.Source.Addr().Unmap().WithZone(""), h.Destination.Addr().Unmap().WithZone("")
	if !s.IsValid() || !d.IsValid() {
		return source, destination, false
	}
	v4 = s.Is4() && d.Is4()
	if !v4 {
		s, d = netip.AddrFrom16(s.As16()), netip.AddrFrom16(d.As16())
	}
	return netip.AddrPortFrom(s, h.Source.Port()), netip.AddrPortFrom(d, h.Destination.Port()), v4
}
