package server

import (
	"errors"
	"net"
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
		return v.refuse(noAnswer(v.stay.lost, errPoolClosed))
	case a == nil:
		return v.refuse(notFound(displayHost(v.req.HostPort)))
	}
	if v.flight != nil {
		if err := v.leave(); err != nil {
			return err
		}
	}
	if err := v.server.wait(&v.stay, a, conn.BufferSize); err != nil {
		v.server.logger.Debug("visitor waited in vain", "host", displayHost(v.req.HostPort), "why", err)
		return v.refuse(reconnecting(v.scheme+"://"+displayHost(v.req.HostPort), v.server.config.Park))
	}
	return errPoolClosed
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
