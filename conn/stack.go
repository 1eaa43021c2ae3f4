package conn

// What the calls take below a goroutine that carries a connection, and below one that
// makes a TLS handshake, in bytes.
const (
	stackRoom     = 6 << 10
	handshakeRoom = 12 << 10
)

// GrowStack makes room on the goroutine's stack at once. Called at the start of one that
// carries a connection, when there is next to nothing to copy, it spares the steps by
// which the stack would double under load: an eighth of what a short connection costs.
//
//go:noinline
func GrowStack() byte {
	var room [stackRoom]byte
	return room[len(room)-1]
}

// GrowStackForHandshake is GrowStack for a goroutine that makes a TLS handshake.
//
//go:noinline
func GrowStackForHandshake() byte {
	var room [handshakeRoom]byte
	return room[len(room)-1]
}
