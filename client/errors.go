package client

import (
	"errors"
	"fmt"
	"strings"
)

// RefusedError is what Run ends with when the server does not admit the user.
type RefusedError struct {
	Server string // its address
	Reason string // in the server's words
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the server %s refused this client: %s", e.Server, e.Reason)
}

// TunnelError is what Run ends with when the server does not grant a tunnel at the
// start, and what Open returns.
type TunnelError struct {
	Tunnel string // its name
	Reason string // in the server's words
}

func (e *TunnelError) Error() string {
	return fmt.Sprintf("the server did not grant the tunnel %s: %s", e.Tunnel, e.Reason)
}

// ErrNoSession is returned by Open while there is no session with the server.
var ErrNoSession = errors.New("there is no session with the server at the moment")

// ErrNoTunnel is returned by CloseTunnel when there is no tunnel of that name.
var ErrNoTunnel = errors.New("there is no tunnel of that name")

// ErrTunnelExists is returned by Open when there is a tunnel of that name already.
var ErrTunnelExists = errors.New("there is a tunnel of that name already")

// minSecret is the length in bytes from which a credential is looked for in what a server
// says: a shorter one would be found in ordinary words, and hiding these would tell it.
const minSecret = 6

// conceal hides credentials in a server's words, which go into logs and views: some servers
// quote what they refuse.
func conceal(words string, secrets ...string) string {
	for _, s := range secrets {
		if len(s) >= minSecret {
			words = strings.ReplaceAll(words, s, "[redacted]")
		}
	}
	return words
}

// reason returns a server's words about a tunnel without its passwords and the token.
func (c *Client) reason(t *Tunnel, words string) string {
	secrets := []string{c.config.AuthToken, c.config.Identity}
	for _, pair := range append([]string{t.HTTPAuth}, t.Users...) {
		_, password, _ := strings.Cut(pair, ":")
		secrets = append(secrets, password)
	}
	return conceal(words, secrets...)
}
