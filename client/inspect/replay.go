package inspect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"ngrok/client"
)

// Reasons why a request is not sent again.
var (
	ErrBodyCut    = errors.New("the body of this request was not kept in full, so the same request cannot be sent again; raise inspect_body_size, or replay it edited with a body of your own")
	ErrIncomplete = errors.New("this request did not arrive in full, so it cannot be sent again")
	ErrWebSocket  = errors.New("a websocket or other upgraded connection cannot be sent again")
	ErrNotHTTP    = errors.New("these bytes are not an HTTP request, so they cannot be sent again")
	ErrNoTarget   = errors.New("this request was imported and belongs to no tunnel; choose one to send it to")
)

// Bounds of a replay.
const (
	// MaxReplays bounds ReplayOptions.Count.
	MaxReplays = 1000
	// maxConcurrency bounds ReplayOptions.Concurrency: a replay is for looking at, not
	// for load.
	maxConcurrency = 16

	dialTimeout = 10 * time.Second
	// idleTimeout is how long the service may send nothing. Somebody may sit in a
	// debugger there.
	idleTimeout = 2 * time.Minute
	// replayTimeout is how long a response may take in all: streams never end.
	replayTimeout = 5 * time.Minute
)

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

// Replay sends the request of an exchange again, past the tunnel, straight to the private
// service, and waits for the responses: 10 s for the connection, 2 min of silence, 5 min in
// all. What happens to each is shown as a new exchange with ReplayOf set, also when
// capture is off.
//
// The error is about what cannot be sent at all: [ErrNotFound], [ErrBodyCut],
// [ErrIncomplete], [ErrWebSocket], [ErrNotHTTP], [ErrNoTarget], an edit that makes no
// request, or the end of ctx; a service that does not answer is an error of the new
// exchange instead. The ids are those of the exchanges that were begun.
func (s *Store) Replay(ctx context.Context, o ReplayOptions) ([]ID, error) {
	if o.Count < 0 || o.Count > MaxReplays {
		return nil, fmt.Errorf("a request can be sent again 1 to %d times at once", MaxReplays)
	}
	origin, err := s.Exchange(o.ID)
	if err != nil {
		return nil, err
	}
	raw, err := origin.replayBytes(o.Edit)
	if err != nil {
		return nil, err
	}
	r := replay{store: s, raw: raw, origin: o.ID, started: o.Started, info: client.ConnInfo{
		Tunnel:    origin.Tunnel,
		PublicURL: origin.PublicURL,
		Protocol:  origin.Scheme,
		LocalAddr: origin.LocalAddr,
	}}
	r.redirect(o)
	if r.info.LocalAddr == "" {
		return nil, ErrNoTarget
	}
	return r.run(ctx, max(o.Count, 1), min(max(o.Concurrency, 1), maxConcurrency))
}

// replayBytes returns what to send.
func (e *Exchange) replayBytes(edit *Edit) ([]byte, error) {
	err := e.repeatable()
	if e.Imported && edit == nil {
		edit = &Edit{} // the archive's lengths need not be those of the body
	}
	if edit == nil {
		return e.Request.Raw, err
	}
	if errors.Is(err, ErrBodyCut) || errors.Is(err, ErrIncomplete) {
		if edit.Body == nil {
			return nil, err
		}
		err = nil // a new body takes the place of the lost one
	}
	if err != nil {
		return nil, err
	}
	return edit.apply(e)
}

// replay is one request being sent a number of times.
type replay struct {
	store   *Store
	info    client.ConnInfo
	raw     []byte
	origin  ID
	started func(ID)

	mu  sync.Mutex
	ids []ID
}

func (r *replay) redirect(o ReplayOptions) {
	if o.Addr == "" {
		return
	}
	r.info.LocalAddr = o.Addr
	if o.Tunnel != "" {
		r.info.Tunnel = o.Tunnel
	}
	if o.PublicURL != "" {
		r.info.PublicURL = o.PublicURL
	}
}

// run sends the request count times, so many at a time, and waits for all.
func (r *replay) run(ctx context.Context, count, concurrency int) ([]ID, error) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, concurrency)
	for range count {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			r.send(ctx)
		})
	}
	wg.Wait()
	return r.ids, ctx.Err()
}

// send makes one exchange.
func (r *replay) send(ctx context.Context) {
	c := r.store.newCapture(r.info, r.origin)
	defer c.Close()
	c.Deliver()
	c.Request(r.raw)
	id := c.firstID()
	r.mu.Lock()
	r.ids = append(r.ids, id)
	r.mu.Unlock()
	if r.started != nil {
		r.started(id)
	}

	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", r.info.LocalAddr)
	if err != nil {
		c.ResponseEnd(fmt.Errorf("%s could not be reached: %w", r.info.LocalAddr, err))
		return
	}
	c.ResponseEnd(r.exchange(ctx, conn, c))
}

// exchange sends the request on conn, which it closes, and reads one response. The
// error is nil when that came to its end as HTTP says.
func (r *replay) exchange(ctx context.Context, conn net.Conn, c *capture) error {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		// An error shows when the response is read; it may be there already.
		_, _ = conn.Write(r.raw)
	}()
	defer func() {
		conn.Close()
		<-sent
	}()
	buf := make([]byte, 32<<10)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(idleTimeout)) // fails only with the connection
		n, err := conn.Read(buf)
		c.Response(buf[:n])
		switch {
		case c.answered():
			return nil
		case err == nil:
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			return fmt.Errorf("the replay was ended after %v", replayTimeout)
		case ctx.Err() != nil:
			return errors.New("the replay was ended")
		case errors.Is(err, net.ErrClosed):
			return err
		case isEOF(err):
			return nil
		default:
			return err
		}
	}
}

// answered says whether the first exchange has its response, or has left HTTP.
func (c *capture) answered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last != nil && (c.last.resDone || c.last.switched != 0) || c.dead
}

func (c *capture) firstID() ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		return ""
	}
	return c.store.id(c.last.sum.Number)
}
