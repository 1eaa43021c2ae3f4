package client

import "time"

// Tunnel describes one tunnel to ask the server for.
type Tunnel struct {
	// Name identifies the tunnel among those of one client. It is what the user
	// wrote in the configuration file, or "command_line".
	Name string

	// Local maps each protocol to serve ("http", "https", "tls", "tcp") to the address
	// of the private service, as host:port.
	Local map[string]string

	// Subdomain asks for a name below the server's domain. Empty leaves the
	// choice to Hostname or to the server.
	Subdomain string

	// Hostname asks for a whole host name; it wins over Subdomain.
	Hostname string

	// HTTPAuth is "user:password" that visitors must present; empty means none.
	HTTPAuth string

	// RemotePort asks for a TCP port on the server; 0 leaves the choice to it.
	RemotePort uint16

	// NoInspect keeps the exchanges of this tunnel away from the tap.
	NoInspect bool

	// What follows is enforced by the server, request by request. One that can't is
	// not asked for the tunnel.

	// Users are further "user:password" pairs: visitors must present one of them, or
	// HTTPAuth. For http and https.
	Users []string

	// AllowCIDRs and DenyCIDRs are networks or single addresses ("192.0.2.0/24").
	// Visitors from denied ones are refused, and where some are allowed, those from
	// all others.
	AllowCIDRs, DenyCIDRs []string

	// MaxBody is the most bytes that the body of a request may have; 0 means any
	// number. For http and https.
	MaxBody int64

	// HTTPSRedirect sends visitors of the http tunnel to the https one.
	HTTPSRedirect bool

	// What follows is done by the client, for http and https.

	// NoForwardedHeaders leaves out what tells the private service of the visitor:
	// X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host. Those that visitors
	// send then reach the service like everything else.
	NoForwardedHeaders bool

	// HostHeader is what requests carry as Host: a value, or "rewrite" for the
	// address of the private service. Empty leaves the visitor's.
	HostHeader string

	// RequestHeaders and ResponseHeaders change the heads that pass.
	RequestHeaders, ResponseHeaders HeaderChanges

	// ProxyProto begins each connection to the private service of a tcp or tls tunnel
	// with a PROXY header of that version, 1 or 2, which names the visitor; 0 with
	// none.
	ProxyProto int
}

// HeaderChanges are changes to the head of a message. Fields to remove are removed before
// others are added, so that a field in both is replaced.
type HeaderChanges struct {
	Add    []Header
	Remove []string // names; letter case is ignored
}

// Header is one field.
type Header struct{ Name, Value string }

// TunnelState is a tunnel that the server has granted, as it was at one moment.
// A tunnel of two protocols (http+https) gives two of them.
type TunnelState struct {
	Name      string // of the Tunnel that asked for it
	PublicURL string // as visitors write it
	Protocol  string // "http", "https", "tls" or "tcp"
	LocalAddr string // of the private service, host:port
	Inspect   bool   // whether the tap sees its exchanges
	Metrics   Metrics
}

// Metrics counts what passed, of one tunnel or of a whole client.
type Metrics struct {
	Conns     Distribution // public connections; durations from open to close
	OpenConns int64        // public connections open now
	BytesIn   int64        // from visitors to the private service
	BytesOut  int64        // from the private service to visitors
}

// Distribution summarises events and how long they took.
type Distribution struct {
	Count                int64
	Rate1, Rate5, Rate15 float64 // events a second, moving over 1, 5 and 15 minutes
	Mean                 time.Duration
	P50, P90, P95, P99   time.Duration
}
