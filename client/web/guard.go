package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// contentPolicy is strict enough that captured bytes could not become script even if
// the page put them into the document as markup: scripts and styles are files of this
// origin, and nothing may be sent elsewhere.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// guard stands before everything the inspector serves.
type guard struct {
	hosts    []hostPattern // as configured
	password *password     // nil means none
	cross    *http.CrossOriginProtection
	stall    time.Duration // how long a peer may not read

	// Written by bound, before the first request.
	boundHost string // as configured, lower case; empty for all addresses
}

// hostPattern is a host that may be named by a Host header; an empty port is any.
type hostPattern struct{ host, port string }

func newGuard(allow []string, auth string) (*guard, error) {
	g := &guard{cross: http.NewCrossOriginProtection(), stall: stallTimeout}
	for _, h := range allow {
		host, port, ok := splitHost(h)
		if !ok {
			return nil, &configError{"web_allow_hosts", h, "write a host name or host:port, without scheme and path"}
		}
		g.hosts = append(g.hosts, hostPattern{host, port})
	}
	if auth != "" {
		p, err := newPassword(auth)
		if err != nil {
			return nil, err
		}
		g.password = p
	}
	return g, nil
}

// configError is a value of the configuration that cannot be used.
type configError struct{ key, value, hint string }

// Error names the key, the value and what to write instead.
func (e *configError) Error() string { return e.key + " " + e.value + ": " + e.hint }

func (g *guard) hasPassword() bool { return g.password != nil }

// bound tells the guard the address as it was configured and as it was bound.
func (g *guard) bound(configured string, addr net.Addr) {
	host, _, _ := splitHost(configured)
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		host = ""
	}
	g.boundHost = host
}

// wrap returns a handler that lets through what is allowed, with the headers that all
// responses carry.
func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sw := newStallWriter(w, g.stall)
		w = sw
		if r.Body != http.NoBody {
			// Package http sets its own deadline again for the next request.
			_ = sw.ctl.SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		setSafeHeaders(w.Header())
		if !g.allowsHost(r) {
			http.Error(w, "403 the inspector does not answer to this host name. "+
				"Open it by its address, or add the name to web_allow_hosts in the configuration file.", http.StatusForbidden)
			return
		}
		if g.password != nil && !g.password.admit(w, r) {
			return
		}
		if err := g.cross.Check(r); err != nil {
			writeError(w, http.StatusForbidden, errCodeRequest, "cross-origin request refused", err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func setSafeHeaders(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
}

// allowsHost says whether the Host header names this inspector.
func (g *guard) allowsHost(r *http.Request) bool {
	host, port, ok := splitHost(r.Host)
	if !ok {
		return false
	}
	switch {
	case host == "localhost" || host == "127.0.0.1" || host == "::1":
		return true
	case g.boundHost != "" && host == g.boundHost:
		return true
	case g.boundHost == "" && isLocalAddr(r, host):
		return true
	}
	for _, p := range g.hosts {
		if host == p.host && (p.port == "" || port == p.port) {
			return true
		}
	}
	return false
}

// isLocalAddr says whether host is the very address that the request arrived at, which
// is how a page bound to all addresses is opened. No DNS name gets here.
func isLocalAddr(r *http.Request, host string) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap() == local.AddrPort().Addr().Unmap()
}

// splitHost reads the value of a Host header: a name or address with or without port.
// The host is returned in lower case, without the brackets of an IPv6 address.
func splitHost(s string) (host, port string, ok bool) {
	u, err := url.Parse("http://" + s)
	if err != nil || u.Host != s {
		return "", "", false
	}
	host = strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(host); err != nil && strings.Trim(host, nameLetters) != "" || host == "" {
		return "", "", false
	}
	return host, u.Port(), true
}

// nameLetters are what names in Host headers are made of; others come as A-labels.
const nameLetters = "abcdefghijklmnopqrstuvwxyz0123456789-_."

// sameOrigin says whether a websocket was asked for by the page itself or by something
// that is no browser, which sends no Origin.
func sameOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host)
}
