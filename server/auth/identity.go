package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Identity is who a peer is. It is made by [Policy.Authenticate], holds no secret, and
// is never changed, so that sessions may share it.
type Identity struct {
	// Name is for logs and pages: a token's name, "anon-" with a short number, or
	// "nobody".
	Name string

	// Key is what names and ports are remembered under, the same at every login
	// and after a token was replaced: "token:NAME" or "anon:HASH". It is empty for
	// nobody, a peer that sent nothing, which owns names only while it is connected.
	Key string

	hash  Hash // of the token, when it is one of the policy's
	token bool
}

// keyToken begins the keys of identities that a token stands for.
const keyToken = "token:"

// IsToken reports whether key is that of an identity that a token of the operator's stands
// for, and not one that its client has made up.
func IsToken(key string) bool { return strings.HasPrefix(key, keyToken) }

// Nobody reports whether the peer sent nothing to be known by.
func (id *Identity) Nobody() bool { return id.Key == "" }

// Anonymous reports whether the peer was admitted without a token of the policy.
func (id *Identity) Anonymous() bool { return !id.token }

// anonymous derives an identity from what a peer without a known token sent. The same
// text gives the same identity.
func anonymous(user, password string) *Identity {
	if user == "" && password == "" {
		return &Identity{Name: "nobody"}
	}
	h := sha256.New()
	h.Write([]byte("ngrokd anonymous identity\x00" + user + "\x00" + password))
	sum := hex.EncodeToString(h.Sum(nil)[:16])
	return &Identity{Name: "anon-" + sum[:8], Key: "anon:" + sum}
}
