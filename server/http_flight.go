package server

import (
	"errors"
	"io"
	"sync"
	"time"

	"ngrok/conn"
	"ngrok/conn/http1"
)

// farewellTime is how long the other machine may take to end its direction of a
// stream that nobody reads any more.
const farewellTime = 10 * time.Second

// flight is the use of one proxy connection by an HTTP visitor: the requests that went
// down it and the responses that come back. It follows the responses, because nothing
// but the answers to those requests may reach the visitor: behind a reverse proxy that
// pools its connections, one byte more would be taken for somebody else's answer.
type flight struct {
	visit  *httpVisit
	tunnel *tunnel
	use    *use
	stream *conn.Stream
	count  bytesCount
	signal chan struct{} // one slot: something below has changed
	join   conn.Join     // after the connection has left HTTP

	mu         sync.Mutex
	responses  http1.ResponseStream
	last       bool  // the response to come is to be the last, and is to say so
	unanswered int   // requests whose final response has not been delivered whole
	partial    bool  // a response has been delivered in part
	passed     bool  // anything has been delivered, or is about to be
	whole      bool  // after the last response delivered whole, another may follow
	outlived   bool  // over by what the service did after its answers alone
	opaque     bool  // the connection has left HTTP
	over       bool  // nothing more will be delivered
	failed     error // why, when what was delivered is cut off
	retiring   bool  // it ends once all requests are answered
	detached   bool  // the visitor's connection has gone on to something else
	watched    bool  // the visitor's goroutine waits in watch
}

func newFlight(v *httpVisit, t *tunnel) *flight {
	return &flight{visit: v, tunnel: t, count: v.server.metrics.bytes[t.protocol], signal: make(chan struct{}, 1)}
}

// push tells of a request that is about to be sent, waiting while too many are under
// way already.
func (f *flight) push(r *http1.Request) error {
	for {
		f.mu.Lock()
		ok := f.responses.Push(r.Method, r.Upgrade != nil)
		if ok {
			f.last = f.unanswered == 0 && f.visit.server.flows.closing.Load()
			f.unanswered++
		}
		over := f.over
		f.mu.Unlock()
		if ok {
			return nil
		}
		if over {
			return f.result()
		}
		<-f.signal
	}
}

// send passes the first n unread bytes of the leg on.
func (f *flight) send(leg *conn.Conn, n int) error {
	for n > 0 {
		p := leg.Take(min(n, conn.MaxChunk))
		n -= len(p) - conn.Headroom
		f.tunnel.control.account.Up.Wait(f.visit.server.running, len(p)-conn.Headroom)
		if err := f.stream.WritePadded(p); err != nil {
			if f.isOver() {
				return f.result()
			}
			return err
		}
		f.count.in.Inc(int64(len(p) - conn.Headroom))
	}
	return nil
}

// fromStream delivers the responses. It is called by the proxy connection's run.
func (f *flight) fromStream(*use) error {
	defer f.stream.Release()
	for {
		p, err := f.stream.Next()
		if err != nil {
			return f.ended(err)
		}
		f.tunnel.control.account.Down.Wait(f.visit.server.running, len(p)-conn.Headroom)
		last := f.visit.server.flows.closing.Load() && f.atLastResponse()
		pass, answered, event := f.follow(p[conn.Headroom:])
		if pass > 0 {
			p = p[:conn.Headroom+pass]
			if last {
				p = f.announceEnd(p)
			}
			if err := f.visit.leg.WritePadded(p); err != nil {
				return f.visitorGone(err)
			}
			f.count.out.Inc(int64(pass))
		}
		f.delivered(answered)
		switch event {
		case http1.Switched:
			f.mu.Lock()
			f.opaque = true
			f.mu.Unlock()
			f.wake()
			return f.join.FromStream()
		case http1.Unsolicited, http1.Lost:
			return f.refuse(event)
		}
	}
}

// follow returns how many bytes of p may be passed on, and how many requests they
// answer.
func (f *flight) follow(p []byte) (pass, answered int, event http1.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.detached || f.over {
		return 0, 0, http1.Unsolicited
	}
	for len(p) > 0 {
		n, ev := f.responses.Next(p)
		pass += n
		p = p[n:]
		event = ev
		f.partial = f.partial || n > 0
		f.passed = f.passed || n > 0
		switch ev {
		case http1.Ended:
			answered++
			f.partial, f.whole = false, f.responses.Reusable()
		case http1.Switched:
			f.join = conn.Join{Outer: f.visit.leg, Stream: f.stream, CloseFollows: true, Sent: f.sent, Received: f.received}
			return pass + len(p), answered, ev
		case http1.Unsolicited, http1.Lost:
			return pass, answered, ev
		}
	}
	return pass, answered, event
}

