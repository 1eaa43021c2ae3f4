package server

import (
	"errors"
	"net/http"
	"time"

	"ngrok/conn"
	"ngrok/conn/http1"
)

// greetTLS meets a visitor of the https port: the name in its ClientHello leads to a tls
// tunnel, which gets the bytes as they are, or TLS ends here. It returns what greet does.
func (s *Server) greetTLS(leg *conn.Conn, from origin) (serve func(*flow)) {
	host, err := readHello(leg)
	if errors.Is(err, errNoHello) && speaksHTTP(leg.Buffered()) {
		s.refusePlain(leg)
		return nil
	}
	if err != nil && !errors.Is(err, errNoHello) {
		leg.Release()
		leg.Reset()
		return nil
	}
	find := func() (*tunnel, *absence) { return s.registry.find("tls", []byte(host)) }
	if t, away := find(); t != nil || away != nil {
		leg.SetReadDeadline(time.Time{})
		return func(*flow) { s.serveRaw("tls", leg, from, find) }
	}
	secure := leg.SecureServer(s.publicTLS) // has the right words for what is no hello
	if secure.TLS().Handshake() != nil {
		secure.Release()
		secure.Reset()
		return nil
	}
	if isChallenge(secure) {
		secure.Close()
		return nil
	}
	s.tidy.Handshake()
	return func(fl *flow) { s.serveHTTP("https", fl, secure, from) }
}

// speaksHTTP reports whether b begins like a request in plain HTTP.
func speaksHTTP(b []byte) bool {
	for i, c := range b {
		switch {
		case c == ' ':
			return i > 0
		case c < 'A' || c > 'Z' || i >= 32:
			return false
		}
	}
	return len(b) > 0
}

// refusePlain tells a visitor that spoke http to the https port what is wrong.
func (s *Server) refusePlain(leg *conn.Conn) {
	defer s.metrics.visit("https")()
	a := answer{
		status: http.StatusBadRequest,
		title:  "Plain HTTP was sent to the https port",
		hint:   "Write https:// instead of http:// in the address.",
	}
	leg.SetWriteDeadline(time.Now().Add(lingerTime))
	leg.Write(a.append(nil, &http1.Request{}, true))
	linger(leg, lingerTime)
}
