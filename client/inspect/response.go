package inspect

import (
	"errors"
	"strings"
	"time"

	"ngrok/conn/http1"
)

const (
	// maxInterim bounds the interim responses that are kept of one exchange; some
	// services send one each second.
	maxInterim = 16
	// maxEvent bounds what is kept of one server-sent event, in bytes.
	maxEvent = 256 << 10
	// maxOrphans bounds the responses on one connection whose requests are not there.
	maxOrphans = 16
)

const noteOrphan = "the service sent this without a request that could be read"

// responseSide reads what the private service sends.
type responseSide struct {
	state   side
	scan    http1.HeadScanner
	held    []byte    // of an incomplete head
	early   buffer    // what came before the request that it answers was seen
	firstAt time.Time // when the first piece of early came, until it is read
	lastAt  time.Time // when the last one did
	parsed  http1.Response
	reason  string // of the last response, which is often that of the next one, too
	typ     string // its content type, likewise
	body    http1.Body
	trailer []byte
	r       *record // whose response is being read, behind its head
	frames  *wsParser
	events  *eventParser

	ended  bool  // the direction has ended
	endErr error // how
	over   bool  // and all of it has been read
	lost   bool  // where the next response begins cannot be known

	touched []touch // by the call under way in this direction
}

// feedResponse reads the next bytes from the service, or sets them aside until their
// request is there.
func (c *capture) feedResponse(p []byte) {
	q := &c.res
	if q.early.n == 0 {
		c.readResponse(p, 0)
		return
	}
	c.setAside(p)
	if len(c.queue) > 0 || c.req.ended || q.early.n > maxEarly {
		c.readEarly()
	}
}

// setAside keeps response bytes until their request is there. They are in the arena,
// since this happens all the time: the two directions are offered by different goroutines.
func (c *capture) setAside(p []byte) {
	q := &c.res
	q.lastAt = c.clock()
	if q.early.n == 0 {
		q.firstAt = q.lastAt
	}
	q.early.append(c.store.arena, p, -1)
}

// readEarly reads what was set aside, as of when it came. Some of it may be set aside
// again.
func (c *capture) readEarly() {
	now := c.clock()
	defer func() { c.now = now }()
	c.now = c.res.lastAt
	early := c.res.early
	c.res.early = buffer{}
	defer early.free(c.store.arena)
	left := early.n
	early.each(c.store.arena, func(p []byte) {
		left -= len(p)
		if c.res.early.n > 0 {
			c.setAside(p)
			return
		}
		c.readResponse(p, left)
	})
}

// readResponse reads bytes from the service. As many as more are known to follow.
func (c *capture) readResponse(p []byte, more int) {
	q := &c.res
	for len(p) > 0 {
		switch q.state {
		case inHead:
			if len(c.queue) == 0 && !c.expectNoMore(len(p)+more) {
				c.setAside(p)
				return
			}
			p = c.responseHead(p)
		case inBody:
			p = c.responseBody(p)
		case inFrames:
			c.feedFrames(q.frames, q.r, &q.r.res, p)
			return
		case opaque, inRaw:
			c.keepPayload(q.r, &q.r.res, p, -1)
			c.changed(q.r, 0)
			return
		default:
			return
		}
	}
}

// expectNoMore says whether a response that answers no request is to be shown as it
// is: no request will come any more, or it takes so long that n bytes are too many to hold.
func (c *capture) expectNoMore(n int) bool {
	if !c.req.ended && n <= maxEarly {
		return false
	}
	if c.req.state == ignoring && !c.req.ended || len(c.orphans) >= maxOrphans {
		c.res.state = ignoring
		return true
	}
	r := c.begin(KindHTTP, c.clock())
	r.reqDone = true
	r.noteLocked(noteOrphan)
	if !c.req.ended {
		c.orphans = append(c.orphans, r)
	}
	return true
}

// feedEarly reads the response bytes that waited for their request, and their end.
func (c *capture) feedEarly() {
	if c.res.early.n > 0 && (len(c.queue) > 0 || c.req.ended) {
		c.readEarly()
	}
	if c.res.ended && c.res.early.n == 0 {
		c.endResponses()
	}
}

// httpName is what every response begins with.
const httpName = "HTTP/"

var errNoVersion = errors.New("it does not begin with " + httpName)

// responseHead reads bytes of a head and returns what follows it.
func (c *capture) responseHead(p []byte) (rest []byte) {
	if c.res.state == ignoring {
		return nil
	}
	q, r := &c.res, c.queue[0]
	if r.sum.FirstByte.IsZero() {
		at := q.firstAt
		if at.IsZero() {
			at = c.clock()
		}
		r.sum.FirstByte, q.firstAt = later(at, r.sum.Start), time.Time{}
		c.changed(r, 0)
	}
	b := p
	if len(q.held) > 0 {
		q.held = append(q.held, p...)
		b = q.held
	}
	_, end, err := q.scan.Scan(b)
	if n := min(len(b), len(httpName)); string(b[:n]) != httpName[:n] {
		err = errNoVersion
	}
	if err == nil && end == 0 {
		if len(q.held) == 0 {
			q.held = append(q.held, p...)
		}
		return nil
	}
	if err == nil {
		q.scan.Reset()
		err = http1.ParseResponse(&q.parsed, b[:end], []byte(r.sum.Method), headLimits)
	}
	if err != nil {
		c.rawResponse(r, b, err)
		return nil
	}
	rest = p[len(p)-(len(b)-end):]
	q.held = nil
	c.beginResponse(r, b[:end])
	clear(q.parsed.Fields)
	q.parsed = http1.Response{Fields: q.parsed.Fields[:0]}
	return rest
}

