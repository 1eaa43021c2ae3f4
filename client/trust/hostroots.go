package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync"
)

// hostRoots verifies servers by the operating system's authorities beside own roots. It
// reads the former, some 150 files, only for a server that needs them: that is most of
// what starting a client costs.
type hostRoots struct {
	host  string
	quick *x509.CertPool                 // own roots and those of one file
	all   func() (*x509.CertPool, error) // own roots and the host's
}

func newHostRoots(host string, own []*x509.Certificate, first string) *hostRoots {
	add := func(pool *x509.CertPool) *x509.CertPool {
		for _, root := range own {
			pool.AddCert(root)
		}
		return pool
	}
	quick := add(x509.NewCertPool())
	if data, err := readRoots(first); err == nil {
		quick.AppendCertsFromPEM(data)
	}
	return &hostRoots{host: host, quick: quick, all: sync.OnceValues(func() (*x509.CertPool, error) {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, x509.SystemRootsError{Err: err}
		}
		return add(pool), nil
	})}
}

// verify is a tls.Config's VerifyConnection: it does what crypto/tls does by itself when
// it has the roots beforehand, also for sessions that are resumed.
func (h *hostRoots) verify(state tls.ConnectionState) error {
	chain := state.PeerCertificates
	if len(chain) == 0 {
		return errors.New("the server presented no certificate")
	}
	opts := x509.VerifyOptions{Roots: h.quick, DNSName: h.host, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(opts)
	if err == nil {
		return nil
	}
	if opts.Roots, err = h.all(); err == nil {
		_, err = chain[0].Verify(opts)
	}
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: chain, Err: err}
	}
	return nil
}
