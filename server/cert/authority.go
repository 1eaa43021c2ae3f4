package cert

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// leafRenewal and rootRenewal are how long before its end a certificate is
	// renewed. The root's is long because clients have to be given the new one,
	// and the old one must serve meanwhile.
	leafRenewal = leafLife / 3
	rootRenewal = 3 * 365 * 24 * time.Hour

	// retry is how long after a failed renewal the next one is tried.
	retry = time.Hour
)

// Authority is a certificate authority of the server's own with the server's
// certificate, both kept in a directory. It renews both by itself and keeps their
// keys, so that a pinned fingerprint stays valid for ever.
type Authority struct {
	dir    string
	domain string
	logger *slog.Logger

	state    atomic.Pointer[issued]
	renewing sync.Mutex   // held while files are written
	nextTry  atomic.Int64 // Unix seconds; no renewal before it
}

// issued is an authority's state at one time; it never changes.
type issued struct {
	pair    *Pair
	root    *x509.Certificate
	rootKey crypto.Signer
}

// Own opens the authority of domain below dir, and makes what is missing of it: the
// directory (0700), keys (0600), certificates. Each domain has a directory of its own
// there, so that going back to an earlier domain finds its keys again. A nil logger
// discards what renewals have to say.
func Own(dir, domain string, logger *slog.Logger) (*Authority, error) {
	domain, err := ParseDomain(domain)
	if err != nil {
		return nil, err
	}
	// The colons of IPv6 addresses are not allowed in file names everywhere.
	return open(filepath.Join(dir, strings.ReplaceAll(domain, ":", "_")), domain, logger)
}

// Issue makes an authority and a certificate for domain in dir itself, for an operator
// who carries the files elsewhere: ca.crt, ca.key, server.crt and server.key. What is
// there already and good is kept, what is due for renewal is renewed with its old key.
func Issue(dir, domain string, logger *slog.Logger) (*Authority, error) {
	domain, err := ParseDomain(domain)
	if err != nil {
		return nil, err
	}
	return open(dir, domain, logger)
}

func open(dir, domain string, logger *slog.Logger) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the server's certificates: %w", err)
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	a := &Authority{dir: dir, domain: domain, logger: logger.With("domain", domain)}
	state, err := a.load(time.Now())
	if err != nil {
		return nil, fmt.Errorf("certificates in %s: %w", dir, err)
	}
	a.state.Store(state)
	return a, nil
}

// GetCertificate returns the server's certificate with the root behind it, so that
// a client can prove a pinned root too. It renews it when that is due; should that
// fail, the old one serves on and the next try is an hour later.
func (a *Authority) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	now := time.Now()
	if s := a.state.Load(); s.due(now) && now.Unix() >= a.nextTry.Load() && a.renewing.TryLock() {
		a.renew(now)
		a.renewing.Unlock()
	}
	return a.state.Load().pair.GetCertificate(hello)
}

// RootPEM returns the authority's certificate: what a client's root_ca file holds.
func (a *Authority) RootPEM() []byte { return encodeCertificate(a.state.Load().root.Raw) }

// RootFile returns the path of the file that holds RootPEM.
func (a *Authority) RootFile() string { return filepath.Join(a.dir, rootCertFile) }

// Fingerprint returns the hash of the server's key; see [Source]. Renewals keep it.
func (a *Authority) Fingerprint() string { return a.state.Load().pair.Fingerprint() }

// NotAfter returns when the server's present certificate expires. It is renewed
// months before that.
func (a *Authority) NotAfter() time.Time { return a.state.Load().pair.NotAfter() }

// Domain returns the canonical form of what the authority is for.
func (a *Authority) Domain() string { return a.domain }

// RootNotAfter returns when the authority's own certificate expires. It is renewed
// three years before that, and clients then need the new one.
func (a *Authority) RootNotAfter() time.Time { return a.state.Load().root.NotAfter }

// Covers says whether the certificate is for name; see [Source].
func (a *Authority) Covers(name string) bool { return a.state.Load().pair.Covers(name) }

// Pair returns the present certificate.
func (a *Authority) Pair() *Pair { return a.state.Load().pair }

// due says whether one of the certificates needs renewal.
func (s *issued) due(now time.Time) bool {
	return !fresh(s.pair.certificate.Leaf, leafRenewal, now) || !fresh(s.root, rootRenewal, now)
}

// fresh says whether c is valid at now and for longer than renewal. One that is not
// valid yet was made while the clock was wrong.
func fresh(c *x509.Certificate, renewal time.Duration, now time.Time) bool {
	return !now.Before(c.NotBefore) && now.Before(c.NotAfter.Add(-renewal))
}

func (a *Authority) renew(now time.Time) {
	if !a.state.Load().due(now) {
		return // another handshake was quicker
	}
	old := a.state.Load()
	state, err := a.load(now)
	if err != nil {
		a.nextTry.Store(now.Add(retry).Unix())
		a.logger.Error("cannot renew the server's certificate; the old one serves until it expires",
			"directory", a.dir, "expires", old.pair.NotAfter(), "error", err)
		return
	}
	a.state.Store(state)
	a.logger.Info("renewed the server's certificate", "expires", state.pair.NotAfter(), "fingerprint", state.pair.Fingerprint())
	if !bytes.Equal(old.root.Raw, state.root.Raw) {
		a.logger.Warn("renewed the authority's certificate: give the new root_ca file to clients before the old one expires",
			"file", a.RootFile(), "expires", old.root.NotAfter)
	}
}

