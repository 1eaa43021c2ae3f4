package server

import (
	"errors"
	"io"
	"os"
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

func (f *flight) isOver() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.over
}

// wasOutlived reports whether the visitor's connection goes on without the flight, even
// if no request has come yet.
func (f *flight) wasOutlived() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.outlived
}

// answered reports whether all requests have been.
func (f *flight) answered() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unanswered == 0
}

// result returns what becomes of the visitor's connection when the flight is over.
func (f *flight) result() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	return errHangUp
}

// waitLonger lifts the visitor's read deadline if an answer is under way, and reports
// whether it did.
func (f *flight) waitLonger() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over || f.unanswered == 0 {
		return false
	}
	f.visit.leg.SetReadDeadline(time.Time{})
	return true
}

// await waits until done, or until the flight is over.
func (f *flight) await(done func() bool) (over bool) {
	for {
		f.mu.Lock()
		over, ok := f.over, done()
		f.mu.Unlock()
		if over || ok {
			return over
		}
		<-f.signal
	}
}

// watch is await for a visitor who is to send no more requests. It reads from the
// visitor, so that the private service learns when nobody waits for its answer any more.
// With keep it leaves unread what comes.
func (f *flight) watch(done func() bool, keep bool) (over bool, err error) {
	leg := f.visit.leg
	for {
		f.mu.Lock()
		over, f.watched = f.over, !f.over && !done()
		waiting := f.watched
		if waiting {
			leg.SetReadDeadline(time.Time{})
		}
		f.mu.Unlock()
		if !waiting {
			return over, nil
		}
		if !keep {
			leg.Consume(len(leg.Buffered()))
		}
		switch err := leg.Fill(); {
		case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case err == io.EOF:
			f.stream.CloseWrite()
		case !errors.Is(err, conn.ErrFull):
			return false, err
		}
		return f.await(done), nil // nothing more can be read
	}
}

// leave ends the flight for the visitor once all its requests are answered, and returns
// nil if the visitor's connection can go on with something else.
func (f *flight) leave() error {
	f.await(func() bool { return f.unanswered == 0 })
	f.mu.Lock()
	goesOn := f.failed == nil && f.unanswered == 0 && f.whole
	f.mu.Unlock()
	err := f.finish(errHangUp)
	if goesOn {
		return nil
	}
	return err
}

// finish gives the proxy connection back: with an end when all is delivered, else with
// an abort. It returns what becomes of the visitor's connection: err, or why more than
// err was wrong.
func (f *flight) finish(err error) error {
	defer f.tunnel.control.account.RemoveConnection()
	f.tunnel.control.removeFlight(f)
	if errors.Is(err, errEnded) {
		return err
	}
	f.mu.Lock()
	f.detached = true
	if f.failed != nil {
		err = f.failed
	}
	regular := errors.Is(err, errHangUp) && (f.over || f.unanswered == 0)
	f.mu.Unlock()
	f.stream.SetReadDeadline(time.Now().Add(farewellTime))
	if regular {
		f.stream.CloseWrite()
	} else {
		f.stream.Reset()
	}
	return err
}

// retire lets the flight end as soon as all requests are answered: its session is over.
func (f *flight) retire() {
	f.mu.Lock()
	f.retiring = true
	if f.unanswered == 0 && !f.opaque && !f.detached {
		f.outliveLocked()
	}
	f.mu.Unlock()
	f.wake()
}

// abort takes the visitor's connection from a flight whose request turned out broken,
// and reports whether the visitor has been given nothing yet.
func (f *flight) abort() (untouched bool) {
	f.mu.Lock()
	f.detached = true
	untouched = !f.passed
	f.mu.Unlock()
	f.stream.SetReadDeadline(time.Now().Add(farewellTime))
	f.stream.Reset()
	return untouched
}

// lastAnswers waits for the responses to all requests of a visitor who sends no more,
// and then hangs up.
func (f *flight) lastAnswers() error {
	if _, err := f.watch(func() bool { return f.unanswered == 0 }, false); err != nil {
		return err
	}
	return f.result()
}

// awaitAnswers waits for the responses to all requests and then hangs up.
func (f *flight) awaitAnswers() error {
	f.await(func() bool { return f.unanswered == 0 })
	return f.result()
}

// halfClose passes the visitor's end on, and waits for the responses.
func (f *flight) halfClose() error {
	if err := f.stream.CloseWrite(); err != nil && !f.isOver() {
		return err
	}
	return f.awaitAnswers()
}

// upgrade waits for the answer to a request to leave HTTP, and if it is accepted
// carries the connection to its end.
func (f *flight) upgrade() error {
	over, err := f.watch(func() bool { return f.opaque || f.unanswered == 0 }, true)
	if err != nil {
		return err
	}
	f.mu.Lock()
	opaque := f.opaque
	f.mu.Unlock()
	switch {
	case opaque:
		f.visit.leg.SetReadDeadline(time.Time{})
		f.join.ToStream()
		<-f.use.done
		return errEnded
	case over:
		return f.result()
	}
	f.visit.setReadDeadline(idleTimeout)
	return nil
}
