// Package server is the public side: it accepts sessions of clients on one TLS
// port, grants them tunnels, and carries each public connection to the client
// that owns the tunnel.
package server

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"ngrok/server/auth"
)

// Config configures a [Server]. The zero value of a field is its documented default.
type Config struct {
	// Domain is what tunnels are named below. Required.
	Domain string

	// HTTPAddr, HTTPSAddr and TunnelAddr are the listeners' addresses as
	// host:port. An empty HTTPAddr or HTTPSAddr disables that scheme.
	HTTPAddr, HTTPSAddr, TunnelAddr string

	// ShownHTTPPort and ShownHTTPSPort stand in the URLs of tunnels in place of the
	// listeners' own ports, for a server behind a proxy; 0 means the listener's own.
	ShownHTTPPort, ShownHTTPSPort int

	// TCPHost is the address that the listeners of TCP tunnels bind; empty means
	// the host of TunnelAddr.
	TCPHost string

	// TrustedProxies are the networks of the proxies in front of this server that may
	// say who a visitor is: by a PROXY header (version 1 or 2) before everything else,
	// on any public port, or by X-Forwarded-For. Nil trusts nobody.
	TrustedProxies []netip.Prefix

	// DataDir keeps the server's key and what it remembers of names. Empty
	// keeps both in memory only.
	DataDir string

	// NamesFile remembers who had which name; empty means names.json in DataDir.
	NamesFile string

	// Lease is how long a name is kept for an identity that is away; 0 means that
	// anybody may have it at once.
	Lease time.Duration

	// Park is how long visitors of a tunnel wait whose client has lost its session
	// and is expected back; 0 means not at all.
	Park time.Duration

	// Listen opens the listener called name ("tunnel", "http", "https", or "tcp:PORT"
	// of a TCP tunnel) for addr. Nil binds addr.
	Listen func(name, addr string) (net.Listener, error)

	// HandOver is called when the context of Serve has ended with the cause
	// [ErrHandOver], after the names were written down for the last time and before
	// the listeners are closed. Nil does nothing.
	HandOver func()

	// Alive is called about once a second as long as the server does its regular
	// work, also while it drains. Nil does nothing.
	Alive func()

	// Policies say who may do what; nil admits everyone.
	Policies *auth.Policies

	// NoReuse makes every session a plain version-2 one.
	NoReuse bool

	// TLS holds the certificates of the tunnel port and of the https port, which speak
	// TLS 1.2 at the least whatever it says. Required.
	TLS *tls.Config

	// Certificates gets the certificates that TLS shows; nil when they are there
	// already.
	Certificates Certificates

	// Grace is how long Serve lets flows finish once it was told to stop.
	// 0 means 30 s; negative ends them at once.
	Grace time.Duration

	// Version is this program's own, sent to clients for information.
	Version string

	// Logger receives what happens; nil discards it.
	Logger *slog.Logger
}
