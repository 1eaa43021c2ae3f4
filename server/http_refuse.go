package server

import (
	"time"

	"ngrok/conn/http1"
)

const (
	// lingerTime and lingerBytes limit what is read from a visitor that still sends
	// when all is over for it: closing at once would destroy what it has not read.
	lingerTime  = 3 * time.Second
	lingerBytes = 1 << 20

	// skipBytes is how much body of a refused request is read to keep the connection.
	skipBytes = 64 << 10

	// unaskedTime is how long the answer to a refused request waits for its chunked body.
	unaskedTime = time.Second
)

// refuse answers a request that reaches no tunnel. The connection goes on if the rest
// of the request is short.
func (v *httpVisit) refuse(a answer) error {
	v.stay.done() // who waits behind this one need not wait for what it sends
	if err := v.leave(); err != nil {
		return err
	}
	body := v.req.Body()
	keep := !v.req.Close && !v.server.flows.closing.Load() && !v.req.Expect100 && v.req.ContentLength <= skipBytes
	b, last := a.append(nil, &v.req, !keep), a.append(nil, &v.req, true)
	if keep {
		v.leg.Consume(len(v.req.Head))
	}
	// How long a chunked body is has to be known before the answer promises to go on:
	// a proxy in front takes it at its word.
	if keep && v.req.ContentLength < 0 && v.skip(&body, unaskedTime) != nil {
		keep, b = false, last
	}
	v.leg.SetWriteDeadline(time.Now().Add(bodyTimeout))
	_, err := v.leg.Write(b)
	v.leg.SetWriteDeadline(time.Time{})
	if err != nil {
		return err
	}
	if !keep || v.skip(&body, headTimeout) != nil {
		return errHangUp
	}
	v.leg.SetReadDeadline(time.Now().Add(idleTimeout))
	return nil
}

// refuseLast answers something that is no request, or none that can be skipped.
func (v *httpVisit) refuseLast(a answer) error {
	if err := v.leave(); err != nil {
		return err
	}
	v.leg.SetWriteDeadline(time.Now().Add(lingerTime))
	v.leg.Write(a.append(nil, &http1.Request{}, true))
	return errHangUp
}

// skip reads a body that nobody wants, at most skipBytes of it and not for longer than
// within.
func (v *httpVisit) skip(body *http1.Body, within time.Duration) error {
	v.leg.SetReadDeadline(time.Now().Add(within))
	for total := 0; !body.Done(); {
		b := v.leg.Buffered()
		if len(b) == 0 {
			if err := v.leg.Fill(); err != nil {
				return err
			}
			continue
		}
		n, _, err := body.Next(b)
		v.leg.Consume(n)
		if total += n; err != nil || total > skipBytes {
			return errHangUp
		}
	}
	return nil
}

// displayHost returns a host for a page: what the visitor sent, but never much of it.
func displayHost(host []byte) string {
	const most = 255
	return string(host[:min(len(host), most)])
}
