package inspect

// accept turns a connection over to the protocol that the request asked for.
func (c *capture) accept(r *record, head []byte) {
	q := &c.res
	q.r = r
	r.sum.Status, r.sum.Reason = 101, string(q.parsed.Reason)
	r.res.headSize, r.res.size = len(head), int64(len(head))
	c.changed(r, r.keepLocked(c.store.arena, &r.res, head, 0))

	r.sum.Kind, r.switched = KindUpgrade, opaque
	if r.websocket {
		r.sum.Kind, r.switched = KindWebSocket, inFrames
		_, fields := parseHead(head)
		// A websocket has no other body, so it may keep as much as two of them.
		r.ws = newWSTimeline(2*c.store.bodySize, fields)
		c.req.frames = &wsParser{dir: FromVisitor, keep: c.store.bodySize}
		q.frames = &wsParser{dir: FromService, keep: c.store.bodySize}
		r.ws.parsers = [2]*wsParser{c.req.frames, q.frames}
	}
	q.state = r.switched
	if c.req.r != r || c.req.state != waiting {
		return // the request's body is still under way
	}
	held := c.req.held
	c.req.state, c.req.held = r.switched, nil
	r.reqDone, r.req.complete = false, false
	c.feedRequest(held)
	c.endAgain()
}

// refuseUpgrade goes on with HTTP after an upgrade that was not accepted.
func (c *capture) refuseUpgrade(r *record) {
	if c.req.state != waiting || c.req.r != r {
		return
	}
	held := c.req.held
	c.req.state, c.req.held = inHead, nil
	c.feedRequest(held)
	c.endAgain()
}

// endAgain ends the visitor's direction, if it ended while its bytes were held.
func (c *capture) endAgain() {
	if c.req.ended && c.req.state != waiting {
		c.req.ended = false
		c.endRequests(c.req.endErr)
	}
}

// hold keeps bytes of the visitor until the response to an upgrade says what they are.
func (c *capture) hold(p []byte) {
	q := &c.req
	if len(q.held)+len(p) > maxEarly {
		q.r.noteLocked("the visitor sent more than %d KiB before the upgrade was answered; that and what follows is not shown", maxEarly>>10)
		c.changed(q.r, 0)
		q.held, q.state = nil, ignoring
		return
	}
	q.held = append(q.held, p...)
}

// feedFrames reads bytes of a websocket.
func (c *capture) feedFrames(w *wsParser, r *record, m *message, p []byte) {
	m.size += int64(len(p))
	if r.full && w.keep > 0 {
		w.stopKeeping()
	}
	w.feed(p, c.clock(), func(item wsItem) {
		if r.ws != nil {
			r.ws.passed += item.size
			r.ws.add(item)
		}
	})
	if w.broken != "" {
		r.failLocked("the websocket's framing is broken")
		r.noteLocked("%s", w.broken)
	}
	c.settleStream(r)
}

// feedEvents reads payload of an event stream.
func (c *capture) feedEvents(r *record, p []byte) {
	if r.full {
		return
	}
	c.res.events.feed(p, c.clock(), r.events.add)
	c.settleStream(r)
}

// settleStream accounts for what messages and events hold, the unfinished as well.
func (c *capture) settleStream(r *record) {
	held := int64(0)
	if r.ws != nil {
		held = r.ws.kept + c.req.frames.held + c.res.frames.held
	}
	if r.events != nil {
		held = r.events.kept
		if c.res.r == r && c.res.events != nil {
			held += c.res.events.held()
		}
	}
	if r.rare == nil && held == 0 {
		return
	}
	c.changed(r, held-r.rareLocked().streamHeld)
	r.rare.streamHeld = held
}
