package cert

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"
)

// bakedWarning is how long before its end a baked-in certificate is warned about:
// long enough to build anew and to bring the programs to all users.
const bakedWarning = 60 * 24 * time.Hour

// Options says what Open chooses from.
type Options struct {
	// Domain is the server's, in any form that ParseDomain takes. Required.
	Domain string

	// CertFile and KeyFile are the operator's own, both or none.
	CertFile, KeyFile string

	// DataDir is where an authority of the server's own is kept, in its directory
	// "tls". Required unless another source serves.
	DataDir string

	// Logger receives renewals and reloads; nil discards them.
	Logger *slog.Logger
}

// Open returns the source of the server's certificate: the files when they are named,
// else a baked-in certificate if one is for the domain, else the authority of the
// server's own, which it makes on first use. Clients on the same machine that reach the
// server as localhost or a loopback address get the development certificate, which they
// trust, wherever the source has nothing for that name. The source has a method
// Reload() error, which does nothing where there are no files.
func Open(o Options) (Source, error) {
	domain, err := ParseDomain(o.Domain)
	if err != nil {
		return nil, err
	}
	development, err := Development()
	if err != nil {
		return nil, err
	}
	source, err := choose(o, domain, development)
	if err != nil {
		return nil, err
	}
	return withDevelopment{source, development, net.ParseIP(domain) != nil}, nil
}

func choose(o Options, domain string, development *Pair) (Source, error) {
	switch {
	case o.CertFile != "" && o.KeyFile != "":
		return Files(o.CertFile, o.KeyFile, domain, o.Logger)
	case o.CertFile != "":
		return nil, errors.New("-tlsCrt needs -tlsKey: name the file of the certificate's private key")
	case o.KeyFile != "":
		return nil, errors.New("-tlsKey needs -tlsCrt: name the file of the certificate")
	}
	baked, err := Baked()
	if err != nil && !errors.Is(err, ErrNotBaked) {
		return nil, err
	}
	for _, pair := range []*Pair{baked, development} {
		if pair == nil || !pair.meant(domain) {
			continue
		}
		if err := pair.Check(domain, time.Now()); err != nil {
			return nil, fmt.Errorf("baked-in certificate: %w", err)
		}
		if left := time.Until(pair.NotAfter()); left < bakedWarning && o.Logger != nil {
			o.Logger.Warn("the baked-in certificate expires soon: make certs, build and install both programs again", "expires", pair.NotAfter())
		}
		return pair, nil
	}
	if o.DataDir == "" {
		return nil, errors.New("a directory for the server's own certificates is needed: name one with -dataDir, or a certificate with -tlsCrt and -tlsKey")
	}
	return Own(filepath.Join(o.DataDir, "tls"), domain, o.Logger)
}

// meant says whether the pair was made with domain in mind. A common name counts here,
// so that the check that follows can say what is wrong with it.
func (p *Pair) meant(domain string) bool {
	cn := p.certificate.Leaf.Subject.CommonName
	return p.Covers(domain) || p.Covers(below(domain)) || cn == domain || cn == "*."+domain
}
