package cert

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"golang.org/x/time/rate"
)

const (
	// orderSlots is how many orders are under way at a time.
	orderSlots = 4

	// orderBurst and orderInterval limit new certificates: Let's Encrypt takes 300
	// orders in 3 hours from an account. Renewals are not counted.
	orderBurst    = 50
	orderInterval = 40 * time.Second

	// ownerBurst and ownerInterval limit those for the names of one owner likewise, so
	// that nobody orders what all may have. The domain's own are not counted.
	ownerBurst    = 20
	ownerInterval = 3 * time.Minute

	// attemptTimeout bounds one attempt; DNS takes its time.
	attemptTimeout = 5 * time.Minute

	// retryMin doubles with each failure up to retryMax: Let's Encrypt takes 5 failed
	// validations of a name an hour.
	retryMin = 2 * time.Minute
	retryMax = 12 * time.Hour

	// cacheSize is how many certificates are kept in memory; the others are read
	// from their files when they are asked for.
	cacheSize = 10_000

	// renewalRatio is the part of its life that is left when a certificate is
	// renewed, where the authority does not say when it wants that.
	renewalRatio = 1.0 / 3

	// cleanEvery is how often expired certificates that nobody renews are deleted,
	// and cleanAfter how long after their end.
	cleanEvery = 24 * time.Hour
	cleanAfter = 14 * 24 * time.Hour
)

// manager does an ACME's work while it runs.
type manager struct {
	*ACME
	ctx    context.Context
	owner  func(host string) string
	cache  *certmagic.Cache
	names  *certmagic.Config // for all names but the domain
	whole  *certmagic.Config // for the domain
	slots  chan struct{}
	orders *rate.Limiter

	wg    sync.WaitGroup
	mu    sync.Mutex
	ended bool
	jobs  map[string]*job       // by subject: under way, or failed
	held  map[string]bool       // subjects whose certificates are in the cache
	owned map[string]*allowance // by owner
}

// allowance is what new certificates one owner may have.
type allowance struct {
	orders *rate.Limiter
	told   bool // it was said that there are too many, since one was ordered last
}

// Run gets and renews certificates until ctx ends, then returns when all it started has
// ended. owner tells whose a name is for which a handshake may ask for one, one of a
// bounded number; "" is nobody's. It must not block. An ACME runs once at a time.
func (a *ACME) Run(ctx context.Context, owner func(host string) string) {
	m := a.newManager(ctx, owner)
	a.manager.Store(m)
	if a.manages(a.domain) {
		m.attempt(a.domain)
	}
	if a.dns {
		m.attempt(a.wildcard())
	}
	ticker := time.NewTicker(a.every)
	defer ticker.Stop()
	var cleaned time.Time
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
			m.maintain()
			if time.Since(cleaned) > cleanEvery {
				cleaned = time.Now()
				m.clean()
			}
		}
	}
	m.mu.Lock()
	m.ended = true
	m.mu.Unlock()
	m.wg.Wait()
	m.cache.Stop()
	a.issuer.close()
}

func (a *ACME) newManager(ctx context.Context, owner func(string) string) *manager {
	m := &manager{
		ACME:   a,
		ctx:    ctx,
		owner:  owner,
		slots:  make(chan struct{}, orderSlots),
		orders: rate.NewLimiter(rate.Every(orderInterval), orderBurst),
		jobs:   make(map[string]*job),
		held:   make(map[string]bool),
		owned:  make(map[string]*allowance),
	}
	log := zapLogger(a.logger)
	// The cache looks after OCSP. A configuration that is "on demand" keeps it from
	// renewing on its own, which nobody could wait for, and whose failures it would
	// tell as often as it tries.
	var passive *certmagic.Config
	m.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return passive, nil },
		RenewCheckInterval: a.every,
		Capacity:           cacheSize,
		Logger:             log,
	})
	config := certmagic.Config{
		Issuers:            []certmagic.Issuer{a.issuer},
		Storage:            a.storage,
		KeySource:          certmagic.StandardKeyGenerator{KeyType: certmagic.P256},
		RenewalWindowRatio: renewalRatio,
		Logger:             log,
	}
	m.names = certmagic.New(m.cache, config)
	if a.ownKey != nil {
		config.KeySource = sameKey{a.ownKey}
	}
	m.whole = certmagic.New(m.cache, config)
	config.OnDemand = &certmagic.OnDemandConfig{}
	passive = certmagic.New(m.cache, config)
	return m
}

// sameKey gives the domain's certificate the key of the server's own authority's, so
// that clients which pinned that find it again.
type sameKey struct{ key crypto.Signer }

// GenerateKey returns the key.
func (s sameKey) GenerateKey() (crypto.PrivateKey, error) { return s.key, nil }

func (m *manager) config(subject string) *certmagic.Config {
	if subject == m.domain {
		return m.whole
	}
	return m.names
}

// find returns the certificate of the subject that lasts longest, nil when none is in
// memory.
func (m *manager) find(subject string) *certmagic.Certificate {
	var best *certmagic.Certificate
	for _, c := range m.cache.AllMatchingCertificates(subject) {
		if slices.Contains(c.Names, subject) && (best == nil || c.Leaf.NotAfter.After(best.Leaf.NotAfter)) {
			best = &c
		}
	}
	return best
}

