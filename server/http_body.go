package server

import (
	"net/http"

	"ngrok/conn/http1"
)

// errBodyTooLarge refuses a request whose body is longer than the tunnel allows.
var errBodyTooLarge = &http1.Error{Status: http.StatusRequestEntityTooLarge, Reason: "the request's body is longer than this tunnel allows"}

// limitedBody is a request's body that may have limit bytes of payload; 0 means any
// number.
type limitedBody struct {
	http1.Body
	limit, payload int64
}

// Next is that of [http1.Body]. A body that exceeds the limit is an error, its n the
// bytes before.
func (b *limitedBody) Next(p []byte) (n int, done bool, err error) {
	if b.limit == 0 || b.Framing() != http1.Chunked {
		return b.Body.Next(p) // a length was looked at with the head
	}
	for !b.Done() && n < len(p) {
		before := b.Body
		m, part, err := b.Step(p[n:])
		if part == http1.Payload {
			if b.payload += int64(m); b.payload > b.limit {
				b.Body = before
				return n, false, errBodyTooLarge
			}
		}
		n += m
		if err != nil {
			return n, false, err
		}
	}
	return n, b.Done(), nil
}
