package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"ngrok/conn"
	"ngrok/conn/http1"
)

// readHead waits for the next request and parses its head, which stays unread in
// the leg.
func (v *httpVisit) readHead() error {
	v.scan.Reset()
	for began := false; ; {
		b := v.leg.Buffered()
		start, end, err := v.scan.Scan(b)
		if err != nil {
			return err
		}
		if end > 0 {
			v.flow.idle.Store(false)
			err := http1.ParseRequest(&v.req, b[start:end], v.scan.Limits)
			v.leg.Consume(start)
			return err
		}
		v.flow.idle.Store(len(b) == 0)
		if len(b) == 0 && v.server.flows.ending() && (v.flight == nil || v.flight.answered()) {
			return errHangUp
		}
		if len(b) > 0 && !began {
			began = true
			v.setReadDeadline(headTimeout)
		}
		if err := v.leg.Fill(); err != nil {
			if err = v.readOn(err); err != nil {
				return err
			}
		}
	}
}

// readOn returns nil if the head can still come after that error.
func (v *httpVisit) readOn(err error) error {
	switch partial := len(v.leg.Buffered()) > 0; {
	case errors.Is(err, conn.ErrFull):
		return &http1.Error{Status: http.StatusRequestHeaderFieldsTooLarge, Reason: "the request's head is too large"}
	case !errors.Is(err, os.ErrDeadlineExceeded) || v.flight == nil:
		return err
	case v.flight.isOver():
		// It was the end of the proxy connection's use that woke us. What the visitor
		// asks next, or has asked at the same moment, goes down another one.
		v.leg.SetReadDeadline(time.Now().Add(headTimeout))
		if !partial {
			v.leg.TryFill()
		}
		if len(v.leg.Buffered()) == 0 {
			if !v.flight.wasOutlived() || v.server.flows.ending() {
				return errHangUp
			}
			v.leg.SetReadDeadline(time.Now().Add(idleTimeout))
		}
		return v.leave()
	case !partial && v.flight.waitLonger():
		return nil // the answer to the last request is still under way
	default:
		return err
	}
}

// setReadDeadline limits the next reads of the visitor, unless the use of the proxy
// connection is over: then they are to return at once.
func (v *httpVisit) setReadDeadline(d time.Duration) {
	v.leg.SetReadDeadline(time.Now().Add(d))
	if v.flight != nil && v.flight.isOver() {
		v.leg.SetReadDeadline(past)
	}
}

// past is a deadline that wakes whoever reads.
var past = time.Unix(1, 0)

// failHead says what is wrong with a head that could not be read.
func (v *httpVisit) failHead(err error) error {
	var bad *http1.Error
	switch partial := len(v.leg.Buffered()) > 0; {
	case errors.Is(err, errHangUp), errors.Is(err, http1.ErrHTTP2Preface):
		return errHangUp
	case errors.As(err, &bad):
		return v.refuseLast(refused(bad))
	case errors.Is(err, os.ErrDeadlineExceeded) && partial:
		return v.refuseLast(refused(&http1.Error{Status: http.StatusRequestTimeout, Reason: "the request's head did not arrive in time"}))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && !partial, errors.Is(err, os.ErrDeadlineExceeded):
		if v.flight != nil && err == io.EOF {
			return v.flight.halfClose()
		}
		return errHangUp
	default:
		return err
	}
}
