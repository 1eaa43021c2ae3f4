package cert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"time"
)

const (
	// rootLife and leafLife are how long new certificates are valid. Browsers
	// refuse server certificates that live longer than 398 days.
	rootLife = 10 * 365 * 24 * time.Hour
	leafLife = 397 * 24 * time.Hour

	// backdate lets clients in whose clock is a little behind.
	backdate = time.Hour
)

// subject is what a certificate is made for.
type subject struct {
	name     string // shown to people
	dns      []string
	ips      []net.IP
	permDNS  []string     // the root may sign for these domains and what is below them
	permIPs  []*net.IPNet // and for these addresses
	leafLife time.Duration
}

// subjectOf returns the names of a server for domain, which ParseDomain returned.
func subjectOf(domain string) subject {
	s := subject{name: domain, leafLife: leafLife}
	if ip := net.ParseIP(domain); ip != nil {
		// Some verifiers hold a common name that looks like a host name
		// against the root's constraints.
		s.name = "address " + domain
		s.ips = []net.IP{ip}
		s.permIPs = []*net.IPNet{host(ip)}
		// A root without any constraint on DNS names could sign for all of
		// them; the domain invalid never exists (RFC 6761, section 6.4).
		s.permDNS = []string{"invalid"}
		return s
	}
	s.dns = []string{domain, "*." + domain}
	s.permDNS = []string{domain}
	return s
}

func host(ip net.IP) *net.IPNet {
	if v4 := ip.To4(); v4 != nil {
		return &net.IPNet{IP: v4, Mask: net.CIDRMask(32, 32)}
	}
	return &net.IPNet{IP: ip, Mask: net.CIDRMask(128, 128)}
}

func newKey() (crypto.Signer, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// makeRoot returns a self-signed authority, DER, that may sign for s alone.
func makeRoot(s subject, key crypto.Signer, now time.Time) ([]byte, error) {
	template := &x509.Certificate{
		Subject:                     pkix.Name{Organization: []string{"ngrokd"}, CommonName: clip("ngrokd authority of " + s.name)},
		NotBefore:                   now.Add(-backdate),
		NotAfter:                    now.Add(rootLife),
		IsCA:                        true,
		BasicConstraintsValid:       true,
		MaxPathLenZero:              true,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         s.permDNS,
		PermittedIPRanges:           s.permIPs,
	}
	if len(s.permIPs) == 0 {
		template.ExcludedIPRanges = []*net.IPNet{
			{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
			{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
		}
	}
	return x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
}

// makeLeaf returns a server certificate, DER, for public, signed by root. It does not
// outlive the root.
func makeLeaf(s subject, public crypto.PublicKey, root *x509.Certificate, rootKey crypto.Signer, now time.Time) ([]byte, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"ngrokd"}, CommonName: clip(s.name)},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(s.leafLife),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:              s.dns,
		IPAddresses:           s.ips,
	}
	if template.NotAfter.After(root.NotAfter) {
		template.NotAfter = root.NotAfter
	}
	return x509.CreateCertificate(rand.Reader, template, root, public, rootKey)
}

// clip keeps a common name within the 64 bytes that X.509 allows.
func clip(name string) string { return name[:min(len(name), 64)] }

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
