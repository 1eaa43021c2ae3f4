package client

// Tap is offered what passes between visitors and the private services of http
// and https tunnels. The methods are called on the data path after the bytes have
// been delivered: they must return quickly and never wait for a view, a log or a
// disk.
type Tap interface {
	// Open is called once for each public connection, when its private
	// connection has been made or could not be made. A nil ConnTap declines it.
	Open(ConnInfo) ConnTap
}

// ConnInfo says what a tapped connection is.
type ConnInfo struct {
	Tunnel      string // Tunnel.Name
	PublicURL   string // of the tunnel, as granted by the server
	Protocol    string // "http" or "https"
	LocalAddr   string // of the private service, host:port
	VisitorAddr string // ip:port of the visitor, as the server reports it
}

// ConnTap observes one public connection. Deliver, Request and RequestEnd are called
// from one goroutine, Response and ResponseEnd from another one at the same time, Close
// after both. Slices are valid during the call only.
type ConnTap interface {
	// Deliver is called before the private service is given bytes that Request offers
	// afterwards: by then it may have answered them.
	Deliver()
	// Request offers bytes that the visitor sent and the private service received.
	Request(p []byte)
	// Response offers bytes that the private service sent and the visitor's
	// side received.
	Response(p []byte)
	// RequestEnd and ResponseEnd are called once each: err is nil when the
	// direction ended regularly and says what happened when it was cut.
	RequestEnd(err error)
	ResponseEnd(err error)
	// Close is called once, when the public connection is over.
	Close()
}
