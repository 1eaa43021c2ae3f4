package inspect

import (
	"fmt"
	"time"

	"ngrok/client"
	"ngrok/conn/http1"
)

const (
	// maxQueue bounds the requests that wait for their responses on one connection.
	// Pipelining clients send a handful; who sends more is not followed further.
	maxQueue = 256
	// maxEarly bounds what is held of a direction until the other one has caught up, in
	// bytes. The two are offered by different goroutines, so that a response can be seen before
	// the request that it answers.
	maxEarly = 256 << 10
)

// headLimits bound the heads that are read. They are wider than those of the server's
// edge, since a tunnel may lead through another server.
var headLimits = http1.Limits{HeadBytes: 256 << 10, Fields: 1000, TargetBytes: 128 << 10}

// capture follows one public connection and makes exchanges of what passes.
type capture struct {
	store *Store

	// The origin's lock guards everything below, and the records that were made here. The
	// goroutines of both directions hold it for as long as it takes to copy some bytes, views
	// for a few steps.
	*origin
	req   requestSide
	res   responseSide
	queue []*record // whose response is not complete, oldest first
	last  *record   // the newest one
	dead  bool      // nothing more is captured

	// orphans are records of responses whose requests have not been seen, oldest first.
	orphans []*record

	touched *[]touch  // by the call under way
	now     time.Time // during it, once somebody asked
}

// touch is a record that a call has changed.
type touch struct {
	r     *record
	grown int64         // bytes of memory
	ended bool          // with this call
	took  time.Duration // from its start, if it has ended
}

// Open starts to capture a connection; see [client.Tap].
func (s *Store) Open(info client.ConnInfo) client.ConnTap {
	if s.off {
		return nil
	}
	return s.newCapture(info, "")
}

func (s *Store) newCapture(info client.ConnInfo, replayOf ID) *capture {
	c := &capture{store: s, origin: &origin{info: info, replayOf: replayOf}}
	c.req.scan.Limits = headLimits
	c.res.scan.Limits, c.res.scan.Lenient = headLimits, true
	return c
}

// Deliver notes when the service is given the bytes of the next Request.
func (c *capture) Deliver() { c.req.delivery = time.Now() }

// Request takes bytes that the visitor sent.
func (c *capture) Request(p []byte) {
	c.run(&c.req.touched, func() {
		c.feedRequest(p)
		c.feedEarly()
	})
}

// Response takes bytes that the private service sent.
func (c *capture) Response(p []byte) {
	c.run(&c.res.touched, func() { c.feedResponse(p) })
}

// RequestEnd takes the end of what the visitor sends.
func (c *capture) RequestEnd(err error) {
	c.run(&c.req.touched, func() {
		c.endRequests(err)
		c.feedEarly()
	})
}

// ResponseEnd takes the end of what the private service sends.
func (c *capture) ResponseEnd(err error) {
	c.run(&c.res.touched, func() {
		c.res.ended, c.res.endErr = true, err
		if c.res.early.n == 0 {
			c.endResponses()
		}
	})
}

// Close ends every exchange that is still open.
func (c *capture) Close() {
	c.run(&c.req.touched, func() {
		c.endRequests(nil)
		c.feedEarly()
		c.res.ended = true
		c.endResponses()
	})
}

// run does the work of one call under the lock and settles it with the store
// afterwards. Should the work panic, this connection is not captured any further:
// whatever is wrong with the inspector must not reach the traffic.
func (c *capture) run(touched *[]touch, work func()) {
	c.guarded(touched, work)
	for i, t := range *touched {
		if keep, gone := c.store.settle(t.r, t.grown); !keep {
			c.stopKeeping(t.r, gone)
		}
		if t.ended && c.replayOf == "" {
			c.store.tellEnd(c.info.Tunnel, c.info.Protocol, t.took)
		}
		(*touched)[i] = touch{}
	}
	*touched = (*touched)[:0]
}

func (c *capture) guarded(touched *[]touch, work func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return
	}
	c.touched, c.now = touched, time.Time{}
	defer func() {
		if p := recover(); p != nil {
			c.dead = true
			c.res.early.free(c.store.arena)
			c.touched = touched
			for _, r := range append(c.queue, c.last) {
				if r != nil && r.sum.End.IsZero() {
					r.noteLocked("the inspector failed here, the traffic went on: %v", p)
					r.sum.End = c.clock()
				}
			}
		}
	}()
	work()
}

// clock returns the time of the call under way.
func (c *capture) clock() time.Time {
	if c.now.IsZero() {
		c.now = time.Now()
	}
	return c.now
}

// later returns the later one: a service may answer what it was not asked yet.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// stopKeeping makes a record keep no more bytes, because it was removed or because
// pinned exchanges take all they may.
func (c *capture) stopKeeping(r *record, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gone {
		// Whoever removed it may not have come to this yet, and until then views
		// would be shown what it lacks.
		r.dropLocked(c.store.arena)
		return
	}
	if r.full {
		return
	}
	r.full = true
	r.noteLocked("what followed is not kept: pinned exchanges take all the memory they may")
}