// load reads the directory and makes what is missing or due in it.
func (a *Authority) load(now time.Time) (*issued, error) {
	s := &issued{}
	subject := subjectOf(a.domain)
	var err error
	if s.rootKey, err = a.key(rootKeyFile, rootCertFile, "make the authority anew (all clients then need its new "+rootCertFile+")"); err != nil {
		return nil, err
	}
	s.root, err = a.certificate(rootCertFile, s.rootKey.Public(), func(c *x509.Certificate) bool {
		return c.IsCA && fresh(c, rootRenewal, now)
	}, func() ([]byte, error) { return makeRoot(subject, s.rootKey, now) })
	if err != nil {
		return nil, err
	}
	if err := a.save(rootCertFile, encodeCertificate(s.root.Raw)); err != nil {
		return nil, err
	}
	leafKey, err := a.key(leafKeyFile, leafCertFile, "make a new key (clients that pinned the old one with server_fingerprint then need the new one)")
	if err != nil {
		return nil, err
	}
	leaf, err := a.certificate(leafCertFile, leafKey.Public(), func(c *x509.Certificate) bool {
		return c.CheckSignatureFrom(s.root) == nil && coversAll(c, subject) && fresh(c, leafRenewal, now)
	}, func() ([]byte, error) {
		der, err := makeLeaf(subject, leafKey.Public(), s.root, s.rootKey, now)
		if err != nil {
			return nil, err
		}
		return der, mayIssue(s.root, der, subject, now)
	})
	if err != nil {
		return nil, err
	}
	s.pair = &Pair{
		certificate: tls.Certificate{Certificate: [][]byte{leaf.Raw, s.root.Raw}, PrivateKey: leafKey, Leaf: leaf},
		root:        encodeCertificate(s.root.Raw),
	}
	return s, a.save(leafCertFile, append(encodeCertificate(leaf.Raw), s.pair.root...))
}

// key reads a private key, or makes one where neither it nor its certificate is there.
func (a *Authority) key(name, certName, loss string) (crypto.Signer, error) {
	path := filepath.Join(a.dir, name)
	data, err := readIfThere(path)
	if err != nil {
		return nil, err
	}
	if data != nil {
		key, err := parseKey(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w; restore the file, or delete it and %s to %s", name, err, certName, loss)
		}
		return key, nil
	}
	// A certificate without its key is a loss that the operator should know of,
	// not something to paper over: clients trust the old key.
	if _, err := os.Lstat(filepath.Join(a.dir, certName)); err == nil {
		return nil, fmt.Errorf("%s is missing beside %s: restore it, or delete %s to %s", name, certName, certName, loss)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	key, err := newKey()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	if data, err = encodeKey(key); err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return key, writeFile(path, data, 0o600)
}

// certificate returns the certificate of a key: the first in the file, or a new one
// where that is missing, belongs to another key or is not good any more.
func (a *Authority) certificate(name string, public crypto.PublicKey, good func(*x509.Certificate) bool, issue func() ([]byte, error)) (*x509.Certificate, error) {
	path := filepath.Join(a.dir, name)
	data, err := readIfThere(path)
	if err != nil {
		return nil, err
	}
	if chain, err := parseChain(data); err == nil && samePublic(chain[0].PublicKey, public) && good(chain[0]) {
		return chain[0], nil
	} else if data != nil && err != nil {
		a.logger.Warn("a certificate file was unreadable and is made anew with the same key", "file", path, "error", err)
	}
	der, err := issue()
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read back %s: %w", name, err)
	}
	return c, nil
}

// save writes a certificate file unless it holds just that already.
func (a *Authority) save(name string, data []byte) error {
	path := filepath.Join(a.dir, name)
	if old, err := readIfThere(path); err != nil || bytes.Equal(old, data) {
		return err
	}
	return writeFile(path, data, 0o644)
}

func samePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// mayIssue says why clients that trust root would refuse the new leaf: an authority
// for another domain, which an operator put there, is not allowed to sign for this one.
func mayIssue(root *x509.Certificate, leaf []byte, s subject, now time.Time) error {
	c, err := x509.ParseCertificate(leaf)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	if _, err := c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now}); err != nil {
		return fmt.Errorf("the authority in %s cannot sign for %s, choose another directory: %w", rootCertFile, s.name, err)
	}
	return nil
}

func coversAll(c *x509.Certificate, s subject) bool {
	for _, name := range s.dns {
		if c.VerifyHostname(strings.Replace(name, "*", "x", 1)) != nil {
			return false
		}
	}
	for _, ip := range s.ips {
		if c.VerifyHostname(ip.String()) != nil {
			return false
		}
	}
	return true
}
