package cert

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// recheck is how often at most the files are looked at for a change.
	recheck = time.Second

	// expiryWarning is how long before its end a certificate from files is
	// warned about, once a day: renewal is then overdue everywhere.
	expiryWarning = 14 * 24 * time.Hour
)

// FileSource presents a certificate from two files and follows their changes.
type FileSource struct {
	certFile, keyFile string
	domain            string
	logger            *slog.Logger

	pair      atomic.Pointer[Pair]
	nextCheck atomic.Int64 // Unix nanoseconds

	checking sync.Mutex        // guards what follows
	seen     [sha256.Size]byte // of the files' content at the last check
	complain error             // what reading the files last failed with
	warned   time.Time         // of the last warning about expiry
}

// Files reads a certificate chain and its key, both PEM, that are good for domain, and
// refuses what clients would refuse; the error says why and what to do. A change of the
// files is followed within a second of the next handshake; connections that stand are
// not touched. A broken new file is logged once and the old certificate stays. A nil
// logger discards.
func Files(certFile, keyFile, domain string, logger *slog.Logger) (*FileSource, error) {
	domain, err := ParseDomain(domain)
	if err != nil {
		return nil, err
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	f := &FileSource{certFile: certFile, keyFile: keyFile, domain: domain, logger: logger.With("certificate", certFile)}
	now := time.Now()
	pair, seen, err := f.read(now)
	if err != nil {
		return nil, err
	}
	f.seen = seen
	f.use(pair)
	f.warn(now)
	f.nextCheck.Store(now.Add(recheck).UnixNano())
	return f, nil
}

// GetCertificate returns the certificate of the files as they are, or as they were
// when they were last good.
func (f *FileSource) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	now := time.Now()
	if now.UnixNano() >= f.nextCheck.Load() && f.checking.TryLock() {
		f.check(now)
		f.nextCheck.Store(now.Add(recheck).UnixNano())
		f.checking.Unlock()
	}
	return f.pair.Load().GetCertificate(hello)
}

// Reload looks at the files now. It returns why they cannot be used, in which case
// the certificate before them stays.
func (f *FileSource) Reload() error {
	f.checking.Lock()
	defer f.checking.Unlock()
	f.check(time.Now())
	return f.complain
}

// RootPEM returns the self-signed end of the file's chain, or nil; see [Source].
func (f *FileSource) RootPEM() []byte { return f.pair.Load().RootPEM() }

// Fingerprint returns the hash of the server's key; see [Source].
func (f *FileSource) Fingerprint() string { return f.pair.Load().Fingerprint() }

// NotAfter returns when the present certificate expires.
func (f *FileSource) NotAfter() time.Time { return f.pair.Load().NotAfter() }

// Covers says whether the present certificate is for name; see [Source].
func (f *FileSource) Covers(name string) bool { return f.pair.Load().Covers(name) }

// check takes over changed files. f.checking is held.
func (f *FileSource) check(now time.Time) {
	pair, seen, err := f.read(now)
	if seen == f.seen && (err == nil) == (f.complain == nil) {
		f.warn(now)
		return
	}
	f.seen, f.complain = seen, err
	if err != nil {
		f.logger.Error("the changed certificate cannot be used; the one before it stays in use",
			"error", err, "expires", f.pair.Load().NotAfter())
		return
	}
	f.use(pair)
	f.logger.Info("loaded the changed certificate", "expires", pair.NotAfter(), "fingerprint", pair.Fingerprint())
}

// read returns the pair in the files and a hash of what they hold.
func (f *FileSource) read(now time.Time) (*Pair, [sha256.Size]byte, error) {
	var none [sha256.Size]byte
	certPEM, err := readFile(f.certFile)
	if err != nil {
		return nil, none, fmt.Errorf("read the TLS certificate: %w", err)
	}
	keyPEM, err := readFile(f.keyFile)
	if err != nil {
		return nil, none, fmt.Errorf("read the TLS key: %w", err)
	}
	seen := sha256.Sum256(bytes.Join([][]byte{certPEM, keyPEM}, []byte{0}))
	if seen == f.seen && f.complain == nil {
		return f.pair.Load(), seen, nil // an expiry meanwhile is warned of, and no reason to drop it
	}
	pair, err := ParsePair(certPEM, keyPEM)
	if err == nil {
		err = pair.Check(f.domain, now)
	}
	if err != nil {
		return nil, seen, fmt.Errorf("TLS certificate %s with key %s: %w", f.certFile, f.keyFile, err)
	}
	return pair, seen, nil
}

func (f *FileSource) use(pair *Pair) {
	f.pair.Store(pair)
	f.warned = time.Time{}
	if gaps := pair.Gaps(f.domain); gaps != "" {
		f.logger.Warn("the certificate does not cover all of the service", "effect", gaps)
	}
}

func (f *FileSource) warn(now time.Time) {
	expires := f.pair.Load().NotAfter()
	if now.Before(expires.Add(-expiryWarning)) || now.Before(f.warned.Add(24*time.Hour)) {
		return
	}
	f.warned = now
	f.logger.Warn("the certificate expires soon or has expired: renew its file, it is loaded without a restart", "expires", expires)
}
