package http1

// Error says why a message can't be taken, and what to answer.
type Error struct {
	// Status is the HTTP status to answer a request with: 400, 414, 431 or 505.
	// For a response it is 502.
	Status int
	// Reason is a sentence for whoever sent the message, without a full stop and
	// without any of the bytes sent, so that it can be shown as it is.
	Reason string
}

// Error returns the reason.
func (e *Error) Error() string { return e.Reason }

// Errors that a caller may want to treat by themselves. Both are found before any head is
// complete.
var (
	// ErrHTTP2Preface reports a client that starts with HTTP/2 (RFC 9113 section 3.4).
	// It would not understand an answer: close the connection.
	ErrHTTP2Preface = &Error{505, "this port speaks HTTP/1.1, not HTTP/2 without TLS"}
	// ErrTLSHello reports a client that starts with TLS on a port without it.
	ErrTLSHello = &Error{400, "this port speaks plain HTTP: use http:// instead of https:// in the address"}
)

func badRequest(reason string) error  { return &Error{400, reason} }
func badResponse(reason string) error { return &Error{502, reason} }
