package client

import (
	"fmt"
	"strings"
)

// ClashError is returned when two tunnels of one client ask for the same public name or
// port, as far as can be told before a server is asked.
type ClashError struct {
	Tunnel, Other string // their names; Other was there first
	Wanted        string // as in the configuration file: `subdomain "shop"`
}

func (e *ClashError) Error() string {
	return fmt.Sprintf("tunnel %q asks for the %s, which the tunnel %q has already: choose another one, or leave one of the tunnels out",
		e.Tunnel, e.Wanted, e.Other)
}

// Clash reports what two tunnels both ask for; nil when that is nothing. Http beside https
// or tls may share a name.
func (t *Tunnel) Clash(other *Tunnel) *ClashError {
	for _, mine := range t.wanted() {
		for _, theirs := range other.wanted() {
			if mine == theirs {
				return &ClashError{Tunnel: t.Name, Other: other.Name, Wanted: mine.text}
			}
		}
	}
	return nil
}

// wantedName is a public name on one of the server's ports, or a port.
type wantedName struct{ port, text string }

// wanted are the names that t asks for itself.
func (t *Tunnel) wanted() (all []wantedName) {
	name := ""
	switch {
	case t.Hostname != "":
		name = fmt.Sprintf("hostname %q", strings.ToLower(strings.TrimSuffix(t.Hostname, ".")))
	case t.Subdomain != "":
		name = fmt.Sprintf("subdomain %q", strings.ToLower(t.Subdomain))
	}
	for protocol := range t.Local {
		switch {
		case protocol == "tcp" && t.RemotePort != 0:
			all = append(all, wantedName{text: fmt.Sprintf("remote_port %d", t.RemotePort)})
		case protocol == "http" && name != "":
			all = append(all, wantedName{"http", name})
		case protocol != "tcp" && name != "":
			all = append(all, wantedName{"https", name}) // tls shares the port
		}
	}
	return all
}
