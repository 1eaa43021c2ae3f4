package cert

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// ParseDomain returns the canonical form of what an operator gave as a domain: an
// IP address, or a host name in lower case, as A-labels, without a final dot.
func ParseDomain(s string) (string, error) {
	if s == "" {
		return "", errors.New("the domain is empty: name the host under which the server is reached, such as tunnel.example.com")
	}
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		if ip.Zone() != "" {
			return "", fmt.Errorf("domain %q: an address with a zone cannot be in a certificate", s)
		}
		return ip.Unmap().String(), nil
	}
	if _, _, err := net.SplitHostPort(s); err == nil || strings.Contains(s, "/") {
		return "", fmt.Errorf("domain %q: give the name alone, without scheme, port and path", s)
	}
	if below, ok := strings.CutPrefix(s, "*."); ok {
		return "", fmt.Errorf("domain %q: give %s alone, tunnels are named below it", s, below)
	}
	// Lookup is what browsers apply; it refuses underscores, blanks and stars.
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(s, "."))
	if err != nil {
		return "", fmt.Errorf("domain %q is not a host name: %w", s, err)
	}
	if len(name) > 253 {
		return "", fmt.Errorf("domain %q is longer than 253 bytes", s)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return "", fmt.Errorf("domain %q is not a host name: each part between dots has 1 to 63 bytes", s)
		}
	}
	return name, nil
}
