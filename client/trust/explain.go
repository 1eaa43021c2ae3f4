package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Error is why a server is not believed, or not understood, in words for the user. More
// attempts fail alike until somebody changes something, except where Temporary says so.
type Error struct {
	Problem string // what is wrong, one sentence without a full stop
	Remedy  string // what to do about it, sentences

	// Temporary is true when the cause may pass without anybody's doing, as when
	// the connection ended in the middle of the handshake.
	Temporary bool

	Err error // as crypto/tls gave it
}

func (e *Error) Error() string { return e.Problem + ". " + e.Remedy }
func (e *Error) Unwrap() error { return e.Err }

// Explain returns an *Error for what a TLS handshake with serverAddr failed with. An
// error that has nothing to do with TLS comes back as it is, nil too.
func Explain(err error, serverAddr string) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	host := hostOf(serverAddr)
	if e := explainCertificate(err, host, time.Now()); e != nil {
		e.Err = err
		return e
	}
	if e := explainProtocol(err, serverAddr); e != nil {
		e.Err = err
		return e
	}
	return err
}

func explainCertificate(err error, host string, now time.Time) *Error {
	var (
		pin       *PinError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		extension x509.UnhandledCriticalExtension
		violation x509.ConstraintViolationError
		algorithm x509.InsecureAlgorithmError
		system    x509.SystemRootsError
		verify    *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &pin):
		return &Error{
			Problem: fmt.Sprintf("the server at %s is not the one whose key is pinned: its key is %s, server_fingerprint is %s", host, pin.Got, pin.Want),
			Remedy:  "If its key was changed on purpose, ask its operator for the fingerprint over a way you trust and put that in server_fingerprint. Otherwise somebody may be in between: do not go on.",
		}
	case errors.As(err, &hostname) && hostname.Certificate != nil:
		return explainHostname(hostname.Certificate, host)
	case errors.As(err, &authority):
		return explainAuthority(authority.Cert, host)
	case errors.As(err, &invalid):
		return explainInvalid(invalid, host, now)
	case errors.As(err, &extension), errors.As(err, &violation), errors.As(err, &algorithm):
		return &Error{
			Problem: fmt.Sprintf("the certificate of %s cannot be verified: %s", host, clean(err.Error())),
			Remedy:  "The server needs another one: " + makeOne(host) + ".",
		}
	case errors.As(err, &system):
		return &Error{
			Problem: "this host's root certificates cannot be read",
			Remedy:  "Install them (on Debian the package ca-certificates), or name the server's own root with root_ca.",
		}
	case errors.As(err, &verify):
		return &Error{
			Problem: fmt.Sprintf("the certificate of %s was refused: %s", host, clean(verify.Err.Error())),
			Remedy:  "The server needs another one: " + makeOne(host) + ".",
		}
	}
	return nil
}

func explainHostname(c *x509.Certificate, host string) *Error {
	names := names(c)
	if len(names) == 0 && len(c.URIs)+len(c.EmailAddresses) == 0 {
		return &Error{
			Problem: fmt.Sprintf("the certificate of %s has no subject alternative name (SAN); it names %q only as its common name, which is not looked at any more", host, clip(c.Subject.CommonName)),
			Remedy: "The openssl commands of old ngrok tutorials make such certificates. On the server: " + makeOne(host) +
				". Here: put its new ca.crt in root_ca, or its fingerprint in server_fingerprint.",
		}
	}
	if len(names) == 0 {
		names = []string{"no host at all"}
	}
	return &Error{
		Problem: fmt.Sprintf("the server at %s has a certificate for %s, not for %s", host, strings.Join(names, ", "), host),
		Remedy:  "Use one of its names in server_addr, or pin its key with server_fingerprint. Else, on the server: " + makeOne(host) + ".",
	}
}

func explainAuthority(c *x509.Certificate, host string) *Error {
	by := "an authority"
	if c != nil && c.Issuer.String() != "" {
		by = fmt.Sprintf("%q", clip(c.Issuer.String()))
	}
	return &Error{
		Problem: fmt.Sprintf("the certificate of %s is signed by %s, which is not trusted here", host, by),
		Remedy: "If the server has made its own certificate, put its ca.crt in root_ca, or the fingerprint that ngrokd printed in server_fingerprint. " +
			"If its certificate is from a public authority, set trust_host_root_certs: true; should that be set already, the server's file lacks the intermediate certificates.",
	}
}

func explainInvalid(invalid x509.CertificateInvalidError, host string, now time.Time) *Error {
	c := invalid.Cert
	whose := "the certificate"
	if c != nil && c.IsCA {
		whose = "the authority's certificate"
	}
	switch {
	case invalid.Reason == x509.Expired && c != nil && now.Before(c.NotBefore):
		return &Error{
			Problem: fmt.Sprintf("%s of %s is not valid before %s, and this machine's clock says %s", whose, host, stamp(c.NotBefore), stamp(now)),
			Remedy:  "Set this machine's clock, or the server's if that was wrong when the certificate was made.",
		}
	case invalid.Reason == x509.Expired && c != nil && c.IsCA:
		return &Error{
			Problem: fmt.Sprintf("%s of %s expired on %s; this machine's clock says %s", whose, host, stamp(c.NotAfter), stamp(now)),
			Remedy:  "Get the server's new ca.crt and put it in root_ca. If the clock is wrong, set it.",
		}
	case invalid.Reason == x509.Expired && c != nil:
		return &Error{
			Problem: fmt.Sprintf("%s of %s expired on %s; this machine's clock says %s", whose, host, stamp(c.NotAfter), stamp(now)),
			Remedy:  "The server's operator has to renew it: where it came from, or with " + makeOne(host) + ". If the clock is wrong, set it.",
		}
	}
	return &Error{
		Problem: fmt.Sprintf("the certificate of %s cannot be verified: %s", host, clean(invalid.Error())),
		Remedy:  "The server needs another one: " + makeOne(host) + ".",
	}
}

func explainProtocol(err error, serverAddr string) *Error {
	var (
		record tls.RecordHeaderError
		alert  *net.OpError
	)
	switch {
	case errors.As(err, &record):
		return &Error{
			Problem: fmt.Sprintf("what listens on %s does not speak TLS", serverAddr),
			Remedy:  "server_addr has to be the tunnel port of ngrokd (-tunnelAddr, 4443 unless it was changed), not its http port.",
		}
	case errors.As(err, &alert) && alert.Op == "remote error": // how crypto/tls marks an alert
		return &Error{
			Problem: fmt.Sprintf("the server at %s refused the TLS handshake: %v", serverAddr, alert.Err),
			Remedy:  "server_addr has to be the tunnel port of an ngrokd that speaks TLS 1.2 or 1.3; its log says more.",
		}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{
			Problem:   fmt.Sprintf("the server at %s ended the connection during the TLS handshake", serverAddr),
			Remedy:    "It may be restarting. If this persists, see whether server_addr is the tunnel port of ngrokd, and what a proxy or firewall in between lets through.",
			Temporary: true,
		}
	}
	return nil
}

func makeOne(host string) string { return fmt.Sprintf("ngrokd certs -domain %s -out DIR", host) }

// names returns the host names and addresses that the certificate is for.
func names(c *x509.Certificate) []string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) > 8 {
		all = append(all[:8], fmt.Sprintf("and %d more", len(all)-8))
	}
	for i, name := range all {
		all[i] = clean(name)
	}
	return all
}

// clean makes what a stranger's certificate says fit for a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, clip(s))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
