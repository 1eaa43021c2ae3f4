package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"ngrok/conn"
	"ngrok/conn/http1"
)

// forward sends the request whose head is unread in the leg to t's client, with its
// body as it comes.
func (v *httpVisit) forward(t *tunnel) error {
	upgrade := v.req.Upgrade != nil
	if f := v.flight; f != nil && (f.tunnel != t || upgrade || f.isOver()) {
		// An upgrade has a proxy connection to itself, so that the first response is
		// the answer to it.
		if err := v.leave(); err != nil {
			return err
		}
	}
	// A server that ends wants its visitors to connect anew.
	hangUp := v.req.Close || v.server.flows.closing.Load()
	body := limitedBody{Body: v.req.Body(), limit: t.options.maxBody}
	n, done, err := v.readyBytes(&body)
	if err != nil {
		return v.refuseLast(refused(asHTTPError(err)))
	}
	if err := v.launch(t, n); err != nil {
		return err
	}
	if v.flight == nil {
		return nil // refused, and its body skipped
	}
	if !done {
		if err := v.forwardBody(&body); err != nil {
			return err
		}
	}
	switch {
	case upgrade:
		return v.flight.upgrade()
	case hangUp:
		return v.flight.lastAnswers()
	}
	return nil
}

// readyBytes returns how many of the unread bytes are the head and what has arrived
// of the body, and whether that is all of it.
func (v *httpVisit) readyBytes(body *limitedBody) (n int, done bool, err error) {
	head := len(v.req.Head)
	b := v.leg.Buffered()
	if len(b) == head {
		return head, body.Done(), nil
	}
	m, done, err := body.Next(b[head:])
	return head + m, done, err
}

// launch sends the first n unread bytes, which begin with the request's head, down the
// proxy connection in use or a new one. When there is none it refuses the request and
// leaves the visit without a flight.
func (v *httpVisit) launch(t *tunnel, n int) error {
	if v.flight != nil {
		if err := v.flight.push(&v.req); err != nil {
			return err
		}
		return v.flight.send(v.leg, n)
	}
	c := t.control
	if err := v.server.policies.Current().TakeConnection(c.identity, c.account); err != nil {
		c.turnedAway(slog.LevelWarn, t.url, err)
		return v.refuse(answer{status: http.StatusServiceUnavailable, title: "This tunnel has too many visitors",
			hint: "Try again in a moment.", header: "Retry-After: 5\r\n"})
	}
	c.account.Up.Wait(v.server.running, n)
	f := newFlight(v, t)
	if err := f.push(&v.req); err != nil {
		return err
	}
	u, err := v.server.startUse(t, v.server.startProxy(t, v.from, &v.req), v.leg.Buffered()[:n], f, func(s *conn.Stream) { f.stream = s }, &v.stay)
	if err != nil {
		c.account.RemoveConnection()
		if errors.Is(err, errPoolClosed) {
			v.stay.lost = t
			return err
		}
		c.turnedAway(slog.LevelInfo, t.url, err)
		if f.stream != nil && !f.abort() {
			return err // an answer has begun to come all the same: another would be one too many
		}
		return v.refuse(noAnswer(t, err))
	}
	f.use = u
	v.flight = f
	c.addFlight(f)
	f.count.in.Inc(int64(n))
	v.leg.Consume(n)
	return nil
}

// forwardBody sends the rest of the request's body as it arrives.
func (v *httpVisit) forwardBody(body *limitedBody) error {
	f := v.flight
	for !body.Done() {
		b := v.leg.Buffered()
		if len(b) == 0 {
			v.setReadDeadline(bodyTimeout)
			if err := v.leg.Fill(); err != nil {
				return v.failBody(err)
			}
			continue
		}
		n, _, err := body.Next(b[:min(len(b), conn.MaxChunk)])
		if n > 0 {
			if err := f.send(v.leg, n); err != nil {
				return err
			}
		}
		if err != nil {
			if !f.abort() {
				return err
			}
			v.flight = nil
			f.tunnel.control.removeFlight(f)
			f.tunnel.control.account.RemoveConnection()
			return v.refuseLast(refused(asHTTPError(err)))
		}
	}
	return nil
}

// failBody says what becomes of a connection whose visitor did not send all of a body.
func (v *httpVisit) failBody(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && v.flight.isOver() {
		return errHangUp // the answer came before the request was complete
	}
	return fmt.Errorf("request body: %w", err)
}

func asHTTPError(err error) *http1.Error {
	var bad *http1.Error
	if errors.As(err, &bad) {
		return bad
	}
	return &http1.Error{Status: http.StatusBadRequest, Reason: "the request cannot be read"}
}
