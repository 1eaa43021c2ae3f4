package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"ngrok/client"
)

// tunnelRequest is what callers of the agent API ask for. Fields that it does not have
// are ignored, since wrappers send their own settings along.
type tunnelRequest struct {
	Name       string    `json:"name"`
	Proto      string    `json:"proto"`
	Addr       looseText `json:"addr"`
	Subdomain  string    `json:"subdomain"`
	Hostname   string    `json:"hostname"`
	Domain     string    `json:"domain"` // the later name of hostname
	Auth       string    `json:"auth"`
	BasicAuth  []string  `json:"basic_auth"` // the later name of auth
	BindTLS    looseText `json:"bind_tls"`
	Schemes    []string  `json:"schemes"` // the later form of bind_tls
	RemoteAddr looseText `json:"remote_addr"`
	Inspect    looseText `json:"inspect"`
}

// looseText is a string that callers may write as a JSON number or boolean too.
type looseText string

// UnmarshalJSON takes strings, numbers and booleans; null leaves it empty.
func (t *looseText) UnmarshalJSON(p []byte) error {
	if len(p) > 0 && p[0] == '"' {
		return json.Unmarshal(p, (*string)(t))
	}
	switch s := string(p); {
	case s == "null":
	case p[0] == '{' || p[0] == '[':
		return fmt.Errorf("%s is not a string, number or boolean", s)
	default:
		*t = looseText(s)
	}
	return nil
}

// tunnel translates the request. The fallback is what to ask for instead when the
// server has no https and the caller did not insist on it; nil means nothing.
func (r *tunnelRequest) tunnel() (t client.Tunnel, fallback *client.Tunnel, err error) {
	if r.Name == "" {
		return t, nil, errors.New("name is missing: give the tunnel a name that no other one has")
	}
	addr, err := localAddr(string(r.Addr))
	if err != nil {
		return t, nil, err
	}
	t = client.Tunnel{Name: r.Name, Subdomain: r.Subdomain, Hostname: r.Hostname, HTTPAuth: r.Auth}
	if t.Hostname == "" {
		t.Hostname = r.Domain
	}
	if err := r.applyAuth(&t); err != nil {
		return t, nil, err
	}
	switch inspect := strings.ToLower(string(r.Inspect)); inspect {
	case "", "true":
	case "false":
		t.NoInspect = true
	default:
		return t, nil, fmt.Errorf("inspect %q is neither true nor false", inspect)
	}
	switch r.Proto {
	case "http":
		schemes, insisted, err := r.schemes()
		if err != nil {
			return t, nil, err
		}
		t.Local = map[string]string{}
		for _, s := range schemes {
			t.Local[s] = addr
		}
		if !insisted {
			plain := t
			plain.Local = map[string]string{"http": addr}
			fallback = &plain
		}
	case "tcp":
		if t.HTTPAuth != "" {
			return t, nil, errors.New("auth protects http tunnels only; leave it out, or use proto http")
		}
		t.Local = map[string]string{"tcp": addr}
		t.RemotePort, err = remotePort(string(r.RemoteAddr))
	case "":
		err = errors.New("proto is missing: write http or tcp")
	default:
		err = fmt.Errorf("proto %q is not known: write http or tcp", r.Proto)
	}
	return t, fallback, err
}

// applyAuth takes over basic_auth. One that cannot be had must not be ignored: the
// tunnel would be open to everybody.
func (r *tunnelRequest) applyAuth(t *client.Tunnel) error {
	switch {
	case len(r.BasicAuth) > 1 || len(r.BasicAuth) == 1 && t.HTTPAuth != "":
		return errors.New("a tunnel has one user and password; give one of them")
	case len(r.BasicAuth) == 1:
		t.HTTPAuth = r.BasicAuth[0]
	}
	if t.HTTPAuth != "" && !strings.Contains(t.HTTPAuth, ":") {
		return errors.New("auth is not of the form user:password")
	}
	return nil
}

// schemes returns the public schemes of an http tunnel, and whether the caller asked
// for just these.
func (r *tunnelRequest) schemes() (schemes []string, insisted bool, err error) {
	for _, s := range r.Schemes {
		if s != "http" && s != "https" {
			return nil, false, fmt.Errorf("schemes has %q: write http, https or both", s)
		}
		if !slices.Contains(schemes, s) {
			schemes = append(schemes, s)
		}
	}
	if schemes != nil {
		return schemes, true, nil
	}
	switch b := strings.ToLower(string(r.BindTLS)); b {
	case "":
		return []string{"http", "https"}, false, nil
	case "both":
		return []string{"http", "https"}, true, nil
	case "true":
		return []string{"https"}, true, nil
	case "false":
		return []string{"http"}, true, nil
	default:
		return nil, false, fmt.Errorf("bind_tls %q is not known: write true, false or \"both\"", b)
	}
}

// localAddr reads the address of a private service: a port, host:port, or an http URL
// without path.
func localAddr(s string) (string, error) {
	if s == "" {
		return "", errors.New("addr is missing: write the port of the private service, or host:port")
	}
	text := strings.TrimSuffix(strings.TrimPrefix(s, "http://"), "/")
	if scheme, _, found := strings.Cut(text, "://"); found {
		return "", fmt.Errorf("addr %q: a private service that speaks %s cannot be tunnelled to; write host:port of one that speaks plain HTTP or TCP", s, scheme)
	}
	if _, err := strconv.Atoi(text); err == nil {
		text = net.JoinHostPort("127.0.0.1", text)
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil && text != s {
		host, port, err = strings.Trim(text, "[]"), "80", nil // http://host
	}
	n, errPort := strconv.ParseUint(port, 10, 16)
	if err != nil || errPort != nil || n == 0 || strings.ContainsAny(host, "/?# ") {
		return "", fmt.Errorf("addr %q is not the address of a private service: write its port, or host:port", s)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// remotePort reads the public port that is asked for: a port, :port or host:port, whose
// host is the server's business.
func remotePort(s string) (uint16, error) {
	if s == "" {
		return 0, nil
	}
	port := s[strings.LastIndexByte(s, ':')+1:]
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("remote_addr %q has no port from 1 to 65535", s)
	}
	return uint16(n), nil
}
