package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Pin is the SHA-256 of a public key in the form of certificates
// (SubjectPublicKeyInfo, RFC 5280, section 4.1).
type Pin [sha256.Size]byte

// PinOf returns the pin of the key of a certificate.
func PinOf(c *x509.Certificate) Pin { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// String returns the pin as "sha256:" and 64 hexadecimal digits.
func (p Pin) String() string { return "sha256:" + hex.EncodeToString(p[:]) }

// ParseFingerprint reads what String writes. It also takes the digits in capitals or
// with colons between the bytes, and base64 in their place.
func ParseFingerprint(s string) (Pin, error) {
	var pin Pin
	name, value, found := strings.Cut(strings.TrimSpace(s), ":")
	if !found || !strings.EqualFold(name, "sha256") {
		return pin, fmt.Errorf("%q does not start with sha256: – copy the fingerprint that ngrokd printed", clip(s))
	}
	// The two slashes are how some tools write a pin in base64.
	value = strings.TrimPrefix(value, "//")
	raw, err := hex.DecodeString(strings.ReplaceAll(value, ":", ""))
	if err != nil || len(raw) != len(pin) {
		unpadded := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(value), "=")
		raw, err = base64.RawStdEncoding.Strict().DecodeString(unpadded)
	}
	if err != nil || len(raw) != len(pin) {
		return pin, fmt.Errorf("%q is not sha256: and 64 hexadecimal digits – copy the fingerprint that ngrokd printed", clip(s))
	}
	return Pin(raw), nil
}

// clip keeps a message short whatever is in a file.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

// PinError says that the server showed no key with the pinned fingerprint.
type PinError struct {
	Want, Got Pin // Got is that of the server's own certificate
}

func (e *PinError) Error() string {
	return fmt.Sprintf("the server's key is %s, pinned is %s", e.Got, e.Want)
}

// verify checks what a server for host presented, leaf first. The handshake itself has
// proven that the server has the leaf's key.
func (p Pin) verify(chain []*x509.Certificate, host string) error {
	if len(chain) == 0 {
		return errors.New("the server presented no certificate")
	}
	if PinOf(chain[0]) == p {
		return nil
	}
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, c := range chain[1:] {
		if PinOf(c) == p {
			roots.AddCert(c)
			found = true
		} else {
			others.AddCert(c)
		}
	}
	if !found {
		return &PinError{Want: p, Got: PinOf(chain[0])}
	}
	// Anybody can present a certificate with the pinned key in it; what the key
	// has signed proves that its owner is behind the leaf.
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, DNSName: host})
	return err
}
