package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"ngrok/conn"
	"ngrok/conn/http1"
)

const (
	// headTimeout is how long a visitor may take for the first head from the moment
	// it connects, and for each head once it has begun.
	headTimeout = 10 * time.Second

	// idleTimeout is how long a visitor's connection is kept between two requests.
	idleTimeout = 120 * time.Second

	// bodyTimeout is how long a visitor may pause within a request's body.
	bodyTimeout = 120 * time.Second

	// lingerTime and lingerBytes limit what is read from a visitor that still sends
	// when all is over for it: closing at once would destroy what it has not read.
	lingerTime  = 3 * time.Second
	lingerBytes = 1 << 20

	// skipBytes is how much body of a refused request is read to keep the connection.
	skipBytes = 64 << 10

	// unaskedTime is how long the answer to a refused request waits for its chunked body.
	unaskedTime = time.Second
)

// httpVisit is one visitor's connection on the http or https port: a sequence of
// requests, each routed and authorised by itself. Its goroutine owns the connection
// and reads it; the answers are written by the run of the proxy connection in use.
type httpVisit struct {
	server *Server
	flow   *flow
	leg    *conn.Conn
	from   origin
	scheme string

	scan   http1.HeadScanner
	req    http1.Request
	flight *flight // the proxy connection in use; nil when there is none
	stay   stay    // the wait of this request for a client
}

// acceptHTTP takes a visitor of the http or https port.
func (s *Server) acceptHTTP(scheme string, nc net.Conn) {
	if s.sheds(scheme, nc) {
		return
	}
	leg := conn.NewConn(nc)
	from := s.originOf(nc)
	fl := s.flows.add(leg)
	if fl == nil {
		leg.Reset()
		return
	}
	if !s.admit(fl, from) {
		s.leave(fl)
		leg.Reset()
		return
	}
	s.serving.Go(func() {
		leg.SetReadDeadline(time.Now().Add(headTimeout))
		serve := s.greet(scheme, fl, from)
		switch {
		case serve == nil:
			s.leave(fl)
		case scheme == "https":
			// In a goroutine whose stack the handshake has not made large.
			s.serving.Go(func() { defer s.leave(fl); serve(fl) })
		default:
			defer s.leave(fl)
			serve(fl)
		}
	})
}

// greet finds out who a visitor of the http or https port is. It returns what serves the
// visitor from here on, owning its connection, or nil when that has ended.
func (s *Server) greet(scheme string, fl *flow, from origin) (serve func(*flow)) {
	leg := fl.leg
	from, err := s.readProxyHeader(fl, from, false)
	if err != nil {
		s.logger.Debug("visitor turned away", "addr", leg.RemoteAddr(), "err", err)
		leg.Release()
		leg.Reset()
		return nil
	}
	if scheme == "https" {
		return s.greetTLS(leg, from)
	}
	return func(fl *flow) { s.serveHTTP(scheme, fl, leg, from) }
}

// serveHTTP owns the visitor's connection and closes it.
func (s *Server) serveHTTP(scheme string, fl *flow, leg *conn.Conn, from origin) {
	conn.GrowStack()
	defer s.metrics.visit(scheme)()
	v := &httpVisit{server: s, flow: fl, leg: leg, from: from, scheme: scheme}
	v.serve()
}

var (
	// errHangUp ends a visitor's connection without another word.
	errHangUp = errors.New("hang up")
	// errEnded says that the connection has left HTTP and both directions have ended.
	errEnded = errors.New("ended")
)

// serve answers requests until the connection ends.
func (v *httpVisit) serve() {
	err := v.serveRequests()
	v.stay.done()
	if v.flight != nil {
		err = v.flight.finish(err)
	}
	switch {
	case errors.Is(err, errHangUp):
		linger(v.leg, lingerTime)
	case errors.Is(err, errEnded):
		v.leg.Close()
	default:
		v.leg.Release()
		v.leg.Reset()
	}
}

// serveRequests returns errHangUp when the connection is to be closed, errEnded when both
// its directions have ended already, and another error when it is to be aborted.
func (v *httpVisit) serveRequests() error {
	for {
		if err := v.readHead(); err != nil {
			return v.failHead(err)
		}
		err := v.route()
		for errors.Is(err, errPoolClosed) {
			err = v.route() // the tunnel's client has gone before it heard of the request
		}
		if v.stay != (stay{}) {
			v.stay.done()
			v.stay = stay{}
		}
		if err != nil {
			return err
		}
	}
}

// route answers the request whose head is unread. The error is errPoolClosed when
// nothing has happened to it.
func (v *httpVisit) route() error {
	t := v.server.registry.lookup(v.scheme, v.req.Host)
	if a, ok := v.challenge(); ok {
		return v.refuse(a)
	}
	if t == nil {
		return v.await()
	}
	if a, away := v.turnsAway(t); away {
		return v.refuse(a)
	}
	return v.forward(t)
}

// await waits for the client of a tunnel that is away, and returns errPoolClosed when
// it is worth while to look again. It answers the request when there is none, or when
// it takes too long.
func (v *httpVisit) await() error {
	t, a := v.server.registry.find(v.scheme, v.req.Host)
	switch {
	case t != nil:
		return errPoolClosed // it came back at this moment
	case a == nil && v.stay.lost != nil:
		v.stay.done()
		return v.refuse(noAnswer(v.stay.lost, errPoolClosed))
	case a == nil:
		v.stay.done()
		return v.refuse(notFound(displayHost(v.req.HostPort)))
	}
	if v.flight != nil {
		if err := v.leave(); err != nil {
			return err
		}
	}
	if err := v.server.wait(&v.stay, a, conn.BufferSize); err != nil {
		v.server.logger.Debug("visitor waited in vain", "host", displayHost(v.req.HostPort), "why", err)
		v.stay.done()
		return v.refuse(reconnecting(v.scheme+"://"+displayHost(v.req.HostPort), v.server.config.Park))
	}
	return errPoolClosed
}

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

// refuse answers a request that reaches no tunnel. The connection goes on if the rest
// of the request is short.
func (v *httpVisit) refuse(a answer) error {
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

// leave ends the use of the proxy connection, once all requests sent down it have been
// answered, so that the server can speak for itself or another tunnel can.
func (v *httpVisit) leave() error {
	if v.flight == nil {
		return nil
	}
	f := v.flight
	v.flight = nil
	return f.leave()
}

// displayHost returns a host for a page: what the visitor sent, but never much of it.
func displayHost(host []byte) string {
	const most = 255
	return string(host[:min(len(host), most)])
}