// sent and received count and pace what passes once the connection has left HTTP.
func (f *flight) sent(p []byte) {
	f.count.in.Inc(int64(len(p)))
	f.tunnel.control.account.Up.Wait(f.visit.server.running, len(p))
}

func (f *flight) received(p []byte) {
	f.count.out.Inc(int64(len(p)))
	f.tunnel.control.account.Down.Wait(f.visit.server.running, len(p))
}

// delivered counts requests whose responses the visitor has been given.
func (f *flight) delivered(answered int) {
	f.mu.Lock()
	f.unanswered -= answered
	switch {
	case answered == 0 || f.detached:
	case !f.whole:
		f.endLocked(nil) // what follows, nobody could be sure of
	case f.unanswered == 0 && f.visit.server.flows.ending():
		f.endLocked(nil)
	case f.unanswered == 0 && f.retiring:
		f.outliveLocked()
	case f.unanswered == 0:
		f.visit.leg.SetReadDeadline(time.Now().Add(idleTimeout))
		if f.visit.server.flows.ending() { // since a moment ago
			f.visit.leg.SetReadDeadline(past)
		}
	}
	f.mu.Unlock()
	f.wake()
}

// endLocked notes that nothing more will be delivered, and wakes a visitor's goroutine
// that waits for another request.
func (f *flight) endLocked(failed error) {
	if !f.over {
		f.over, f.failed = true, failed
		f.visit.leg.SetReadDeadline(past)
	}
}

// outliveLocked ends a flight whose requests are all answered. The visitor's connection
// goes on if it can: closing it would fail the request that a proxy in front, which
// keeps it for the visitors of all tunnels, is just sending down it.
func (f *flight) outliveLocked() {
	if !f.over {
		f.outlived = f.whole && !f.opaque
	}
	f.endLocked(nil)
}

// wake tells the visitor's goroutine, if it waits, that something has changed.
func (f *flight) wake() {
	select {
	case f.signal <- struct{}{}:
	default:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watched {
		f.visit.leg.SetReadDeadline(past)
	}
}

// ended acts on the end of the stream. It returns nil if the link is in order.
func (f *flight) ended(err error) error {
	defer f.wake()
	regular := errors.Is(err, io.EOF)
	f.mu.Lock()
	detached := f.detached
	if !detached {
		f.responses.End()
		if f.unanswered == 0 {
			f.outliveLocked()
		} else if regular {
			f.endLocked(nil)
		} else {
			f.endLocked(err)
		}
	}
	failed := f.failed
	f.mu.Unlock()
	if !detached {
		if regular {
			f.stream.CloseWrite()
		} else {
			f.stream.Reset()
		}
		if failed != nil {
			f.visit.leg.Reset()
		}
	}
	if regular || errors.Is(err, conn.ErrReset) {
		return nil
	}
	return err
}

// visitorGone ends the flight after a write to the visitor has failed.
func (f *flight) visitorGone(err error) error {
	f.mu.Lock()
	f.endLocked(err)
	f.mu.Unlock()
	f.wake()
	f.visit.leg.Reset()
	f.stream.Reset()
	return f.drain()
}

// refuse ends the flight when the other machine sends what nobody asked for, or what
// is no HTTP.
func (f *flight) refuse(event http1.Event) error {
	f.mu.Lock()
	why := f.responses.Err()
	detached, untouched := f.detached, !f.partial && f.unanswered > 0
	f.passed = f.passed || untouched // what is about to be written below
	if !detached && !untouched {
		if f.unanswered > 0 {
			f.endLocked(errors.New("the service's answer is no HTTP"))
			f.visit.leg.Reset()
		} else {
			f.outliveLocked()
		}
	}
	f.mu.Unlock()
	if !detached {
		f.tunnel.control.logger.Info("service's bytes refused", "url", f.tunnel.url,
			"unsolicited", event == http1.Unsolicited, "why", why)
	}
	if !detached && untouched {
		f.visit.leg.Write(notHTTP(f.tunnel).append(nil, &http1.Request{}, true))
		f.mu.Lock()
		f.endLocked(nil)
		f.mu.Unlock()
	}
	f.wake()
	f.stream.Reset()
	return f.drain()
}

// drain reads what nobody wants until the stream ends, or for farewellTime.
func (f *flight) drain() error {
	f.stream.SetReadDeadline(time.Now().Add(farewellTime))
	return f.stream.Discard()
}

// cut implements visitor.
func (f *flight) cut() {
	f.mu.Lock()
	if !f.detached {
		f.endLocked(io.ErrUnexpectedEOF)
	}
	f.mu.Unlock()
	f.wake()
}
