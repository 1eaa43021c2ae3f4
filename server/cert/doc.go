// Package cert gives ngrokd the certificate of its TLS listeners: one that its own
// authority makes and renews ([Own]), one read from files that may change under it
// ([Files]), or one that was baked into the program ([Development]). [Open] chooses
// between them. [ACME] goes before these, with certificates that an authority issues
// for each name.
//
// All but ACME start no goroutine: a handshake that finds a check due does it, at
// most one a second, while the others go on with the certificate at hand. All of
// their methods may be called concurrently.
package cert

import (
	"crypto/tls"
	"time"
)

// Source is what every source of a certificate offers. It fits
// [tls.Config.GetCertificate].
type Source interface {
	// GetCertificate returns the certificate to present now. The hello may be nil.
	GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error)

	// RootPEM returns the root that a client has to trust, as PEM, or nil when the
	// source does not know it: then the client is expected to know it already, as
	// it does the public authorities.
	RootPEM() []byte

	// Fingerprint returns the hash of the certificate's public key as a client's
	// server_fingerprint takes it: "sha256:" and 64 hexadecimal digits.
	Fingerprint() string

	// NotAfter returns when the certificate presented now expires.
	NotAfter() time.Time

	// Covers says whether clients and browsers accept the certificate for name, a
	// host name or an IP address. It does not look at the dates.
	Covers(name string) bool
}
