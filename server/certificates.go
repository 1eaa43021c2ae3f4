package server

import (
	"bytes"
	"context"
	"net/http"

	"ngrok/conn"
	"ngrok/server/auth"
)

// acmeTLS is the ALPN protocol of the TLS-ALPN-01 challenge (RFC 8737 section 4): the
// whole of the answer is the certificate, so a connection that speaks it ends after the
// handshake.
const acmeTLS = "acme-tls/1"

// challengePath begins the path of HTTP-01 challenges (RFC 8555 section 8.3).
const challengePath = "/.well-known/acme-challenge/"

// Certificates gets certificates for names while the server runs. Config.TLS shows them
// and the answers to TLS-ALPN-01 challenges; the server lends it the rest.
type Certificates interface {
	// Run works until ctx ends, then returns when nothing it started is left. owner
	// tells whose a name is for which a certificate may be asked for, "" for others; it
	// does not block. All who were admitted without a token count as one.
	Run(ctx context.Context, owner func(host string) string)

	// HTTPChallenge returns what to answer to a request for path of host, or false
	// when it is no pending HTTP-01 challenge (RFC 8555 section 8.3).
	HTTPChallenge(host, path string) (body string, pending bool)
}

// strangers stands for the owner of the names of all clients without a token.
const strangers = "clients without a token"

// certificateOwner returns whose host is if a certificate may be asked for it, "" if not: a
// tunnel has it now, or had it and it is reserved, or it is the domain. What is merely
// within a reserved pattern does not count, since anybody can make up such names.
func (s *Server) certificateOwner(host string) string {
	if host == s.domain {
		return host
	}
	owner := s.registry.heldBy(host)
	if owner == "" && s.policies.Current().NameReserved(host, s.domain) {
		owner, _ = s.registry.memory.owner(host)
	}
	if owner != "" && !auth.IsToken(owner) {
		return strangers
	}
	return owner
}

// isChallenge reports whether the handshake of leg was all that its peer wanted.
func isChallenge(leg *conn.Conn) bool {
	t := leg.TLS()
	return t != nil && t.ConnectionState().NegotiatedProtocol == acmeTLS
}

// challenge returns the answer to a certificate authority that asks about a name.
func (v *httpVisit) challenge() (answer, bool) {
	c := v.server.config.Certificates
	if c == nil || v.scheme != "http" || !bytes.HasPrefix(v.req.Target, []byte(challengePath)) || string(v.req.Method) != http.MethodGet {
		return answer{}, false
	}
	body, pending := c.HTTPChallenge(string(v.req.Host), string(v.req.Target))
	return answer{status: http.StatusOK, plain: body}, pending
}
