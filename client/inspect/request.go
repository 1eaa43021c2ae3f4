package inspect

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"ngrok/conn/http1"
)

// side is where the next byte of a direction belongs.
type side uint8

const (
	inHead   side = iota // before or in a head
	inBody               // in a body
	waiting              // behind a request for an upgrade: the response decides
	inFrames             // in websocket frames
	opaque               // in another protocol after an upgrade
	inRaw                // in bytes that are not HTTP, shown as they are
	ignoring             // nothing more is shown
)

// requestSide reads what the visitor sends.
type requestSide struct {
	state    side
	scan     http1.HeadScanner
	held     []byte    // of an incomplete head, or while waiting
	start    time.Time // first byte of the head
	delivery time.Time // of the bytes that are being read; zero when nobody told
	parsed   http1.Request
	target   string // of the last request,
	host     string // which is often that of the next one, too
	body     http1.Body
	trailer  []byte
	r        *record // whose request is being read
	frames   *wsParser
	ended    bool  // the direction has ended
	endErr   error // how

	touched []touch // by the call under way in this direction
}

// feedRequest reads the next bytes from the visitor.
func (c *capture) feedRequest(p []byte) {
	for len(p) > 0 {
		switch c.req.state {
		case inHead:
			p = c.requestHead(p)
		case inBody:
			p = c.requestBody(p)
		case waiting:
			c.hold(p)
			return
		case inFrames:
			c.feedFrames(c.req.frames, c.req.r, &c.req.r.req, p)
			return
		case opaque, inRaw:
			c.keepPayload(c.req.r, &c.req.r.req, p, -1)
			c.changed(c.req.r, 0)
			return
		default:
			return
		}
	}
}

// requestHead reads bytes of a head and returns what follows it.
func (c *capture) requestHead(p []byte) (rest []byte) {
	q := &c.req
	if len(q.held) == 0 && q.start.IsZero() {
		if q.start = q.delivery; q.start.IsZero() {
			q.start = c.clock()
		}
	}
	b := p
	if len(q.held) > 0 {
		q.held = append(q.held, p...)
		b = q.held
	}
	start, end, err := q.scan.Scan(b)
	if err != nil {
		c.rawRequest(b, err.Error())
		return nil
	}
	if end == 0 {
		if len(q.held) == 0 {
			q.held = append(q.held, p...)
		}
		return nil
	}
	rest = p[len(p)-(len(b)-end):]
	head := b[start:end]
	q.scan.Reset()
	if err := http1.ParseRequest(&q.parsed, head, headLimits); err != nil {
		c.rawRequest(b[start:], err.Error())
		return nil
	}
	c.beginRequest(head)
	q.forget()
	return rest
}

// forget lets go of what was parsed: it points into bytes that are the caller's. The
// parser's own memory stays, for the next head.
func (q *requestSide) forget() {
	p := &q.parsed
	clear(p.Fields)
	p.Head, p.Method, p.Target, p.HostPort, p.Host, p.Upgrade = nil, nil, nil, nil, nil, nil
}

// beginRequest makes the exchange of the request that was parsed.
func (c *capture) beginRequest(head []byte) {
	q := &c.req
	start := q.start
	q.held, q.start = nil, time.Time{}
	if len(c.queue) >= maxQueue {
		c.last.noteLocked("more than %d requests wait for a response; what follows on this connection is not shown", maxQueue)
		c.changed(c.last, 0)
		q.state = ignoring
		return
	}
	r := c.adopt(start)
	if r == nil {
		r = c.begin(KindHTTP, start)
	}
	q.r = r
	q.target, q.host = same(q.target, q.parsed.Target), same(q.host, q.parsed.HostPort)
	r.sum.Method, r.sum.Target, r.sum.Host = methodName(q.parsed.Method), q.target, q.host
	r.sum.Proto = protoName(q.parsed.Minor)
	r.upgrade = q.parsed.Upgrade != nil
	r.websocket = q.parsed.UpgradesTo("websocket")
	c.takeHead(r, &r.req, head, q.parsed.Framing, q.parsed.ContentLength)
	c.changed(r, int64(len(r.sum.Target)+len(r.sum.Host)))
	q.body = q.parsed.Body()
	q.state = inBody
	if q.body.Done() {
		c.endRequest(true)
	}
	if c.res.over {
		c.unanswered(r)
	}
}