// knows reports whether a handshake may ask for a certificate for host.
func (m *manager) knows(host string) bool { return m.owner(host) != "" }

// wanted reports whether the subject's certificate may be asked for.
func (m *manager) wanted(subject string) bool {
	return subject == m.domain || m.dns && subject == m.wildcard() || m.knows(subject)
}

// await waits, for as long as a handshake can, for an attempt to get the certificate.
func (m *manager) await(hello *tls.ClientHelloInfo, name, subject string) {
	// A wildcard must not hide who asks: a stranger's name is not worth waiting.
	if !m.wanted(subject) || subject != name && !m.knows(name) {
		return
	}
	done := m.attempt(subject)
	if done == nil {
		return
	}
	limit := patience
	if name == m.domain {
		limit = domainPatience
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var gone <-chan struct{}
	if ctx := hello.Context(); ctx != nil {
		gone = ctx.Done()
	}
	select {
	case <-done:
	case <-timer.C:
	case <-gone:
	case <-m.ctx.Done():
	}
}

// maintain renews what is due, tries again what has failed, and lets go of what nobody
// wants any more.
func (m *manager) maintain() {
	m.mu.Lock()
	subjects := make(map[string]bool)
	for s := range m.held {
		subjects[s] = true
	}
	for s, j := range m.jobs {
		subjects[s] = true
		if j.done == nil && !m.wanted(s) {
			delete(m.jobs, s)
		}
	}
	m.mu.Unlock()
	for s := range subjects {
		c := m.find(s)
		switch {
		case !m.wanted(s):
			if c == nil || c.Expired() {
				m.drop(s)
			}
		case c == nil || c.NeedsRenewal(m.config(s)):
			m.attempt(s)
		}
	}
}

// drop forgets the certificate of the subject; its files stay until they are cleaned.
func (m *manager) drop(subject string) {
	m.mu.Lock()
	delete(m.held, subject)
	m.mu.Unlock()
	m.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: subject}})
}

// clean deletes expired certificates from the disk.
func (m *manager) clean() {
	err := certmagic.CleanStorage(m.ctx, m.storage, certmagic.CleanStorageOptions{
		Logger:                 zapLogger(m.logger),
		OCSPStaples:            true,
		ExpiredCerts:           true,
		ExpiredCertGracePeriod: cleanAfter,
	})
	if err != nil && m.ctx.Err() == nil {
		m.logger.Warn("cannot delete expired certificates", "directory", m.storage.Path, "err", err)
	}
}

// get reads the subject's certificate from the disk, and gets or renews it from the
// authority when need be.
func (m *manager) get(ctx context.Context, subject string) error {
	config := m.config(subject)
	stored, err := config.CacheManagedCertificate(ctx, subject)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return &storageError{err}
	}
	if !missing {
		m.keep(subject)
		if !stored.NeedsRenewal(config) {
			return nil
		}
	}
	select {
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if missing {
		if err := m.mayOrder(subject, time.Now()); err != nil {
			return err
		}
		err = config.ObtainCertSync(ctx, subject)
	} else {
		err = config.RenewCertSync(context.WithValue(ctx, replaces{}, m.replaced(subject, stored.Leaf)), subject, false)
	}
	if err != nil {
		return err
	}
	fresh, err := config.CacheManagedCertificate(ctx, subject)
	if err != nil {
		return &storageError{err}
	}
	m.keep(subject)
	if old := stored.Hash(); !missing && old != fresh.Hash() {
		m.cache.Remove([]string{old})
	}
	m.logger.Info("got a certificate", "name", subject, "expires", fresh.Leaf.NotAfter, "renewed", !missing)
	return nil
}

// mayOrder counts one more new certificate, or returns errTooMany or a tooManyError.
func (m *manager) mayOrder(subject string, now time.Time) error {
	if subject == m.domain || m.dns && subject == m.wildcard() {
		m.orders.AllowN(now, 1) // all else waits for these, and they are two
		return nil
	}
	owner := m.owner(subject)
	m.mu.Lock()
	defer m.mu.Unlock()
	own := m.owned[owner]
	if own == nil {
		own = &allowance{orders: rate.NewLimiter(rate.Every(ownerInterval), ownerBurst)}
		m.owned[owner] = own
	}
	r := own.orders.ReserveN(now, 1)
	if r.DelayFrom(now) > 0 {
		r.CancelAt(now)
		told := own.told
		own.told = true
		return &tooManyError{owner, told}
	}
	own.told = false
	if !m.orders.AllowN(now, 1) {
		r.CancelAt(now)
		return errTooMany
	}
	return nil
}

// replaced returns the certificate that the authority is told of as replaced. One try
// is made without, lest an authority that does not know it any more refuses for ever.
func (m *manager) replaced(subject string, old *x509.Certificate) *x509.Certificate {
	m.mu.Lock()
	defer m.mu.Unlock()
	if j := m.jobs[subject]; j != nil && j.failures > 0 {
		return nil
	}
	return old
}

func (m *manager) keep(subject string) {
	m.mu.Lock()
	m.held[subject] = true
	m.mu.Unlock()
}
