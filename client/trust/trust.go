// Package trust decides which server a client believes: by root certificates, or by a
// pinned key. It turns what goes wrong there into words ([Explain]). Verification is
// never off.
package trust

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"ngrok/client/assets"
)

// maxRootFile bounds a root_ca file, in bytes; the bundle of all public authorities has
// about 220 KiB.
const maxRootFile = 4 << 20

// Config says which server to believe. Its zero value trusts the roots that were baked
// into the program.
type Config struct {
	// Roots are certificates as PEM. Nil means Embedded().
	Roots []byte

	// RootCAFile is the path of a PEM file that takes the place of Roots. Empty
	// means none.
	RootCAFile string

	// HostRoots trusts the authorities of the operating system too.
	HostRoots bool

	// HostRootsFile is a PEM file with some of them that is looked at before all the
	// others are read, as SSL_CERT_FILE names one. Empty means none.
	HostRootsFile string

	// Fingerprint pins a key in a form that ParseFingerprint takes, and takes the
	// place of all roots. If it is the key of the server's own certificate, then
	// that key, which the handshake proves, is the server's identity: names and
	// dates in the certificate do not matter. If it is the key of an authority in
	// the chain that the server sends, then the certificate must be signed with it,
	// be for the server's name, and be valid today. Empty means no pin.
	Fingerprint string
}

// TLS returns a configuration for connections to serverAddr, given as host:port or as
// host alone. It is at least TLS 1.2 and remembers sessions, and it may be shared by
// all connections. An error names the setting that is wrong.
func (c Config) TLS(serverAddr string) (*tls.Config, error) {
	host := hostOf(serverAddr)
	if host == "" { // an empty name would be a certificate's for anybody
		return nil, fmt.Errorf("server_addr: %q names no host: HOST:PORT is needed", serverAddr)
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         host,
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
	if c.Fingerprint != "" {
		pin, err := ParseFingerprint(c.Fingerprint)
		if err != nil {
			return nil, fmt.Errorf("server_fingerprint: %w", err)
		}
		// A server shows clients that ask for localhost its development
		// certificate if its own is for another name. Who pins a key wants that
		// one, and asks for a name that nothing is for.
		if host == "localhost" || net.ParseIP(host).IsLoopback() {
			config.ServerName = "pinned.invalid"
		}
		// Not a way around verification: VerifyConnection runs in each
		// handshake, resumed ones included, and the pin alone lets through.
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(state tls.ConnectionState) error {
			return pin.verify(state.PeerCertificates, host)
		}
		return config, nil
	}
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	if c.HostRoots {
		// Here too VerifyConnection runs in each handshake, and nothing but a
		// verified chain lets through.
		config.InsecureSkipVerify = true
		config.VerifyConnection = newHostRoots(host, roots, c.HostRootsFile).verify
		return config, nil
	}
	config.RootCAs = x509.NewCertPool()
	for _, root := range roots {
		config.RootCAs.AddCert(root)
	}
	return config, nil
}

// Embedded returns the roots that were baked into the program, as PEM: that of the
// development certificate, which can sign for localhost and ngrok.me alone, and that of
// the builder's own server if there is one.
func Embedded() []byte {
	var all []byte
	for _, name := range []string{"tls/ngrokroot.crt", "tls/snakeoilca.crt"} {
		if data, err := assets.Asset(name); err == nil {
			all = append(append(all, data...), '\n')
		}
	}
	return all
}

// roots returns the roots that are trusted whether or not the host's are.
func (c Config) roots() ([]*x509.Certificate, error) {
	roots, from := c.Roots, "the baked-in roots"
	if roots == nil {
		roots = Embedded()
	}
	if c.RootCAFile != "" {
		data, err := readRoots(c.RootCAFile)
		if err != nil {
			return nil, fmt.Errorf("root_ca: %w", err)
		}
		roots, from = data, "root_ca: "+c.RootCAFile
	}
	certificates, err := parseRoots(roots)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return certificates, nil
}

func readRoots(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRootFile+1))
	if err == nil && len(data) > maxRootFile {
		err = fmt.Errorf("%s is larger than %d bytes: that is no file of root certificates", name, maxRootFile)
	}
	return data, err
}

// parseRoots reads the certificates of a PEM file, at least one.
func parseRoots(data []byte) ([]*x509.Certificate, error) {
	var roots []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil, errors.New("there is a private key in it, which only the server may have: ask for the authority's certificate (ca.crt)")
		case block.Type != "CERTIFICATE":
			continue
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("a certificate in it cannot be read: %w", err)
		}
		roots = append(roots, root)
	}
	if len(roots) == 0 {
		return nil, errors.New("there is no certificate in it: a PEM file with BEGIN CERTIFICATE is needed, the server's ca.crt")
	}
	return roots, nil
}

// hostOf returns the host of host:port without brackets and zone, or all of s when it
// has no port.
func hostOf(s string) string {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	s, _, _ = strings.Cut(strings.Trim(s, "[]"), "%")
	return s
}
