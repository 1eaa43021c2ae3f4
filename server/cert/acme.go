package cert

import (
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
)

const (
	// acmeDir is where, in the data directory, accounts, keys and certificates are kept.
	acmeDir = "acme"

	checkEvery = 10 * time.Minute

	// patience and domainPatience are how long a handshake waits for a certificate
	// that is being got, before it goes on with another one. They stay below the
	// times that the server gives handshakes: 10 s on the https port and 5 s on the
	// tunnel port, where clients ask for the domain.
	patience       = 8 * time.Second
	domainPatience = 4 * time.Second
)

// ACMEOptions says from whom certificates are got, and how.
type ACMEOptions struct {
	// Domain is the server's, in any form that ParseDomain takes but an address.
	// Required.
	Domain string

	// Email is where the authority writes to; it may be empty.
	Email string

	// Directory is the URL of the authority's directory (RFC 8555 section 7.1.1);
	// empty means Let's Encrypt.
	Directory string

	// CAFile holds the roots, PEM, by which the directory's own certificate is
	// verified; empty means the host's. With it the authority counts as a private
	// one, which gives certificates for names like localhost too.
	CAFile string

	// DNS names the provider of the DNS-01 challenge, and its settings: see
	// docs/certificates.md. Nil means no DNS-01 and thus no wildcard.
	DNS map[string]string

	// Getenv is where the provider exec looks up the variables that its program gets,
	// like [os.Getenv]. Nil means that there are none.
	Getenv func(key string) string

	// DataDir is where everything is kept, in its directory "acme". Required.
	DataDir string

	// HTTP and HTTPS say whether the server has an http and an https port, which the
	// challenges HTTP-01 and TLS-ALPN-01 need.
	HTTP, HTTPS bool

	// Fallback serves the names that have no certificate, and the rest while there
	// is none yet. What the operator's own files cover it serves always, and the
	// domain if it is built into the clients too. Required.
	Fallback Source

	// Proxy is that of an [http.Transport], for requests to the authority.
	Proxy func(*http.Request) (*url.URL, error)

	// Logger receives what an operator acts on; the steps of an order are at Debug.
	// Nil discards.
	Logger *slog.Logger

	// CheckEvery is how often certificates are looked at for renewal; 0 means 10
	// minutes.
	CheckEvery time.Duration
}

// ACME is a [Source] that gets a certificate for each name from an authority that
// speaks ACME, and renews it, while its Run runs. Nothing is asked for before.
type ACME struct {
	domain     string
	private    bool // the authority is not a public one
	dns        bool // there is a DNS-01 provider, and thus a wildcard
	fallback   Source
	files      bool // the fallback reads the operator's own files
	baked      bool // the fallback is built in, and clients trust it for the domain
	ownKey     crypto.Signer
	every      time.Duration // between two looks at all certificates
	logger     *slog.Logger
	storage    *acmeStore
	challenges *challenges
	issuer     *issuer

	manager atomic.Pointer[manager] // nil while Run does not run
}

// NewACME returns a source for the domain and for every name that its Run is told of.
// It sends nothing and reads no more than the CA file; the error says which setting can't be used.
func NewACME(o ACMEOptions) (*ACME, error) {
	domain, err := ParseDomain(o.Domain)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.CheckEvery == 0 {
		o.CheckEvery = checkEvery
	}
	a := &ACME{
		domain:     domain,
		private:    o.CAFile != "",
		dns:        o.DNS != nil,
		fallback:   o.Fallback,
		every:      o.CheckEvery,
		logger:     o.Logger,
		storage:    newACMEStore(o.DataDir),
		challenges: newChallenges(),
	}
	switch s := within(o.Fallback).(type) {
	case *Authority:
		a.ownKey, _ = s.Pair().certificate.PrivateKey.(crypto.Signer)
	case *FileSource:
		a.files = true
		a.dns = a.dns && !s.Covers(below(domain))
	case *Pair:
		a.baked = true
	}
	switch {
	case net.ParseIP(domain) != nil:
		return nil, fmt.Errorf("the domain is the address %s: choose a host name with -domain, for only names get certificates", domain)
	case !a.eligible(domain):
		return nil, fmt.Errorf("no public authority gives a certificate for %s: choose a name with -domain that the whole Internet resolves, "+
			"or a private authority with directory and ca", domain)
	case !o.HTTP && !o.HTTPS && o.DNS == nil:
		return nil, errors.New("the server has neither an http nor an https port, so that no authority could see that the domain is yours: enable one, or configure dns")
	}
	if o.Email != "" {
		if parsed, err := mail.ParseAddress(o.Email); err != nil || parsed.Address != o.Email {
			return nil, fmt.Errorf("email: %q is no address like ops@example.com", o.Email)
		}
	}
	o.Domain = domain
	if a.issuer, err = newIssuer(o, a.challenges, a.storage); err != nil {
		return nil, err
	}
	return a, nil
}

