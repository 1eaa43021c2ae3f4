package limit

import "time"

// Limits says how much a server grants. Counts and rates of 0 mean no limit; times
// must be positive. [Default] has values for a small host.
type Limits struct {
	// UnauthenticatedPerAddress and Unauthenticated bound the connections on the
	// tunnel port whose first message has not been accepted yet: of one address
	// (an IPv6 /64 counts as one; loopback is exempt) and in all.
	UnauthenticatedPerAddress, Unauthenticated int

	// Handshake is how long a peer may take for its TLS handshake.
	Handshake time.Duration

	// FirstMessage is how long a peer may take from the end of the handshake to
	// the end of its first message.
	FirstMessage time.Duration

	// Sessions is how many clients of one identity may be connected at a time. Tunnels,
	// Connections and Rate are what it may hold at a time, and carry in each direction
	// (bytes per second), in all its sessions together. Clients without a token that
	// share an address other than loopback count as one identity.
	Sessions             int
	Tunnels, Connections int
	Rate                 int64

	// VisitorRate is how many new public connections one visitor's address may
	// make per second in the long run, VisitorBurst how many at once.
	VisitorRate  float64
	VisitorBurst int

	// VisitorConnections is how many public connections one visitor's address may have
	// at a time.
	VisitorConnections int

	// StalledVisitors is how many visitors may take nothing of what is there for them,
	// for more than 10 s, at a time; of more, some are cut.
	StalledVisitors int
}

// Default returns limits for a small host: one or two cores, half a GiB of memory.
func Default() Limits {
	return Limits{
		// An office behind one address whose 50 clients come back at once, each with
		// a few proxy connections, stays below it.
		UnauthenticatedPerAddress: 256,
		// At some 16 KiB each this holds 64 MiB at worst.
		Unauthenticated: 4096,
		Handshake:       5 * time.Second,
		FirstMessage:    10 * time.Second,
		// Each costs some 50 KiB with its proxy connection, and is of use with a tunnel.
		Sessions: 1000,
		// A tunnel costs a few KiB, an idle connection some 25 KiB: one user who holds
		// all of these costs a quarter of a GiB.
		Tunnels:     1000,
		Connections: 10_000,
		Rate:        0,
		// A page opens at most a few dozen connections at once.
		VisitorRate:  100,
		VisitorBurst: 400,
		// A company behind one address; a fifth of what one identity's tunnels take.
		VisitorConnections: 2000,
		// Each holds up to 128 KiB here and a few hundred in the kernel.
		StalledVisitors: 500,
	}
}
