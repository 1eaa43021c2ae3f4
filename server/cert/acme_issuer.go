package cert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

const (
	// acmeTimeout bounds one request to the authority, pollTimeout its thinking.
	acmeTimeout = 30 * time.Second
	pollTimeout = 2 * time.Minute
)

// issuer orders certificates from the authority. It is certmagic's Issuer: certmagic's
// own one opens listeners by itself and shares its challenges among all of the process.
type issuer struct {
	key       string // names the authority in the storage
	accounts  *accounts
	client    *acme.Client
	byPort    *acmez.Client // proves names on the server's ports; nil when there are none
	byDNS     *acmez.Client // proves names of the domain in its zone; nil without a provider
	domain    string
	transport *http.Transport
}

func newIssuer(o ACMEOptions, pending *challenges, storage certmagic.Storage) (*issuer, error) {
	directory, key, err := parseDirectory(o.Directory)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:                 o.Proxy,
		DialContext:           (&net.Dialer{Timeout: acmeTimeout}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   acmeTimeout,
		ResponseHeaderTimeout: acmeTimeout,
		IdleConnTimeout:       acmeTimeout,
		ForceAttemptHTTP2:     true,
	}
	if o.CAFile != "" {
		if transport.TLSClientConfig.RootCAs, err = readRoots(o.CAFile); err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
	}
	logger := slog.New(quiet{o.Logger.Handler()})
	client := &acme.Client{
		Directory:   directory,
		HTTPClient:  &http.Client{Transport: transport, Timeout: acmeTimeout},
		UserAgent:   "ngrokd",
		PollTimeout: pollTimeout,
		Logger:      logger,
	}
	i := &issuer{key: key, client: client, domain: o.Domain, transport: transport}
	i.accounts = &accounts{client: client, storage: storage, dir: "accounts/" + key, email: o.Email}
	ports := make(map[string]acmez.Solver)
	if o.HTTP {
		ports[acme.ChallengeTypeHTTP01] = httpSolver{pending}
	}
	if o.HTTPS {
		ports[acme.ChallengeTypeTLSALPN01] = tlsSolver{pending}
	}
	if len(ports) > 0 {
		i.byPort = &acmez.Client{Client: client, ChallengeSolvers: ports}
	}
	if o.DNS != nil {
		solver, err := newDNSSolver(o, logger)
		if err != nil {
			return nil, fmt.Errorf("dns: %w", err)
		}
		i.byDNS = &acmez.Client{Client: client, ChallengeSolvers: map[string]acmez.Solver{acme.ChallengeTypeDNS01: solver}}
	}
	return i, nil
}

// IssuerKey names the authority; certificates of another one are not taken for its own.
func (i *issuer) IssuerKey() string { return i.key }

// Issue orders the certificate of the request, which has one name.
func (i *issuer) Issue(ctx context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	if len(csr.DNSNames) != 1 {
		return nil, fmt.Errorf("a certificate has one name, not %d", len(csr.DNSNames))
	}
	client := i.clientFor(csr.DNSNames[0])
	if client == nil {
		return nil, errNoProof
	}
	chains, err := i.order(ctx, client, csr)
	var problem acme.Problem
	if errors.As(err, &problem) && problem.Type == acme.ProblemTypeAccountDoesNotExist {
		// The authority was set up anew; so is the account.
		if err = i.accounts.forget(ctx); err == nil {
			chains, err = i.order(ctx, client, csr)
		}
	}
	if err != nil {
		return nil, err
	}
	if len(chains) == 0 {
		return nil, errors.New("the authority sent no certificate")
	}
	return &certmagic.IssuedCertificate{Certificate: chains[0].ChainPEM, Metadata: chains[0]}, nil
}

// errNoProof says that nobody could see that a name is the server's.
var errNoProof = errors.New("the server has no port on which the authority could check the name")

func (i *issuer) order(ctx context.Context, client *acmez.Client, csr *x509.CertificateRequest) ([]acme.Certificate, error) {
	account, err := i.accounts.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	params, err := acmez.OrderParametersFromCSR(account, csr)
	if err != nil {
		return nil, err
	}
	params.Replaces, _ = ctx.Value(replaces{}).(*x509.Certificate)
	return client.ObtainCertificate(ctx, params)
}

// replaces is the key of the context's certificate that the new one is for, which
// exempts the order from the authority's limits (RFC 9773 section 5).
type replaces struct{}

// clientFor returns the client that can prove the name. The provider knows the zone of
// the domain; names that clients brought along lie elsewhere.
func (i *issuer) clientFor(name string) *acmez.Client {
	if i.byDNS != nil && (i.byPort == nil || strings.TrimPrefix(name, "*.") == i.domain) {
		return i.byDNS
	}
	return i.byPort
}

// close ends the connections to the authority.
func (i *issuer) close() { i.transport.CloseIdleConnections() }

// parseDirectory returns the URL of a directory and a name for it that is fit for files.
func parseDirectory(s string) (directory, key string, err error) {
	if s == "" {
		s = certmagic.LetsEncryptProductionCA
	}
	if strings.Contains(s, "@") { // not repeated: there is a password before it
		return "", "", fmt.Errorf("directory: there is a user or password in the URL: it begins with https:// and a host, like %s", certmagic.LetsEncryptProductionCA)
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", "", fmt.Errorf("directory: %q is no URL of an ACME directory: it begins with https://, like %s", s, certmagic.LetsEncryptProductionCA)
	}
	key = certmagic.StorageKeys.Safe(strings.NewReplacer("/", "-", ":", "-").Replace(u.Host + strings.TrimSuffix(u.Path, "/")))
	return s, key, nil
}

func readRoots(name string) (*x509.CertPool, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, err
	}
	if _, err := parseChain(data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(data)
	return roots, nil
}