// GetCertificate returns the certificate for the name that the client asks for. If
// there is none yet but one may be got, it waits some seconds for that; without success
// it goes on with the one that expired last, or the fallback's.
func (a *ACME) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if wantsChallenge(hello) {
		return a.challenges.certificate(hello.ServerName)
	}
	m := a.manager.Load()
	name := a.nameOf(hello)
	if m == nil || name == "" {
		return a.fallback.GetCertificate(hello)
	}
	subject := a.subjectFor(name)
	c := m.find(subject)
	if c == nil || c.Expired() {
		m.await(hello, name, subject)
		c = m.find(subject)
	}
	if c == nil {
		return a.fallback.GetCertificate(hello)
	}
	return &c.Certificate, nil
}

// HTTPChallenge returns what to answer to a GET request for path of host, or false when
// no authority waits for that (RFC 8555 section 8.3).
func (a *ACME) HTTPChallenge(host, path string) (body string, pending bool) {
	return a.challenges.answer(host, path)
}

// Public reports whether clients' hosts will trust the domain's certificate by
// themselves, once it is there.
func (a *ACME) Public() bool { return !a.private && a.manages(a.domain) }

// RootPEM returns nil once the domain has a certificate, for the authority's root is
// not told; before that, that of the fallback.
func (a *ACME) RootPEM() []byte {
	if a.present() != nil {
		return nil
	}
	return a.fallback.RootPEM()
}

// Fingerprint returns the hash of the key that clients find; see [Source]. Where the
// fallback is an authority of the server's own, the domain's certificate has its key,
// so that it stays the same.
func (a *ACME) Fingerprint() string {
	if c := a.present(); c != nil {
		return fingerprint(c.Leaf)
	}
	return a.fallback.Fingerprint()
}

// NotAfter returns when the certificate of the domain expires.
func (a *ACME) NotAfter() time.Time {
	if c := a.present(); c != nil {
		return c.Leaf.NotAfter
	}
	return a.fallback.NotAfter()
}

// Covers says whether there is a certificate for name; see [Source].
func (a *ACME) Covers(name string) bool {
	if m := a.manager.Load(); m != nil && a.manages(name) && m.find(a.subjectFor(name)) != nil {
		return true
	}
	return a.fallback.Covers(name)
}

// Reload looks at the files of the fallback, if it has any; see [FileSource.Reload].
func (a *ACME) Reload() error {
	if files, ok := a.fallback.(interface{ Reload() error }); ok {
		return files.Reload()
	}
	return nil
}

// present returns the certificate of the domain, nil when there is none.
func (a *ACME) present() *certmagic.Certificate {
	m := a.manager.Load()
	if m == nil || !a.manages(a.domain) {
		return nil
	}
	return m.find(a.domain)
}

// nameOf returns the name for which the client needs a certificate of ours, "" when the
// fallback's is the better one.
func (a *ACME) nameOf(hello *tls.ClientHelloInfo) string {
	switch name := asked(hello); {
	case hello == nil || hello.ServerName == "" && name != "":
		return "" // a client on this machine that dialled a loopback address
	case name == "" && a.manages(a.domain):
		return a.domain
	default:
		name, err := ParseDomain(name)
		if err != nil || !a.manages(name) {
			return ""
		}
		return name
	}
}

// manages reports whether certificates for the canonical name are got here at all.
func (a *ACME) manages(name string) bool {
	if a.files && a.fallback.Covers(name) || a.baked && name == a.domain {
		return false
	}
	return a.eligible(name)
}

func (a *ACME) eligible(name string) bool {
	if net.ParseIP(name) != nil {
		return false
	}
	if a.private {
		return certmagic.SubjectQualifiesForCert(name)
	}
	return strings.Contains(name, ".") && certmagic.SubjectQualifiesForPublicCert(name)
}

// subjectFor returns the name that the certificate for name is made out to: a wildcard
// where one can be had, so that the names of tunnels cost nothing.
func (a *ACME) subjectFor(name string) string {
	if label, ok := strings.CutSuffix(name, "."+a.domain); a.dns && ok && !strings.Contains(label, ".") {
		return a.wildcard()
	}
	return name
}

func (a *ACME) wildcard() string { return "*." + a.domain }

// within returns the source without what is around it for clients on this machine.
func within(s Source) Source {
	if d, ok := s.(withDevelopment); ok {
		return d.Source
	}
	return s
}
