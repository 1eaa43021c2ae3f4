package inspect

import (
	"context"
	"errors"
)

// Reasons why a request is not sent again.
var (
	ErrBodyCut    = errors.New("the body of this request was not kept in full, so the same request cannot be sent again; raise inspect_body_size, or replay it edited with a body of your own")
	ErrIncomplete = errors.New("this request did not arrive in full, so it cannot be sent again")
	ErrWebSocket  = errors.New("a websocket or other upgraded connection cannot be replayed")
	ErrNotHTTP    = errors.New("these bytes are not an HTTP request, so they cannot be sent again")
	ErrNoTarget   = errors.New("this request was imported and belongs to no tunnel; choose one to send it to")
)

// Edit changes a request before it is sent again.
type Edit struct {
	Method string  // empty leaves it as it was
	Target string  // path and query; empty leaves it
	Header []Field // all fields to send; nil leaves them. Content-Length and Transfer-Encoding are set anew
	Body   []byte  // nil leaves it; empty and not nil removes it
}

// ReplayOptions says what to send again.
type ReplayOptions struct {
	ID          ID
	Edit        *Edit // nil sends the same bytes
	Count       int   // how many times; 0 means once, at most MaxReplays
	Concurrency int   // how many at a time; 0 means 1, at most 16

	// Addr is where to, as host:port; empty means the private service that had the
	// request.
	Addr string

	// Tunnel and PublicURL are shown with the new exchange when Addr is set; empty
	// leaves those of the origin.
	Tunnel, PublicURL string

	// Started is called with the id of each new exchange before it is sent, by
	// several goroutines at once when Concurrency is more than 1. Nil is not called.
	Started func(ID)
}

// MaxReplays bounds ReplayOptions.Count.
const MaxReplays = 1000

// Replay sends the request of an exchange again, past the tunnel, straight to the private
// service, and waits for the responses. What happens to each is shown as a new exchange
// with ReplayOf set, which is captured even when capture is off. The error is about what cannot be sent at all: [ErrNotFound],
// [ErrBodyCut], …, an edit that makes no request, or the end of ctx; a service that does
// not answer is an error of the new exchange instead.
func (s *Store) Replay(ctx context.Context, o ReplayOptions) ([]ID, error) { return nil, nil }
