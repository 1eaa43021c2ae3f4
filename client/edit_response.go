package client

import (
	"errors"
	"sync"
	"sync/atomic"

	"ngrok/conn"
	"ngrok/conn/http1"
)

// maxFollowed is how many requests may wait for their responses before these are not
// followed any more: far above what anybody pipelines.
const maxFollowed = 1024

// responseEditor reads the responses on one connection to a private service. Unless it
// is told to follow them, they pass unread. It changes their heads, if there are edits,
// and finds out whether the connection leaves HTTP. push and follow are for the goroutine
// that sends requests, the rest for the one that reads responses.
type responseEditor struct {
	leg   *conn.Conn
	edits *http1.Edits // nil: none

	following atomic.Bool
	mu        sync.Mutex
	expected  []expectedResponse
	lost      bool // responses are not told apart any more

	scan     http1.HeadScanner
	response http1.Response
	body     http1.Body
	passing  int       // unread bytes that have been looked at
	through  bool      // all that follows passes as it is
	failed   error     // what ended reading while a head was incomplete
	work     *headWork // a new head behind conn.Headroom bytes; nil when there is none
	at       int       // where in it the bytes begin that have not been returned
}

// expectedResponse is what of a request matters for its response.
type expectedResponse struct {
	head    bool      // HEAD
	upgrade chan bool // told whether the connection has left HTTP; nil if nobody asked
}

var methodHead = []byte("HEAD")

// follow makes next look at the responses. It is called before the first request is sent.
func (r *responseEditor) follow() { r.following.Store(true) }

// push tells of a request that is about to be sent.
func (r *responseEditor) push(method []byte, upgrade chan bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.following.Load() || r.lost || len(r.expected) == maxFollowed {
		if upgrade != nil {
			upgrade <- true // as if: nobody will tell what follows
		}
		r.loseLocked()
		return
	}
	r.expected = append(r.expected, expectedResponse{head: string(method) == "HEAD", upgrade: upgrade})
}

// lose ends the following of responses.
func (r *responseEditor) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loseLocked()
}

func (r *responseEditor) loseLocked() {
	r.lost = true
	for _, x := range r.expected {
		if x.upgrade != nil {
			x.upgrade <- true
		}
	}
	r.expected = nil
}

// oldest returns the request that the next response is for.
func (r *responseEditor) oldest() (x expectedResponse, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.expected) == 0 {
		return x, false
	}
	return r.expected[0], true
}

// answered tells the oldest request's sender whether the connection has left HTTP.
func (r *responseEditor) answered(switched bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.expected) > 0 && r.expected[0].upgrade != nil {
		r.expected[0].upgrade <- switched
		r.expected[0].upgrade = nil
	}
}

// complete drops the oldest request.
func (r *responseEditor) complete() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.expected) > 0 {
		r.expected = r.expected[:copy(r.expected, r.expected[1:])]
	}
}

// next returns the next bytes for the visitor behind conn.Headroom bytes.
func (r *responseEditor) next() ([]byte, error) {
	for {
		if p := r.pending(); p != nil {
			return p, nil
		}
		if len(r.leg.Buffered()) == 0 {
			if err := r.fill(); err != nil {
				return nil, err
			}
		}
		b := r.leg.Buffered()
		b = b[:min(len(b), conn.MaxChunk)]
		switch {
		case r.through || !r.following.Load():
			return r.leg.Take(len(b)), nil
		case r.passing > 0:
			n := min(r.passing, len(b))
			r.passing -= n
			return r.leg.Take(n), nil
		case !r.body.Done():
			n, done, err := r.body.Next(b)
			if done {
				r.complete()
			}
			if err != nil {
				r.giveUp()
			}
			if n > 0 {
				return r.leg.Take(n), nil
			}
		default:
			if err := r.readHead(r.leg.Buffered()); err != nil {
				r.giveUp()
			}
		}
	}
}

func (r *responseEditor) fill() error {
	err := r.failed
	if err == nil {
		err = r.leg.Fill()
	}
	if err != nil {
		r.lose()
	}
	return err
}

// giveUp lets what follows pass as it is.
func (r *responseEditor) giveUp() {
	r.through = true
	r.lose()
}

var errUnexpected = errors.New("a response that nobody asked for")

// readHead looks at the head that b begins with and waits for more if it is not complete.
// An error says that it is none that can be understood.
func (r *responseEditor) readHead(b []byte) error {
	r.scan.Lenient = true
	_, end, err := r.scan.Scan(b)
	if err != nil {
		return err
	}
	if end == 0 {
		if err := r.leg.Fill(); err != nil {
			if !errors.Is(err, conn.ErrFull) {
				r.failed = err
			}
			return err
		}
		return nil
	}
	r.scan.Reset()
	x, ok := r.oldest()
	if !ok {
		return errUnexpected
	}
	var method []byte
	if x.head {
		method = methodHead
	}
	if err := http1.ParseResponse(&r.response, b[:end], method, r.scan.Limits); err != nil {
		return err
	}
	switched := r.response.Status == 101
	if r.response.Status < 200 && !switched {
		r.passing = end // an interim response: the final one follows
		return nil
	}
	r.answered(switched)
	if !switched {
		r.body = r.response.Body()
	}
	r.passHead(b, end)
	if switched || r.response.Ambiguous {
		r.giveUp()
	} else if r.body.Done() {
		r.complete()
	}
	return nil
}

// passHead lets the head, the first end bytes of b, go as it is, or changed, and with it
// what has come of its body.
func (r *responseEditor) passHead(b []byte, end int) {
	rest := b[end:]
	if r.edits != nil {
		rest = rest[:min(len(rest), inlineBody)]
	}
	n, _, bad := r.body.Next(rest)
	if bad != nil {
		r.giveUp()
	}
	if r.edits == nil {
		r.passing = end + n
		return
	}
	var room [conn.Headroom]byte
	r.work, r.at = headWorks.Get().(*headWork), conn.Headroom
	out := r.edits.AppendResponse(append(r.work.out[:0], room[:]...), &r.response)
	r.work.out = append(out, rest[:n]...)
	r.leg.Consume(end + n)
}

// pending returns what is left of a new head; it keeps no memory when nothing is.
func (r *responseEditor) pending() []byte {
	if r.work == nil {
		return nil
	}
	out := r.work.out
	if r.at == len(out) {
		r.work.done()
		r.work = nil
		return nil
	}
	n := min(len(out)-r.at, conn.MaxChunk)
	p := out[r.at-conn.Headroom : r.at+n]
	r.at += n
	return p
}

// release ends it all: nobody reads any more.
func (r *responseEditor) release() {
	r.lose()
	if r.work != nil {
		r.work.done()
		r.work = nil
	}
}
