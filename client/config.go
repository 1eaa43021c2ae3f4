package client

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/url"
	"time"
)

// Config configures a [Client]. The zero value of a field is its documented default.
type Config struct {
	// ServerAddr is the tunnel port of the server, as host:port. Required.
	ServerAddr string

	// TLS verifies the server. Nil trusts the host's root certificates. The
	// ServerName is taken from ServerAddr when it is empty.
	TLS *tls.Config

	// AuthToken is what the server knows the user by; empty means that the user
	// has none, and Identity is sent in its place.
	AuthToken string

	// Identity is a random anonymous token that this machine keeps, so that the
	// server gives names back to a user without a token. Empty means nobody.
	Identity string

	// Proxy is what the server is reached through: an http, https or socks5 URL,
	// with credentials where needed. Nil means a direct connection.
	Proxy *url.URL

	// Tunnels are asked for in each session. It may be empty: tunnels can be
	// opened later.
	Tunnels []Tunnel

	// Tap is offered the traffic of http and https tunnels; nil means nobody looks.
	Tap Tap

	// Grace is how long Run lets the connections that it carries finish once its
	// context has ended. 0 ends them at once.
	Grace time.Duration

	// Hurry, when not nil, cuts Grace short when it ends.
	Hurry context.Context

	// PlainVersion2 offers the server no extension of the protocol.
	PlainVersion2 bool

	// Version is this program's own, sent to the server for information.
	Version string

	// Logger receives what happens; nil discards it.
	Logger *slog.Logger
}
