package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const (
	sessionPublicBytes = 12 // of the public part of a session id
	sessionKeyBytes    = 32
)

// sessionID is what a client knows as its ClientId: a public part and a MAC by the
// server's key over it and the identity that it was made for. Whoever has it may
// resume the session and register proxy connections for it, also after a restart of
// the server, which keeps no list of them.
type sessionID string

// public returns the part that may be shown and logged.
func (id sessionID) public() string {
	public, _, _ := strings.Cut(string(id), ".")
	return public
}

// sessionKey makes and checks session ids.
type sessionKey []byte

func newSessionKey() sessionKey {
	key := make([]byte, sessionKeyBytes)
	rand.Read(key)
	return key
}

// issue returns a new session id for the identity with that key.
func (k sessionKey) issue(identity string) sessionID {
	b := make([]byte, sessionPublicBytes)
	rand.Read(b)
	public := base64.RawURLEncoding.EncodeToString(b)
	return k.sign(public, identity)
}

// valid reports whether id was issued for the identity with that key.
func (k sessionKey) valid(id sessionID, identity string) bool {
	public := id.public()
	if len(public) != base64.RawURLEncoding.EncodedLen(sessionPublicBytes) {
		return false
	}
	return hmac.Equal([]byte(id), []byte(k.sign(public, identity)))
}

func (k sessionKey) sign(public, identity string) sessionID {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(public + "\x00" + identity))
	return sessionID(public + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
}