// adopt returns the record of a response that was seen before its request, if there
// is one.
func (c *capture) adopt(start time.Time) *record {
	if len(c.orphans) == 0 {
		return nil
	}
	r := c.orphans[0]
	c.orphans = c.orphans[1:]
	if r.rare != nil {
		r.rare.notes = slices.DeleteFunc(r.rare.notes, func(s string) bool { return s == noteOrphan })
	}
	r.reqDone = false
	r.sum.End = time.Time{}
	if start.Before(r.sum.Start) {
		r.sum.Start = start
	}
	return r
}

// takeHead keeps the bytes of a head.
func (c *capture) takeHead(r *record, m *message, head []byte, framing http1.Framing, length int64) {
	m.headSize = len(head)
	m.size += int64(len(head))
	m.chunked = framing == http1.Chunked
	want := int64(-1)
	switch framing {
	case http1.NoBody:
		want = 0
	case http1.Length:
		m.length = length
		want = min(length, c.store.bodySize)
	}
	c.changed(r, r.keepLocked(c.store.arena, m, head, want))
}

// requestBody reads bytes of a body and returns what follows it.
func (c *capture) requestBody(p []byte) (rest []byte) {
	q := &c.req
	for len(p) > 0 && !q.body.Done() {
		n, _, err := c.step(q.r, &q.r.req, &q.body, &q.trailer, p)
		p = p[n:]
		if err != nil {
			q.r.failLocked("the body of the request is broken: %v", err)
			q.r.noteLocked("after byte %d of the request, what follows is shown as it came", q.r.req.size)
			q.state = inRaw
			c.changed(q.r, 0)
			return p
		}
	}
	if q.body.Done() {
		c.endRequest(true)
	}
	return p
}

// endRequest finishes the request under way.
func (c *capture) endRequest(complete bool) {
	q := &c.req
	c.takeTrailer(q.r, &q.r.req, &q.trailer)
	q.state = inHead
	switch {
	case q.r.switched != 0:
		q.state = q.r.switched
		return
	case q.r.upgrade && complete && !q.r.resDone:
		q.state = waiting
	}
	c.finishRequest(q.r, complete)
}

// rawRequest shows bytes that are not a request.
func (c *capture) rawRequest(b []byte, why string) {
	q := &c.req
	if len(c.queue) >= maxQueue {
		q.state = ignoring
		return
	}
	r := c.adopt(q.start)
	if r == nil {
		r = c.begin(KindRaw, q.start)
	}
	r.sum.Kind = KindRaw
	r.noteLocked("the request could not be read: %s", why)
	q.r, q.state = r, inRaw
	c.keepPayload(r, &r.req, b, -1)
	q.held, q.start = nil, time.Time{}
	if c.res.over {
		c.unanswered(r)
	}
}

// endRequests takes the end of the visitor's direction.
func (c *capture) endRequests(err error) {
	q := &c.req
	if q.ended {
		return
	}
	q.ended, q.endErr = true, err
	switch q.state {
	case inHead:
		if len(bytes.Trim(q.held, "\r\n")) > 0 {
			c.rawRequest(q.held, "it ended before its head was complete")
			c.endRaw(err)
		}
	case inBody:
		q.r.failLocked("%s%s", q.r.req.cutOff("the request", q.body.Framing()), because(err))
		c.endRequest(false)
	case inRaw, opaque, inFrames:
		c.endRaw(err)
	}
	if err != nil {
		for _, r := range c.queue {
			r.failLocked("the visitor's connection broke%s", because(err))
			c.changed(r, 0)
		}
	}
	if q.state != waiting {
		q.state = ignoring
	}
}

// endRaw finishes a request that ends with its direction.
func (c *capture) endRaw(err error) {
	r := c.req.r
	if err != nil {
		r.failLocked("the visitor's connection broke%s", because(err))
	}
	c.finishRequest(r, r.readRareLocked().failure == "")
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf(": %v", err)
}

// same returns b as a string, which is last if that says the same.
func same(last string, b []byte) string {
	if string(b) == last {
		return last
	}
	return string(b)
}

// methodName saves the memory of the usual methods.
func methodName(b []byte) string {
	for _, m := range [...]string{"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"} {
		if string(b) == m {
			return m
		}
	}
	return string(b)
}

func protoName(minor int) string {
	if minor == 0 {
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}
