package cert

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"sync"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// challenges are those that authorities are about to check. They are answered on the
// server's own ports; it does not matter who asks, for the answers are no secrets.
type challenges struct {
	mu   sync.RWMutex
	http map[httpChallenge]string // the key authorizations
	tls  map[string]*tls.Certificate
}

type httpChallenge struct{ host, path string }

func newChallenges() *challenges {
	return &challenges{http: make(map[httpChallenge]string), tls: make(map[string]*tls.Certificate)}
}

// answer returns the key authorization at path of host.
func (c *challenges) answer(host, path string) (string, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	body, ok := c.http[httpChallenge{host, path}]
	return body, ok
}

// wantsChallenge reports whether hello is that of a TLS-ALPN-01 check (RFC 8737).
func wantsChallenge(hello *tls.ClientHelloInfo) bool {
	return hello != nil && len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acmez.ACMETLS1Protocol
}

// certificate returns the one that answers the check of name.
func (c *challenges) certificate(name string) (*tls.Certificate, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if cert := c.tls[strings.ToLower(name)]; cert != nil {
		return cert, nil
	}
	return nil, fmt.Errorf("no challenge is pending for %q", name)
}

// httpSolver puts HTTP-01 challenges among the pending ones, tlsSolver TLS-ALPN-01 ones.
type (
	httpSolver struct{ *challenges }
	tlsSolver  struct{ *challenges }
)

// Present makes the server answer the challenge.
func (s httpSolver) Present(_ context.Context, c acme.Challenge) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.http[httpChallenge{c.Identifier.Value, c.HTTP01ResourcePath()}] = c.KeyAuthorization
	return nil
}

// CleanUp ends what Present began.
func (s httpSolver) CleanUp(_ context.Context, c acme.Challenge) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.http, httpChallenge{c.Identifier.Value, c.HTTP01ResourcePath()})
	return nil
}

// Present makes the server answer the challenge.
func (s tlsSolver) Present(_ context.Context, c acme.Challenge) error {
	cert, err := acmez.TLSALPN01ChallengeCert(c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tls[c.Identifier.Value] = cert
	return nil
}

// CleanUp ends what Present began.
func (s tlsSolver) CleanUp(_ context.Context, c acme.Challenge) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tls, c.Identifier.Value)
	return nil
}
