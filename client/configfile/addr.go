package configfile

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// defaultServerPort is the tunnel port of a server that does not say otherwise.
const defaultServerPort = "4443"

// LocalAddr reads the address of a private service and returns it as host:port. A
// bare port, with or without a colon, means 127.0.0.1; http:// before the address
// is accepted, with port 80 as its default.
func LocalAddr(s string) (string, error) {
	if err := bare(s); err != nil {
		return "", err
	}
	if rest, found := strings.CutPrefix(s, "http://"); found {
		rest = strings.TrimSuffix(rest, "/")
		if strings.Contains(rest, "/") {
			return "", fmt.Errorf("%q has more than host and port: write for example localhost:8080", s)
		}
		if _, _, err := net.SplitHostPort(rest); err != nil && !isPort(rest) {
			rest = net.JoinHostPort(strings.Trim(rest, "[]"), "80")
		}
		return hostPort(rest, false)
	}
	if strings.HasPrefix(s, "https://") {
		return "", errors.New("a private service that speaks https itself can be reached by a tls or tcp tunnel only: give its host:port to one")
	}
	return hostPort(s, false)
}

// ServerAddr reads the address of a server and returns it as host:port. A host alone
// means port 4443, a bare port 127.0.0.1.
func ServerAddr(s string) (string, error) {
	if err := bare(s); err != nil {
		return "", err
	}
	if strings.Contains(s, "://") {
		return "", fmt.Errorf("%q is a URL: write host:port", s)
	}
	if !isPort(s) && s != "" {
		if host := strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"); net.ParseIP(host) != nil || !strings.Contains(s, ":") {
			s = net.JoinHostPort(host, defaultServerPort)
		}
	}
	return hostPort(s, false)
}

// InspectAddr reads where the inspector's page listens: host:port, a bare port of
// 127.0.0.1, or [Disabled] (also "false"). Port 0 takes any free one.
func InspectAddr(s string) (string, error) {
	if s == Disabled || s == "false" {
		return Disabled, nil
	}
	addr, err := hostPort(s, true)
	if err != nil {
		return "", fmt.Errorf("%w (or %q)", err, Disabled)
	}
	return addr, nil
}

// ProxyURL reads the URL of a proxy: http, https, socks5 or socks5h; a bare
// host:port is an http proxy. Errors never show its password.
func ProxyURL(s string) (*url.URL, error) {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		// The parser's error quotes the URL, and with it the password.
		return nil, errors.New("not a URL: write for example http://user:password@proxy.example.com:3128")
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return nil, fmt.Errorf("proxies of type %q are not supported: use http, https or socks5", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, errors.New("no host: write for example http://proxy.example.com:3128")
	}
	if port := u.Port(); port != "" && !isPort(port) {
		return nil, fmt.Errorf("%q is no port", port)
	}
	return u, nil
}

// bare refuses what has more than an address does. What that is may be a secret, so that
// the error does not repeat it.
func bare(s string) error {
	if strings.ContainsAny(s, "?#@") {
		return errors.New("the address has more than host and port, such as a password or a query: write for example localhost:8080")
	}
	return nil
}

// hostPort completes s to host:port and checks both.
func hostPort(s string, zero bool) (string, error) {
	if s == "" {
		return "", errors.New("the address is empty: write a port or host:port")
	}
	if err := bare(s); err != nil {
		return "", err
	}
	if digits(s) {
		s = ":" + s
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("%q is no address: write a port or host:port", s)
	}
	if !isPort(port) && (!zero || port != "0") {
		return "", fmt.Errorf("%q in %q is no port: it must be a number from 1 to 65535", port, s)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`/\?#@"'<>`, r) }) {
		return "", fmt.Errorf("%q in %q is no host name", host, s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", fmt.Errorf("%q in %q is no port: %w", port, s, err)
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
}

func digits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// isPort reports whether s is a port that can be connected to.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && digits(s) && n > 0
}

// checkToken accepts a token that can stand in a file and on the wire.
func checkToken(s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("the token is empty")
	case len(s) > 4096:
		return "", errors.New("the token is longer than 4096 bytes")
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", errors.New("the token holds a space or an unprintable character: copy it again")
	}
	return s, nil
}

// userPassword accepts "user:password".
func userPassword(s string) (string, error) {
	if user, _, found := strings.Cut(s, ":"); !found || user == "" {
		return "", errors.New(`must be "user:password"`)
	}
	return s, nil
}
