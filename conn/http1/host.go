package http1

import (
	"bytes"
	"errors"
	"net/netip"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

var errHost = errors.New("not a host name")

// CanonicalHost returns the form in which host names are compared: lower-case, without
// port and without one trailing dot, international names as A-labels ("xn--…", IDNA 2008
// with the mappings of UTS #46), IPv6 addresses in brackets in their shortest form. It
// accepts what [ParseRequest] accepts as Host, so that a name registered with it is found
// by [Request.Host].
func CanonicalHost(hostport string) (string, error) {
	host, _, _, err := canonicalHost(nil, []byte(hostport))
	if err != nil {
		return "", err
	}
	return string(host), nil
}

// canonicalHost splits an authority and brings its host into canonical form. The host is
// a slice of hostport where that is canonical already, else of scratch, which grows as
// needed. The port is digits as sent; it is empty if there is none.
func canonicalHost(scratch, hostport []byte) (host, port, grown []byte, err error) {
	host = hostport
	if len(hostport) > 0 && hostport[0] == '[' {
		return canonicalIPv6(scratch, hostport)
	}
	if i := bytes.IndexByte(hostport, ':'); i >= 0 {
		host, port = hostport[:i], hostport[i+1:]
	}
	if !isPort(port) {
		return nil, nil, scratch, errHost
	}
	if !all(host, classLower) {
		scratch = scratch[:0]
		if all(host, classHost) {
			for _, c := range host {
				scratch = append(scratch, lower(c))
			}
		} else if scratch, err = appendIDNA(scratch, host); err != nil {
			return nil, nil, scratch, err
		}
		host = scratch
	}
	if n := len(host); n > 0 && host[n-1] == '.' {
		host = host[:n-1]
	}
	if !isHostName(host) {
		return nil, nil, scratch, errHost
	}
	return host, port, scratch, nil
}

// canonicalIPv6 is canonicalHost for "[address]:port". Zones are refused: they mean
// something on the sender's machine alone.
func canonicalIPv6(scratch, hostport []byte) (host, port, grown []byte, err error) {
	end := bytes.IndexByte(hostport, ']')
	if end < 0 || end > len("[0000:0000:0000:0000:0000:ffff:255.255.255.255") {
		return nil, nil, scratch, errHost
	}
	if rest := hostport[end+1:]; len(rest) > 0 {
		if rest[0] != ':' || !isPort(rest[1:]) {
			return nil, nil, scratch, errHost
		}
		port = rest[1:]
	}
	addr, err := netip.ParseAddr(string(hostport[1:end]))
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return nil, nil, scratch, errHost
	}
	scratch = append(scratch[:0], '[')
	scratch = addr.AppendTo(scratch)
	scratch = append(scratch, ']')
	return scratch, port, scratch, nil
}

// appendIDNA appends the A-labels of a name with letters beyond ASCII.
func appendIDNA(dst, host []byte) ([]byte, error) {
	beyond := false
	for _, c := range host {
		if c >= utf8.RuneSelf {
			beyond = true
		} else if class[c]&classHost == 0 {
			return dst, errHost
		}
	}
	// idna takes time that grows with the length; a name of 253 bytes in ASCII has at
	// most four times as many in UTF-8.
	if !beyond || len(host) > 4*maxHostBytes || !utf8.Valid(host) {
		return dst, errHost
	}
	ascii, err := idna.Lookup.ToASCII(string(host))
	if err != nil {
		return dst, errHost
	}
	return append(dst, ascii...), nil
}

// maxHostBytes is the longest host name in ASCII (RFC 1035 section 2.3.4, as text).
const maxHostBytes = 253

// isHostName reports whether host is one or more labels of 1 to 63 letters, digits,
// hyphens and underscores, in lower case.
func isHostName(host []byte) bool {
	if len(host) == 0 || len(host) > maxHostBytes {
		return false
	}
	label := 0
	for _, c := range host {
		if c != '.' {
			if label++; label > 63 || class[c]&classLower == 0 {
				return false
			}
			continue
		}
		if label == 0 {
			return false
		}
		label = 0
	}
	return label > 0
}

// isPort reports whether p is empty or a port number.
func isPort(p []byte) bool {
	if len(p) > 5 {
		return false
	}
	n := 0
	for _, c := range p {
		if c < '0' || c > '9' {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n <= 65535
}

// samePort compares two ports; an empty one is the scheme's default.
func samePort(a, b []byte, scheme []byte) bool {
	fallback := 80
	if equalFold(scheme, "https") {
		fallback = 443
	}
	return portNumber(a, fallback) == portNumber(b, fallback)
}

func portNumber(p []byte, fallback int) int {
	if len(p) == 0 {
		return fallback
	}
	n := 0
	for _, c := range p {
		n = n*10 + int(c-'0')
	}
	return n
}
