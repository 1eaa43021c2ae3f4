package cert

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"ngrok/server/assets"
)

// The names of the assets, and the domain of the development certificate that is
// there beside localhost because people know it from ngrok 1.x.
const (
	bakedCert, bakedKey             = "tls/ngrokd.crt", "tls/ngrokd.key"
	developmentCert, developmentKey = "tls/snakeoil.crt", "tls/snakeoil.key"
	developmentDomain               = "ngrok.me"
)

// ErrNotBaked says that no certificate of the builder's own was baked in.
var ErrNotBaked = errors.New("no certificate was baked into this program (make certs DOMAIN=…; make release-server release-client)")

// Development returns the certificate for trying things on one machine. It is valid
// for localhost, *.localhost, the loopback addresses and ngrok.me alone, its key is
// public, and the key of the authority that every client trusts for these names was
// thrown away.
func Development() (*Pair, error) { return fromAssets(developmentCert, developmentKey) }

// Baked returns the certificate that `make certs` made and `make release-server` baked
// in; ErrNotBaked where that was not done.
func Baked() (*Pair, error) { return fromAssets(bakedCert, bakedKey) }

func fromAssets(certName, keyName string) (*Pair, error) {
	certPEM, err := assets.Asset(certName)
	if err != nil {
		return nil, ErrNotBaked
	}
	keyPEM, err := assets.Asset(keyName)
	if err != nil {
		return nil, fmt.Errorf("baked-in certificate: %w", err)
	}
	pair, err := ParsePair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("baked-in certificate %s: %w", certName, err)
	}
	return pair, nil
}

// NewDevelopment makes what the assets hold for Development: the root for clients, and
// the server's chain and key, all PEM. The root's key is not kept.
func NewDevelopment(now time.Time) (root, chain, key []byte, err error) {
	loopback4 := net.IPv4(127, 0, 0, 1)
	s := subject{
		name:    "localhost",
		dns:     []string{"localhost", "*.localhost", developmentDomain},
		ips:     []net.IP{loopback4, net.IPv6loopback},
		permDNS: []string{"localhost", developmentDomain},
		permIPs: []*net.IPNet{host(loopback4), host(net.IPv6loopback)},
		// It cannot be renewed without the authority's key.
		leafLife: rootLife,
	}
	rootKey, err := newKey()
	if err != nil {
		return nil, nil, nil, err
	}
	rootDER, err := makeRoot(s, rootKey, now)
	if err != nil {
		return nil, nil, nil, err
	}
	leafKey, err := newKey()
	if err != nil {
		return nil, nil, nil, err
	}
	parent, err := parseChain(encodeCertificate(rootDER))
	if err != nil {
		return nil, nil, nil, err
	}
	leafDER, err := makeLeaf(s, leafKey.Public(), parent[0], rootKey, now)
	if err != nil {
		return nil, nil, nil, err
	}
	if key, err = encodeKey(leafKey); err != nil {
		return nil, nil, nil, err
	}
	root = encodeCertificate(rootDER)
	return root, append(encodeCertificate(leafDER), root...), key, nil
}

// withDevelopment presents the development certificate to clients on this machine that
// ask for localhost or a loopback address, where the source's own would only be refused.
type withDevelopment struct {
	Source
	development *Pair
	byAddress   bool // clients reach the source's domain by an address, so without a name
}

func (s withDevelopment) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if s.byAddress && (hello == nil || hello.ServerName == "") {
		return s.Source.GetCertificate(hello)
	}
	if name := asked(hello); name != "" && s.development.Covers(name) && !s.Covers(name) {
		return s.development.GetCertificate(hello)
	}
	return s.Source.GetCertificate(hello)
}

// Reload looks at files that the source reads, if it does; see [FileSource.Reload].
func (s withDevelopment) Reload() error {
	if files, ok := s.Source.(interface{ Reload() error }); ok {
		return files.Reload()
	}
	return nil
}

// asked returns the name that the client will verify, as far as the server can know:
// TLS has no name for a client that dialled an address, and then that address is taken
// to be the one where the connection arrived. Empty means unknown.
func asked(hello *tls.ClientHelloInfo) string {
	switch {
	case hello == nil:
		return ""
	case hello.ServerName != "":
		return hello.ServerName
	case hello.Conn == nil:
		return ""
	}
	if tcp, ok := hello.Conn.LocalAddr().(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		return tcp.IP.String()
	}
	return ""
}
