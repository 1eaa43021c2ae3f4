package configfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ngrok/client"
)

// Complete checks a tunnel of a configuration file, and gives one that asks for no
// name its own: as a host name when there is a dot in it, else as a subdomain. Tcp
// tunnels need no name.
func Complete(t client.Tunnel) (client.Tunnel, error) {
	if t.Name == "" {
		return t, errors.New("it has no name")
	}
	_, http := t.Local["http"]
	_, https := t.Local["https"]
	_, tls := t.Local["tls"]
	if (http || https || tls) && t.Subdomain == "" && t.Hostname == "" {
		if strings.Contains(t.Name, ".") {
			t.Hostname = t.Name
		} else {
			t.Subdomain = t.Name
		}
		if checkHost(t.Name) != nil {
			return t, errors.New("its name can't be part of a URL: add subdomain or hostname")
		}
	}
	return t, CheckTunnel(t)
}

// CheckTunnel reports what can't work about a tunnel, before a server is asked.
// Addresses are taken as [LocalAddr] returns them.
func CheckTunnel(t client.Tunnel) error {
	if len(t.Local) == 0 {
		return errors.New("it serves nothing: give a protocol and an address")
	}
	_, tcp := t.Local["tcp"]
	_, tls := t.Local["tls"]
	switch {
	case (tcp || tls) && len(t.Local) == 1 && t.HTTPAuth != "":
		return errors.New("auth protects http and https only: visitors of a tcp or tls tunnel can't be asked for a password")
	case tcp && len(t.Local) == 1 && (t.Subdomain != "" || t.Hostname != ""):
		return errors.New("a tcp tunnel has a port, not a subdomain or hostname: ask for one with remote_port")
	}
	if t.HTTPAuth != "" {
		if _, err := userPassword(t.HTTPAuth); err != nil {
			return fmt.Errorf("auth %w", err)
		}
	}
	if t.Subdomain != "" {
		if err := checkHost(t.Subdomain); err != nil {
			return fmt.Errorf("subdomain %w", err)
		}
	}
	if t.Hostname != "" {
		if err := checkHost(t.Hostname); err != nil {
			return fmt.Errorf("hostname %w", err)
		}
	}
	return t.Validate()
}

// checkHost refuses what no host name contains. The server decides the rest.
func checkHost(s string) error {
	switch {
	case len(s) > 253:
		return errors.New("is longer than 253 bytes")
	case strings.ContainsAny(s, "?#@"): // what is before or behind these may be a secret
		return errors.New("has more than a name, such as a password or a query: leave that out")
	case strings.Contains(s, "://"):
		return fmt.Errorf("%q is a URL: leave the scheme out", s)
	case strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`/\:?#@"'<>*%,;()[]{}|^`, r)
	}):
		return fmt.Errorf("%q is no host name", s)
	case strings.HasPrefix(s, ".") || strings.HasPrefix(s, "-") || strings.Contains(s, ".."):
		return fmt.Errorf("%q is no host name", s)
	}
	return nil
}

// remotePort reads a port to ask the server for; 0 leaves the choice to it.
func remotePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no port: it must be a number from 1 to 65535", s)
	}
	return uint16(n), nil
}
