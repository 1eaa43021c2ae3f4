package cert

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxFile bounds what is read of one certificate or key file, in bytes. A chain of
// ten RSA certificates takes about 20 KiB.
const maxFile = 1 << 20

// Pair is a certificate chain with its private key. It never changes.
type Pair struct {
	certificate tls.Certificate // Leaf is set
	root        []byte          // PEM; nil when unknown
}

// ParsePair reads a chain, leaf first, and the leaf's private key, both PEM. An
// error says what is wrong with them in words for the operator.
func ParsePair(certPEM, keyPEM []byte) (*Pair, error) {
	chain, err := parseChain(certPEM)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, err
	}
	p := &Pair{certificate: tls.Certificate{PrivateKey: key, Leaf: chain[0]}}
	for _, c := range chain {
		p.certificate.Certificate = append(p.certificate.Certificate, c.Raw)
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(chain[0].PublicKey) {
		return nil, errors.New("the private key does not belong to the certificate: name the key that the certificate was requested with, " +
			"and a chain file that starts with the server's own certificate")
	}
	// A chain that brings its root along tells what a client needs; one that
	// leads to a public authority ends with an intermediate.
	if last := chain[len(chain)-1]; bytes.Equal(last.RawSubject, last.RawIssuer) {
		p.root = encodeCertificate(last.Raw)
	}
	return p, nil
}

// GetCertificate returns the pair. It never fails.
func (p *Pair) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return &p.certificate, nil
}

// RootPEM returns the self-signed end of the chain, or nil when it has none.
func (p *Pair) RootPEM() []byte { return bytes.Clone(p.root) }

// Fingerprint returns the hash of the leaf's public key; see [Source].
func (p *Pair) Fingerprint() string { return fingerprint(p.certificate.Leaf) }

// NotAfter returns when the leaf expires.
func (p *Pair) NotAfter() time.Time { return p.certificate.Leaf.NotAfter }

// Covers says whether the leaf is for name; see [Source].
func (p *Pair) Covers(name string) bool { return p.certificate.Leaf.VerifyHostname(name) == nil }

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func parseChain(data []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	other := ""
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			other = block.Type
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the certificate cannot be read: %w", err)
		}
		chain = append(chain, c)
	}
	switch {
	case len(chain) > 0:
		return chain, nil
	case strings.HasSuffix(other, "PRIVATE KEY"):
		return nil, errors.New("there is a private key where the certificate should be: are -tlsCrt and -tlsKey swapped?")
	case other != "":
		return nil, fmt.Errorf("there is %q where the certificate should be: a PEM file with BEGIN CERTIFICATE is needed", other)
	default:
		return nil, errors.New("there is no certificate: a PEM file with BEGIN CERTIFICATE is needed " +
			"(a DER file becomes one with: openssl x509 -inform der -in FILE -out FILE.pem)")
	}
}

func parseKey(data []byte) (crypto.Signer, error) {
	other := ""
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, errors.New("the private key is encrypted: store it decrypted, readable to ngrokd's user alone (openssl pkey -in FILE -out FILE.plain)")
		}
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			other = block.Type
			continue
		}
		key, err := parseKeyDER(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the private key cannot be read: %w", err)
		}
		return key, nil
	}
	if other == "CERTIFICATE" {
		return nil, errors.New("there is a certificate where the private key should be: are -tlsCrt and -tlsKey swapped?")
	}
	return nil, errors.New("there is no private key: a PEM file with BEGIN PRIVATE KEY is needed")
}

func parseKeyDER(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T cannot sign", key)
	}
	return signer, nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