// changed notes that the call under way has changed a record.
func (c *capture) changed(r *record, grown int64) {
	list := c.touched
	if n := len(*list); n > 0 && (*list)[n-1].r == r {
		(*list)[n-1].grown += grown
		return
	}
	*list = append(*list, touch{r: r, grown: grown})
}

// begin makes a record for a request and puts it in the queue.
func (c *capture) begin(kind Kind, start time.Time) *record {
	r := &record{origin: c.origin}
	r.sum.Kind, r.sum.Start = kind, start
	c.queue = append(c.queue, r)
	c.last = r
	c.store.register(r)
	c.changed(r, 0)
	return r
}

// finishRequest and finishResponse end one side of a record; it ends with both.
func (c *capture) finishRequest(r *record, complete bool) {
	r.req.complete = complete
	r.reqDone = true
	c.finish(r, &r.req)
}

func (c *capture) finishResponse(r *record, complete bool) {
	r.res.complete = complete
	r.resDone = true
	c.finish(r, &r.res)
}

func (c *capture) finish(r *record, m *message) {
	grown := m.buf.trim(c.store.arena)
	if r.reqDone && r.resDone && r.sum.End.IsZero() {
		r.sum.End = later(c.clock(), later(r.sum.FirstByte, r.sum.Start))
	}
	c.changed(r, grown)
	if !r.sum.End.IsZero() && !r.counted {
		r.counted = true
		t := &(*c.touched)[len(*c.touched)-1]
		t.ended, t.took = true, max(0, r.sum.End.Sub(r.sum.Start))
	}
}

// pop takes the oldest record, whose response is over, out of the queue.
func (c *capture) pop() {
	n := copy(c.queue, c.queue[1:])
	c.queue[n] = nil
	c.queue = c.queue[:n]
}

// keepPayload counts body bytes and keeps those within the limit. want is how many are
// known to follow, -1 when nothing is known.
func (c *capture) keepPayload(r *record, m *message, p []byte, want int64) {
	n := int64(len(p))
	m.size += n
	m.bodySize += n
	if m.truncated {
		return
	}
	room := c.store.bodySize - m.keptBody
	if n > room {
		m.truncated = true
		p = p[:room]
	}
	m.keptBody += int64(len(p))
	c.changed(r, r.keepLocked(c.store.arena, m, p, min(want, room-int64(len(p)))))
}

// keepFrame keeps chunk framing while there is body to go with it.
func (c *capture) keepFrame(r *record, m *message, p []byte) {
	m.size += int64(len(p))
	if m.truncated {
		return
	}
	if framing := m.size - m.bodySize - int64(m.headSize); framing > c.store.bodySize/2+maxFraming {
		m.truncated = true
		r.noteLocked("the chunk framing of a body is too large to be kept")
		return
	}
	c.changed(r, r.keepLocked(c.store.arena, m, p, -1))
}

// maxFraming is how many bytes of chunk framing are kept, beyond half of what is kept of a
// body: enough for chunks of a few bytes each.
const maxFraming = 64 << 10

// step follows a message's body through the start of p. It returns how many bytes of p
// it took, and whether they are payload.
func (c *capture) step(r *record, m *message, b *http1.Body, trailer *[]byte, p []byte) (n int, payload bool, err error) {
	n, part, err := b.Step(p)
	switch part {
	case http1.Payload:
		want := int64(-1)
		if b.Framing() == http1.Length {
			want = max(0, m.length-m.bodySize-int64(n))
		}
		c.keepPayload(r, m, p[:n], want)
		payload = true
	case http1.Trailer:
		*trailer = append(*trailer, p[:n]...)
		c.keepFrame(r, m, p[:n])
	default:
		c.keepFrame(r, m, p[:n])
	}
	return n, payload, err
}

// fieldCost is what a header field takes beside its bytes.
const fieldCost = 48

// takeTrailer reads the trailers of a body that has ended.
func (c *capture) takeTrailer(r *record, m *message, trailer *[]byte) {
	if len(*trailer) == 0 {
		return
	}
	fields := &r.rareLocked().trailers[0]
	if m == &r.res {
		fields = &r.rare.trailers[1]
	}
	for _, f := range http1.ParseFields(nil, *trailer) {
		*fields = append(*fields, Field{Name: string(f.Name), Value: string(f.Value)})
	}
	c.changed(r, int64(len(*trailer))+int64(cap(*fields))*fieldCost)
	*trailer = nil
}

// cutOff says how far a message came that ended too early.
func (m *message) cutOff(what string, framing http1.Framing) string {
	if framing == http1.Length {
		return fmt.Sprintf("%s was cut off after %d of %d bytes", what, m.bodySize, m.length)
	}
	return fmt.Sprintf("%s was cut off after %d bytes", what, m.bodySize)
}
