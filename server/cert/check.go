package cert

import (
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// Check says why clients of a server for domain would refuse the pair at now, and
// what to do about it; nil means that they would not. A certificate is for the
// domain when it is valid for the domain itself or for names below it.
func (p *Pair) Check(domain string, now time.Time) error {
	leaf := p.certificate.Leaf
	switch {
	case !hasSAN(leaf):
		return fmt.Errorf("the certificate names its host only as common name (%q) and has no subject alternative name (SAN); "+
			"no TLS client accepts that any more, though many tutorials make such certificates. %s", leaf.Subject.CommonName, remedy(domain))
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate expired on %s. Renew it where it came from, or: %s", day(leaf.NotAfter), remedy(domain))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate is not valid before %s, and this machine's clock says %s. Set the clock, or wait",
			leaf.NotBefore.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case !p.Covers(domain) && !p.Covers(below(domain)):
		return fmt.Errorf("the certificate is for %s, not for %s. %s", strings.Join(names(leaf), ", "), domain, remedy(domain))
	case !forServers(leaf):
		return fmt.Errorf("the certificate is not meant for servers (its extended key usage lacks serverAuth). %s", remedy(domain))
	}
	return nil
}

// Gaps tells in words which part of the service of domain the pair does not reach,
// for a log; empty when it reaches all.
func (p *Pair) Gaps(domain string) string {
	switch {
	case net.ParseIP(domain) != nil:
		return ""
	case !p.Covers(domain):
		return fmt.Sprintf("clients must use another server_addr than %s, for the certificate is for %s only", domain, strings.Join(names(p.certificate.Leaf), ", "))
	case !p.Covers(below(domain)):
		return fmt.Sprintf("browsers will warn at https tunnels, for the certificate lacks the name *.%s", domain)
	}
	return ""
}

func remedy(domain string) string {
	wild := ""
	if net.ParseIP(domain) == nil {
		wild = " and *." + domain
	}
	return fmt.Sprintf("A certificate for %s%s is made by: ngrokd certs -domain %s -out DIR (or leave out -tlsCrt, and ngrokd makes its own)", domain, wild, domain)
}

// below returns some name below domain: what a wildcard has to match.
func below(domain string) string { return "x." + domain }

func hasSAN(c *x509.Certificate) bool {
	return len(c.DNSNames)+len(c.IPAddresses)+len(c.URIs)+len(c.EmailAddresses) > 0
}

// names returns the names that the certificate is valid for, never none.
func names(c *x509.Certificate) []string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return []string{"no host"}
	}
	return all
}

func forServers(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
