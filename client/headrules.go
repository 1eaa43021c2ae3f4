package client

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"ngrok/conn/http1"
)

// The fields that tell a private service of the visitor.
const (
	forwardedFor   = "X-Forwarded-For"
	forwardedProto = "X-Forwarded-Proto"
	forwardedHost  = "X-Forwarded-Host"
)

// headRules are what is to be changed in the heads that pass under one public URL. They
// do not change once they are made.
type headRules struct {
	request, response http1.Edits

	forwarded bool   // tell of the visitor, and drop what visitors say of themselves
	scheme    string // of the public URL
	hostPort  string // of it, and
	host      string // as http1.Request.Host shows it

	own map[string]bool // forwarded fields that the tunnel's settings add or remove
}

// newHeadRules returns the rules of a tunnel for a URL, nil when every head stays as it is.
func newHeadRules(t *Tunnel, g grant) (*headRules, error) {
	r := &headRules{
		request:   t.RequestHeaders.edits(),
		response:  t.ResponseHeaders.edits(),
		forwarded: !t.NoForwardedHeaders,
		scheme:    g.protocol,
		own:       make(map[string]bool),
	}
	if r.request.Host = t.HostHeader; t.HostHeader == "rewrite" {
		r.request.Host = strings.TrimSuffix(t.Local[g.protocol], ":80")
	}
	if err := validate("request_header", &r.request); err != nil {
		return nil, err
	}
	if err := validate("response_header", &r.response); err != nil {
		return nil, err
	}
	for _, name := range []string{forwardedFor, forwardedProto, forwardedHost} {
		r.own[name] = changes(&r.request, name)
	}
	if u, err := url.Parse(g.url); err == nil {
		if host, err := http1.CanonicalHost(u.Host); err == nil {
			r.host, r.hostPort = host, u.Host
		}
	}
	if !r.forwarded && !t.editsHeads() {
		return nil, nil
	}
	return r, nil
}

func validate(key string, e *http1.Edits) error {
	if err := (&http1.Edits{Host: e.Host}).Validate(); err != nil {
		return fmt.Errorf("host_header: %w", err)
	}
	for _, h := range e.Add {
		if strings.EqualFold(h.Name, "Host") {
			return fmt.Errorf("%s: Host is replaced by host_header", key)
		}
	}
	for _, name := range hopFields {
		if changes(e, name) {
			return fmt.Errorf("%s: %s belongs to the connection and can't be changed", key, name)
		}
	}
	if err := e.Validate(); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// hopFields say whether the connection stays and what it becomes: both ends must see the
// same.
var hopFields = []string{"Connection", "Upgrade", "Keep-Alive", "Proxy-Connection", "TE", "Trailer"}

// changes reports whether e adds or removes fields of that name.
func changes(e *http1.Edits, name string) bool {
	return slices.ContainsFunc(e.Remove, func(s string) bool { return strings.EqualFold(s, name) }) ||
		slices.ContainsFunc(e.Add, func(h http1.Header) bool { return strings.EqualFold(h.Name, name) })
}

// editsResponses reports whether the heads of responses are to be changed.
func (r *headRules) editsResponses() bool {
	return len(r.response.Add)+len(r.response.Remove) > 0
}

// isForwarded reports whether visitors could use a field of that name to pretend that a
// proxy speaks: X-Forwarded-*, Forwarded, X-Real-IP. An underscore counts as a hyphen,
// since programs that pass fields on as variables (CGI, WSGI) take one for the other.
func isForwarded(name []byte) bool {
	const prefix = "x-forwarded-"
	return len(name) > len(prefix) && sameField(name[:len(prefix)], prefix) ||
		sameField(name, "forwarded") || sameField(name, "x-real-ip")
}

// sameField compares a name with one in lower case.
func sameField(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c == '_' {
			c = '-'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// visitorIP returns the address in "ip:port" as the server sent it, "" when it is none:
// nothing else may get into a head.
func visitorIP(addr string) string {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return ""
	}
	return ap.Addr().Unmap().WithZone("").String()
}
