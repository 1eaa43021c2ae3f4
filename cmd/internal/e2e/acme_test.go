package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
	"ngrok/server"
	"ngrok/server/cert"
)

const acmeDomain = "tunnel.test"

// acmeWorld is a server that gets its certificates from a pebble.
type acmeWorld struct {
	*world
	*pebble
	own    cert.Source // its own authority
	source *cert.ACME
	log    *logBuffer
}

func newACMEWorld(t *testing.T, p *pebble, dir string, edit func(*cert.ACMEOptions)) *acmeWorld {
	t.Helper()
	a := &acmeWorld{pebble: p, log: &logBuffer{}}
	logger := slog.New(slog.NewTextHandler(io.MultiWriter(a.log, logWriter{t}), nil))
	var err error
	if a.own, err = cert.Open(cert.Options{Domain: acmeDomain, DataDir: dir}); err != nil {
		t.Fatal(err)
	}
	options := cert.ACMEOptions{
		Domain:     acmeDomain,
		Email:      "ops@example.com",
		Directory:  p.directory,
		CAFile:     p.caFile,
		DataDir:    dir,
		HTTP:       true,
		HTTPS:      true,
		Fallback:   a.own,
		Logger:     logger,
		CheckEvery: 200 * time.Millisecond,
	}
	if edit != nil {
		edit(&options)
	}
	if a.source, err = cert.NewACME(options); err != nil {
		t.Fatal(err)
	}
	a.world = newWorld(t, func(c *server.Config) {
		c.Domain = acmeDomain
		c.DataDir = dir
		c.HTTPAddr = fmt.Sprintf("127.0.0.1:%d", p.httpPort)
		c.HTTPSAddr = fmt.Sprintf("127.0.0.1:%d", p.tlsPort)
		c.TLS = &tls.Config{GetCertificate: a.source.GetCertificate, MinVersion: tls.VersionTLS12}
		c.Certificates = a.source
	})
	a.world.roots = p.roots
	return a
}

// shown returns the certificate that the address shows to who asks for name.
func shown(t testing.TB, addr net.Addr, name string) *x509.Certificate {
	t.Helper()
	c, err := tls.Dial("tcp", addr.String(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0]
}

// trusted dials the address and verifies what it shows by the pebble's root.
func (a *acmeWorld) trusted(addr net.Addr, name string) bool {
	c, err := tls.Dial("tcp", addr.String(), &tls.Config{ServerName: name, RootCAs: a.pebble.roots})
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// online waits for the domain's certificate and then runs a client that trusts the
// pebble alone.
func (a *acmeWorld) online(t testing.TB, tunnels ...client.Tunnel) *runningClient {
	t.Helper()
	conntest.Eventually(t, "the domain has a certificate", func() bool {
		return a.trusted(a.listen.Tunnel.Addr(), acmeDomain)
	})
	return a.runClient(func(c *client.Config) {
		c.TLS = &tls.Config{RootCAs: a.pebble.roots, ServerName: acmeDomain}
	}, tunnels...)
}

func whoami(t testing.TB) net.Addr {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s%s", r.Host, r.URL.Path)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr()
}

func TestACME(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*cert.ACMEOptions)
		http bool
	}{
		{"http-01", func(o *cert.ACMEOptions) { o.HTTPS = false }, true},
		{"tls-alpn-01", func(o *cert.ACMEOptions) { o.HTTP = false }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.NoLeak(t)
			z := newZone(t, acmeDomain, "customer.test")
			p := newPebble(t, z, time.Hour)
			dir := t.TempDir()
			a := newACMEWorld(t, p, dir, tt.edit)
			service := whoami(t)
			custom := httpTunnel("", service)
			custom.Name, custom.Hostname = "custom", "www.customer.test"
			a.online(t, httpTunnel("shop", service), custom)
			if n := p.orders(); n != 1 {
				t.Errorf("%d orders before anybody visits, want 1", n)
			}
			for _, host := range []string{"shop." + acmeDomain, "www.customer.test"} {
				for _, path := range []string{"/a", "/.well-known/acme-challenge/of-the-service"} {
					for scheme, port := range map[string]int{"https": p.tlsPort, "http": p.httpPort} {
						at := fmt.Sprintf("%s:%d", host, port)
						if status, body := get(t, a.visitor(), scheme+"://"+at+path); status != 200 || body != at+path {
							t.Errorf("%s://%s%s: %d %q", scheme, at, path, status, body)
						}
					}
				}
			}
			if n := p.orders(); n != 3 {
				t.Errorf("%d orders for the domain and two names, want 3", n)
			}
			if strings.Contains(p.said(), "validate w/ HTTP") != tt.http {
				t.Errorf("the authority checked otherwise:\n%s", p.said())
			}
			a.strangers(t)
			if n := p.orders(); n != 3 {
				t.Errorf("%d orders after strangers came, want 3", n)
			}
			if a.source.Fingerprint() != a.own.Fingerprint() {
				t.Error("the fingerprint of the server has changed")
			}

			// All is kept: neither the authority nor a client is needed any more.
			a.world.stop()
			p.stop()
			b := newACMEWorld(t, p, dir, tt.edit)
			if b.online(t, httpTunnel("shop", service)); !b.trusted(b.listen.HTTPS.Addr(), "shop."+acmeDomain) {
				t.Error("the certificate of a name was not kept")
			}
		})
	}
}