// beginResponse takes the head that was parsed.
func (c *capture) beginResponse(r *record, head []byte) {
	q := &c.res
	status := q.parsed.Status
	switch {
	case status == 101 && r.upgrade:
		c.accept(r, head)
		return
	case status < 200:
		c.keepInterim(r, head)
		return
	}
	q.r = r
	q.reason, q.typ = same(q.reason, q.parsed.Reason), same(q.typ, q.parsed.Get("Content-Type"))
	r.sum.Status, r.sum.Reason, r.sum.ContentType = status, q.reason, q.typ
	if r.sum.Proto == "" {
		r.sum.Proto = protoName(q.parsed.Minor)
	}
	c.takeHead(r, &r.res, head, q.parsed.Framing, q.parsed.ContentLength)
	c.changed(r, int64(len(r.sum.Reason)+len(r.sum.ContentType)))
	if q.parsed.Ambiguous {
		r.noteLocked("the head of the response is sloppy: other programs may see its end somewhere else")
	}
	if isEventStream(r.sum.ContentType) {
		r.sum.Kind = KindEvents
		q.events = &eventParser{keep: min(c.store.bodySize, maxEvent)}
		if enc := strings.ToLower(string(q.parsed.Get("Content-Encoding"))); enc == "" || enc == "identity" {
			r.events = &eventTimeline{limit: c.store.bodySize, parser: q.events}
		}
	}
	q.body = q.parsed.Body()
	q.state = inBody
	if q.body.Done() {
		c.endResponse(true)
	}
}

// keepInterim keeps the head of a 1xx response.
func (c *capture) keepInterim(r *record, head []byte) {
	if len(r.readRareLocked().interim) == maxInterim {
		r.noteLocked("only the first %d interim responses are kept", maxInterim)
		return
	}
	m := message{headSize: len(head), size: int64(len(head)), complete: true}
	grown := r.keepLocked(c.store.arena, &m, head, 0)
	if !r.full {
		rare := r.rareLocked()
		rare.interim = append(rare.interim, m)
		c.changed(r, grown+itemCost)
	}
}

// responseBody reads bytes of a body and returns what follows it.
func (c *capture) responseBody(p []byte) (rest []byte) {
	q := &c.res
	for len(p) > 0 && !q.body.Done() {
		n, payload, err := c.step(q.r, &q.r.res, &q.body, &q.trailer, p)
		if payload && q.r.events != nil {
			c.feedEvents(q.r, p[:n])
		}
		p = p[n:]
		if err != nil {
			q.r.failLocked("the body of the response is broken: %v", err)
			q.r.noteLocked("after byte %d of the response, what follows is shown as it came", q.r.res.size)
			q.state, q.lost = inRaw, true
			c.changed(q.r, 0)
			return p
		}
	}
	if q.body.Done() {
		c.endResponse(true)
	}
	return p
}

// endResponse finishes the response under way and turns to the next request.
func (c *capture) endResponse(complete bool) {
	q := &c.res
	r := q.r
	c.takeTrailer(r, &r.res, &q.trailer)
	q.state, q.r, q.events = inHead, nil, nil
	c.settleStream(r)
	if r.sum.Kind == KindRaw && !q.over {
		// What follows belongs to the same bytes that could not be read.
		q.state, q.r = inRaw, r
		r.res.complete = complete
		c.changed(r, 0)
		return
	}
	c.pop()
	c.finishResponse(r, complete)
	c.refuseUpgrade(r)
}

// rawResponse shows bytes that are not a response.
func (c *capture) rawResponse(r *record, b []byte, err error) {
	q := &c.res
	r.noteLocked("the response could not be read: %v", err)
	if r.sum.Kind != KindRaw {
		r.failLocked("the response is not HTTP/1")
	}
	q.r, q.state, q.lost = r, inRaw, true
	c.keepPayload(r, &r.res, b, -1)
	q.held = nil
}

// endResponses takes the end of the service's direction, once all before it was read.
func (c *capture) endResponses() {
	q := &c.res
	if q.over {
		return
	}
	q.over = true
	switch q.state {
	case inHead:
		if len(q.held) > 0 && len(c.queue) > 0 {
			r := c.queue[0]
			r.failLocked("the response ended before its head was complete%s", because(q.endErr))
			c.keepPayload(r, &r.res, q.held, -1)
			c.pop()
			c.finishResponse(r, false)
		}
	case inBody:
		regular := q.body.Framing() == http1.UntilClose && q.endErr == nil
		if !regular {
			q.r.failLocked("%s%s", q.r.res.cutOff("the response", q.body.Framing()), because(q.endErr))
		}
		c.endResponse(regular)
	case inFrames, opaque, inRaw:
		if q.endErr != nil {
			q.r.failLocked("the service's connection broke%s", because(q.endErr))
		}
		c.dequeue(q.r)
		c.finishResponse(q.r, q.r.readRareLocked().failure == "")
	}
	for len(c.queue) > 0 {
		c.unanswered(c.queue[0])
	}
	q.state = ignoring
}

// dequeue takes the record out of the queue if it is the oldest one.
func (c *capture) dequeue(r *record) {
	if len(c.queue) > 0 && c.queue[0] == r {
		c.pop()
	}
}

// unanswered ends a request that gets no response any more.
func (c *capture) unanswered(r *record) {
	q := &c.res
	switch {
	case r.resDone:
	case q.lost && r != q.r:
		r.failLocked("its response could not be found behind one that could not be read")
	case r.res.size == 0:
		r.failLocked("the service ended the connection without a response%s", because(q.endErr))
	}
	c.dequeue(r)
	c.finishResponse(r, false)
	c.refuseUpgrade(r)
}
