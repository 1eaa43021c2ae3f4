package configfile

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"ngrok/client"
)

// rawTunnel is a tunnel as it is written, before its two forms are made one.
type rawTunnel struct {
	client.Tunnel
	proto   string // the later form: one protocol by name …
	addr    string // … and one address
	bindTLS string // "", "true", "false" or "both"
	schemes []string
}

// tunnels reads the mapping of names to tunnels.
func (d *decoder) tunnels(n *yaml.Node) {
	for _, p := range d.pairs(n, "tunnels") {
		before := len(d.errs)
		raw := d.tunnel(p.key.Value, p.value)
		if len(d.errs) > before {
			continue
		}
		t, err := raw.tunnel()
		if err == nil {
			t, err = Complete(t)
		}
		if err != nil {
			d.errorf(p.key, "tunnel %q: %v", p.key.Value, err)
			continue
		}
		if _, tcp := t.Local["tcp"]; !tcp && t.RemotePort != 0 {
			d.warnf(p.key, "tunnel %q: a remote port has an effect on tcp tunnels only", p.key.Value)
		}
		d.file.lines[t.Name] = p.key.Line
		d.file.Tunnels = append(d.file.Tunnels, t)
	}
}

// tunnel reads the keys of one tunnel.
func (d *decoder) tunnel(name string, n *yaml.Node) *rawTunnel {
	raw := &rawTunnel{Tunnel: client.Tunnel{Name: name}}
	d.mapping(n, fmt.Sprintf("tunnel %q", name), d.tunnelKeys(raw))
	return raw
}

// tunnelKeys are the keys of one tunnel.
func (d *decoder) tunnelKeys(raw *rawTunnel) keys {
	ks := keys{
		"subdomain":   d.text("subdomain", &raw.Subdomain),
		"hostname":    d.text("hostname", &raw.Hostname),
		"domain":      d.text("domain", &raw.Hostname),
		"auth":        d.users("auth", &raw.Tunnel),
		"basic_auth":  d.users("basic_auth", &raw.Tunnel),
		"remote_port": parsed(d, "remote_port", &raw.RemotePort, remotePort),
		"remote_addr": parsed(d, "remote_addr", &raw.RemotePort, RemoteAddr),
		"inspect":     d.flagNot("inspect", &raw.NoInspect),
		"addr":        parsed(d, "addr", &raw.addr, LocalAddr),
		"bind_tls":    d.text("bind_tls", &raw.bindTLS),
		"schemes":     d.list("schemes", &raw.schemes),
		"proto":       func(n *yaml.Node) { d.proto(n, raw) },
		"metadata":    d.ignored("metadata"),
	}
	d.options(ks, &raw.Tunnel)
	return ks
}

// proto reads the mapping of protocols to addresses, or one protocol's name.
func (d *decoder) proto(n *yaml.Node, raw *rawTunnel) {
	if n.Kind == yaml.ScalarNode {
		raw.proto, _ = d.str(n, "proto")
		return
	}
	raw.Local = map[string]string{}
	for _, p := range d.pairs(n, "proto") {
		names, err := Protocols(p.key.Value)
		if err != nil {
			d.errorf(p.key, "proto: %v", err)
			continue
		}
		for _, name := range names {
			var addr string
			parsed(d, name, &addr, LocalAddr)(p.value)
			if addr == "" && len(d.errs) == 0 {
				d.errorf(p.key, "proto: %s needs the address of a private service", name)
			}
			if _, twice := raw.Local[name]; twice {
				d.errorf(p.key, "proto: %s stands there twice", name)
			}
			raw.Local[name] = addr
		}
	}
}

// tunnel makes the two forms one.
func (r *rawTunnel) tunnel() (client.Tunnel, error) {
	t := r.Tunnel
	if t.Local != nil {
		if r.addr != "" || r.bindTLS != "" || len(r.schemes) > 0 {
			return t, errors.New("addr, bind_tls and schemes go with a proto of one word: leave them out, or write proto: http")
		}
		return t, nil
	}
	if r.proto == "" {
		return t, errors.New("what it serves is missing: write for example proto: {http: 8080}")
	}
	if name, addr, ok := strings.Cut(r.proto, ":"); ok && r.addr == "" {
		return t, fmt.Errorf("a blank is missing behind the colon: write proto: {%s: %s}", name, strings.TrimSuffix(addr, ":"))
	}
	if r.addr == "" {
		return t, fmt.Errorf("addr is missing: write for example proto: {%s: 8080}", r.proto)
	}
	names, err := r.protocols()
	if err != nil {
		return t, err
	}
	t.Local = map[string]string{}
	for _, name := range names {
		t.Local[name] = r.addr
	}
	return t, nil
}

// protocols are those of the later form, where http means both schemes unless
// something says otherwise.
func (r *rawTunnel) protocols() ([]string, error) {
	names, err := Protocols(r.proto)
	if err != nil || r.proto != "http" {
		return names, err
	}
	switch strings.ToLower(r.bindTLS) {
	case "true":
		return []string{"https"}, nil
	case "false":
		return []string{"http"}, nil
	case "", "both":
	default:
		return nil, fmt.Errorf("bind_tls is %q: use true, false or both", r.bindTLS)
	}
	for _, s := range r.schemes {
		if s != "http" && s != "https" {
			return nil, fmt.Errorf("schemes: %q is unknown: use http, https or both", s)
		}
	}
	if len(r.schemes) > 0 {
		return slices.Compact(slices.Sorted(slices.Values(r.schemes))), nil
	}
	return []string{"http", "https"}, nil
}

// eitherScheme reports whether a tunnel has both schemes because nothing says which.
func (r *rawTunnel) eitherScheme() bool {
	return r.proto == "http" && r.bindTLS == "" && len(r.schemes) == 0
}

// Protocols splits names joined by "+" ("http+https") and checks each of them.
func Protocols(s string) ([]string, error) {
	names := strings.Split(s, "+")
	seen := map[string]bool{}
	for _, name := range names {
		switch name {
		case "http", "https", "tls", "tcp":
		default:
			return nil, fmt.Errorf("protocol %q is unknown: use http, https, http+https, tls or tcp", name)
		}
		if seen[name] {
			return nil, fmt.Errorf("protocol %s is given twice", name)
		}
		seen[name] = true
	}
	return names, nil
}

// RemoteAddr reads the port that a tcp tunnel asks the server for, from host:port or
// a port alone. The host is the server's to choose.
func RemoteAddr(s string) (uint16, error) {
	if _, port, err := net.SplitHostPort(s); err == nil {
		s = port
	}
	return remotePort(s)
}
