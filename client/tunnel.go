package client

import "time"

// Tunnel describes one tunnel to ask the server for.
type Tunnel struct {
	// Name identifies the tunnel among those of one client. It is what the user
	// wrote in the configuration file, or "command_line".
	Name string

	// Local maps each protocol to serve ("http", "https", "tcp") to the address
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
}

// TunnelState is a tunnel that the server has granted, as it was at one moment.
// A tunnel of two protocols (http+https) gives two of them.
type TunnelState struct {
	Name      string // of the Tunnel that asked for it
	PublicURL string // as visitors write it
	Protocol  string // "http", "https" or "tcp"
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
