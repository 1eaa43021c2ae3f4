package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	// tokenPrefix makes a token recognisable to people and to secret scanners.
	tokenPrefix = "ngt_"
	// tokenBytes of randomness make guessing hopeless, which is why one plain
	// SHA-256 is enough to keep them by.
	tokenBytes = 24
	hashPrefix = "sha256:"
	// maxTokenName keeps names fit for one column of a listing.
	maxTokenName = 64
)

// Hash is the SHA-256 of a token: what the server keeps in its place.
type Hash [sha256.Size]byte

// NewToken makes a token of 192 random bits. Only its [HashToken] should be kept.
func NewToken() string {
	var b [tokenBytes]byte
	rand.Read(b[:]) // never fails
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// HashToken returns the hash of a token.
func HashToken(token string) Hash { return sha256.Sum256([]byte(token)) }

// ParseHash reads the form that [Hash.String] writes, "sha256:" and 64 hex digits.
func ParseHash(s string) (Hash, error) {
	var h Hash
	digits, ok := strings.CutPrefix(s, hashPrefix)
	if !ok || len(digits) != hex.EncodedLen(len(h)) {
		return Hash{}, errors.New("a token's hash is sha256: and 64 hex digits; ngrokd token new NAME writes one")
	}
	if _, err := hex.Decode(h[:], []byte(digits)); err != nil {
		return Hash{}, errors.New("a token's hash is sha256: and 64 hex digits; this one has other characters")
	}
	return h, nil
}

// String returns the hash as "sha256:" and 64 hex digits.
func (h Hash) String() string { return hashPrefix + hex.EncodeToString(h[:]) }

// equal compares in constant time.
func (h Hash) equal(other Hash) bool { return subtle.ConstantTimeCompare(h[:], other[:]) == 1 }

// CheckTokenName returns an error unless name is 1 to 64 letters, digits, dots, dashes,
// underscores or @, and begins with a letter or digit.
func CheckTokenName(name string) error {
	if name == "" || len(name) > maxTokenName {
		return fmt.Errorf("a token's name has 1 to %d characters", maxTokenName)
	}
	for i, c := range name {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune(".-_@", c)) {
			return fmt.Errorf("token name %q: use letters, digits, dots, dashes, underscores and @, a letter or digit first", name)
		}
	}
	return nil
}