// strangers ask for names that nobody has.
func (a *acmeWorld) strangers(t *testing.T) {
	for _, name := range []string{"nobody." + acmeDomain, "x.shop." + acmeDomain, "stranger.test", "localhost", "a_b.test", ""} {
		c := shown(t, a.listen.HTTPS.Addr(), name)
		switch {
		case name == "", name == "localhost": // the development certificate, for this machine
		case c.Subject.CommonName == "" || !strings.HasPrefix(c.Issuer.CommonName, "ngrokd"):
			t.Errorf("%q is shown %v of %v, not what the server's own authority made", name, c.DNSNames, c.Issuer)
		}
	}
	_, err := tls.Dial("tcp", a.listen.HTTPS.Addr().String(), &tls.Config{ServerName: "shop." + acmeDomain, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
	if err == nil {
		t.Error("a challenge that is not pending was answered")
	}
}

func TestACMEWildcard(t *testing.T) {
	conntest.NoLeak(t)
	z := newZone(t, acmeDomain)
	p := newPebble(t, z, time.Hour)
	a := newACMEWorld(t, p, t.TempDir(), func(o *cert.ACMEOptions) {
		o.DNS = map[string]string{"provider": "rfc2136", "server": z.addr, "key_name": strings.TrimSuffix(zoneKey, "."), "key": zoneSecret, "resolvers": z.addr}
	})
	service := whoami(t)
	a.online(t, httpTunnel("one", service), httpTunnel("two", service))
	conntest.Eventually(t, "the wildcard is there", func() bool {
		return a.source.Covers("one."+acmeDomain) && a.trusted(a.listen.HTTPS.Addr(), "one."+acmeDomain)
	})
	for _, label := range []string{"one", "two"} {
		if status, body := get(t, a.visitor(), fmt.Sprintf("https://%s.%s:%d/", label, acmeDomain, p.tlsPort)); status != 200 {
			t.Errorf("%s: %d %q", label, status, body)
		}
	}
	if c := shown(t, a.listen.HTTPS.Addr(), "anybody."+acmeDomain); len(c.DNSNames) != 1 || c.DNSNames[0] != "*."+acmeDomain {
		t.Errorf("a stranger's name below the domain is shown %v", c.DNSNames)
	}
	if n := p.orders(); n != 2 {
		t.Errorf("%d orders, want 2: the domain and the wildcard", n)
	}
	if n := z.records(); n != 0 {
		t.Errorf("%d records are left in the zone", n)
	}
}

func TestACMERenewal(t *testing.T) {
	conntest.NoLeak(t)
	p := newPebble(t, newZone(t, acmeDomain), 9*time.Second)
	a := newACMEWorld(t, p, t.TempDir(), nil)
	c := a.online(t, httpTunnel("shop", whoami(t)))
	first := shown(t, a.listen.Tunnel.Addr(), acmeDomain)
	name := "shop." + acmeDomain
	visited := shown(t, a.listen.HTTPS.Addr(), name)
	conntest.Eventually(t, "both certificates are renewed", func() bool {
		return shown(t, a.listen.Tunnel.Addr(), acmeDomain).NotAfter.After(first.NotAfter) &&
			shown(t, a.listen.HTTPS.Addr(), name).NotAfter.After(visited.NotAfter)
	})
	renewed := shown(t, a.listen.Tunnel.Addr(), acmeDomain)
	if !bytes.Equal(renewed.RawSubjectPublicKeyInfo, first.RawSubjectPublicKeyInfo) {
		t.Error("the domain's key has changed, and with it the server's fingerprint")
	}
	conntest.Eventually(t, "the renewed certificate is good", func() bool { return a.trusted(a.listen.HTTPS.Addr(), name) })
	if c.State().Status != client.Online {
		t.Error("the client was cut off")
	}
	// A name that nobody has any more is not renewed.
	c.stop()
	conntest.Eventually(t, "the certificate of the name has ended", func() bool {
		return strings.HasPrefix(shown(t, a.listen.HTTPS.Addr(), name).Issuer.CommonName, "ngrokd")
	})
}

func TestACMEFailure(t *testing.T) {
	conntest.NoLeak(t)
	p := newPebble(t, newZone(t, acmeDomain), time.Hour)
	a := newACMEWorld(t, p, t.TempDir(), nil)
	lost := httpTunnel("", whoami(t))
	lost.Name, lost.Hostname = "lost", "lost.example"
	a.online(t, lost)
	for range 5 {
		if c := shown(t, a.listen.HTTPS.Addr(), "lost.example"); !strings.HasPrefix(c.Issuer.CommonName, "ngrokd") {
			t.Errorf("a name without certificate is shown that of %v", c.Issuer)
		}
	}
	said := a.log.String()
	if n := strings.Count(said, "cannot get a certificate"); n != 1 || !strings.Contains(said, "remedy=\"see that the name is in the DNS, and leads to this host") {
		t.Errorf("the failure was told %d times:\n%s", n, said)
	}
	if n := p.orders(); n > 4 { // the domain, and one for each kind of challenge
		t.Errorf("%d orders", n)
	}
}

// An authority that was set up anew does not know the account any more.
func TestACMEForgottenAccount(t *testing.T) {
	conntest.NoLeak(t)
	p := newPebble(t, newZone(t, acmeDomain), time.Hour)
	a := newACMEWorld(t, p, t.TempDir(), nil)
	a.online(t, httpTunnel("shop", whoami(t)))
	p.stop()
	p.start(t)
	name := "shop." + acmeDomain
	if !a.trusted(a.listen.HTTPS.Addr(), name) {
		t.Errorf("no certificate:\n%s", a.log.String())
	}
}

// logBuffer keeps what is logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write keeps p.
func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns all that was logged.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
