package trust_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ngrok/client/trust"
	"ngrok/server/cert"
)

const domain = "tunnel.example.com"

// connect dials a server that presents what get returns, twice, so that the second
// handshake may resume the first. It returns whether it did, and the client's first error.
func connect(t testing.TB, get func(*tls.ClientHelloInfo) (*tls.Certificate, error), config *tls.Config) (resumed bool, err error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &tls.Config{GetCertificate: get}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			raw, err := listener.Accept()
			if err != nil {
				return
			}
			raw.SetDeadline(time.Now().Add(60 * time.Second))
			conn := tls.Server(raw, server)
			if conn.Handshake() == nil {
				conn.Write([]byte("x"))
			}
			conn.Close()
		}
	}()
	defer func() { listener.Close(); <-done }()
	for range 2 {
		raw, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		raw.SetDeadline(time.Now().Add(60 * time.Second))
		conn := tls.Client(raw, config)
		err = conn.Handshake()
		if err == nil {
			_, err = io.ReadFull(conn, make([]byte, 1)) // takes the session ticket along
		}
		conn.Close()
		if err != nil {
			return false, err
		}
		resumed = conn.ConnectionState().DidResume
	}
	return resumed, nil
}

// selfSigned returns a certificate that signs itself, after edit has had its say.
func selfSigned(t testing.TB, edit func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: domain},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		DNSNames:     []string{domain},
	}
	if edit != nil {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func asPEM(c *tls.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
}

func always(c *tls.Certificate) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c, nil }
}

func pinOf(c *tls.Certificate) string { return trust.PinOf(c.Leaf).String() }

// Every way to believe a server and every way not to, over real handshakes.
func TestHandshakes(t *testing.T) {
	own, err := cert.Own(t.TempDir(), domain, nil)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := cert.Open(cert.Options{Domain: domain, DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	development, err := cert.Development()
	if err != nil {
		t.Fatal(err)
	}
	rootBlock, _ := pem.Decode(own.RootPEM())
	root, err := x509.ParseCertificate(rootBlock.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	rootPin := trust.PinOf(root).String()
	expired := selfSigned(t, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().AddDate(-2, 0, 0), time.Now().AddDate(-1, 0, 0)
	})
	early := selfSigned(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) })
	noSAN := selfSigned(t, func(c *x509.Certificate) { c.DNSNames = nil })
	foreign := selfSigned(t, func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = []string{"www.example.org", "\x1b[2Jevil"}, []net.IP{net.IPv4(192, 0, 2, 1)}
	})
	forClients := selfSigned(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	plain := selfSigned(t, nil)
	// What an attacker can make who knows the pinned authority's certificate.
	forged := *selfSigned(t, nil)
	forged.Certificate = append(forged.Certificate, root.Raw)

	for _, c := range []struct {
		name   string
		get    func(*tls.ClientHelloInfo) (*tls.Certificate, error)
		config trust.Config
		addr   string
		wants  []string // in the explanation; none means that it works
	}{
		{"own authority", own.GetCertificate, trust.Config{Roots: own.RootPEM()}, domain + ":4443", nil},
		{"own authority, name below the domain", own.GetCertificate, trust.Config{Roots: own.RootPEM()}, "x." + domain + ":4443", nil},
		{"own authority and the host's", own.GetCertificate, trust.Config{Roots: own.RootPEM(), HostRoots: true}, domain + ":4443", nil},
		{"own authority in a file", own.GetCertificate, trust.Config{RootCAFile: own.RootFile()}, domain + ":4443", nil},
		{"own authority, not given", own.GetCertificate, trust.Config{}, domain + ":4443", []string{"signed by", "ngrokd authority of tunnel.example.com", "not trusted", "root_ca", "server_fingerprint", "trust_host_root_certs"}},
		{"own authority, other name", own.GetCertificate, trust.Config{Roots: own.RootPEM()}, "other.example.com:4443", []string{"for tunnel.example.com, *.tunnel.example.com, not for other.example.com", "ngrokd certs -domain other.example.com"}},
		{"development by name", development.GetCertificate, trust.Config{}, "localhost:4443", nil},
		{"development by a name below", development.GetCertificate, trust.Config{}, "x.localhost:4443", nil},
		{"development by its old name", development.GetCertificate, trust.Config{}, "ngrok.me:4443", nil},
		{"development by address", development.GetCertificate, trust.Config{}, "127.0.0.1:4443", nil},
		{"development, elsewhere", development.GetCertificate, trust.Config{}, "tunnel.example.com:4443", []string{"not for tunnel.example.com"}},
		{"another domain's server on this machine", opened.GetCertificate, trust.Config{}, "127.0.0.1:4443", nil},
		{"pinned key", own.GetCertificate, trust.Config{Fingerprint: own.Fingerprint()}, domain + ":4443", nil},
		{"pinned key by another name", own.GetCertificate, trust.Config{Fingerprint: own.Fingerprint()}, "192.0.2.1:4443", nil},
		{"pinned key over a forwarded port", opened.GetCertificate, trust.Config{Fingerprint: opened.Fingerprint()}, "127.0.0.1:4443", nil},
		{"pinned key, expired", always(expired), trust.Config{Fingerprint: pinOf(expired)}, domain + ":4443", nil},
		{"pinned key, no SAN", always(noSAN), trust.Config{Fingerprint: pinOf(noSAN)}, domain + ":4443", nil},
		{"other key than the pinned", own.GetCertificate, trust.Config{Fingerprint: pinOf(plain)}, domain + ":4443", []string{"not the one whose key is pinned", own.Fingerprint(), pinOf(plain)}},
		{"pin beats roots", own.GetCertificate, trust.Config{Roots: own.RootPEM(), Fingerprint: pinOf(plain)}, domain + ":4443", []string{"not the one whose key is pinned"}},
		{"pinned authority", own.GetCertificate, trust.Config{Fingerprint: rootPin}, domain + ":4443", nil},
		{"pinned authority, other name", own.GetCertificate, trust.Config{Fingerprint: rootPin}, "other.example.com:4443", []string{"not for other.example.com"}},
		{"pinned authority, other address", own.GetCertificate, trust.Config{Fingerprint: rootPin}, "192.0.2.1:4443", []string{"not for 192.0.2.1"}},
		{"pinned authority, forged", always(&forged), trust.Config{Fingerprint: rootPin}, domain + ":4443", []string{"signed by"}},
		{"self-signed in a file", always(plain), trust.Config{Roots: asPEM(plain)}, domain + ":4443", nil},
		{"expired", always(expired), trust.Config{Roots: asPEM(expired)}, domain + ":4443", []string{"expired on", "renew it", "ngrokd certs -domain " + domain}},
		{"not yet valid", always(early), trust.Config{Roots: asPEM(early)}, domain + ":4443", []string{"not valid before", "clock"}},
		{"no SAN", always(noSAN), trust.Config{Roots: asPEM(noSAN)}, domain + ":4443", []string{"no subject alternative name (SAN)", "old ngrok tutorials", "ngrokd certs -domain " + domain}},
		{"no SAN, unknown too", always(noSAN), trust.Config{}, domain + ":4443", []string{"no subject alternative name (SAN)"}},
		{"other names", always(foreign), trust.Config{Roots: asPEM(foreign)}, domain + ":4443", []string{"www.example.org, ?[2Jevil, 192.0.2.1, not for " + domain}},
		{"a client's", always(forClients), trust.Config{Roots: asPEM(forClients)}, domain + ":4443", []string{"cannot be verified", "incompatible key usage"}},
		{"host's roots, not among them", own.GetCertificate, trust.Config{HostRoots: true}, domain + ":4443", []string{"signed by", "not trusted"}},
		{"host's roots, other name", own.GetCertificate, trust.Config{Roots: own.RootPEM(), HostRoots: true}, "other.example.com:4443", []string{"not for other.example.com"}},
		{"host's roots, by address", own.GetCertificate, trust.Config{Roots: own.RootPEM(), HostRoots: true}, "192.0.2.1:4443", []string{"not for 192.0.2.1"}},
		{"host's roots, expired", always(expired), trust.Config{Roots: asPEM(expired), HostRoots: true}, domain + ":4443", []string{"expired on"}},
		{"host's roots, a client's", always(forClients), trust.Config{Roots: asPEM(forClients), HostRoots: true}, domain + ":4443", []string{"incompatible key usage"}},
		{"host's roots in one file", own.GetCertificate, trust.Config{HostRoots: true, HostRootsFile: own.RootFile()}, domain + ":4443", nil},
		{"host's roots in one file, other name", own.GetCertificate, trust.Config{HostRoots: true, HostRootsFile: own.RootFile()}, "other.example.com:4443", []string{"not for other.example.com"}},
		{"host's roots in a file without any", own.GetCertificate, trust.Config{HostRoots: true, HostRootsFile: os.DevNull}, domain + ":4443", []string{"not trusted"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := c.config.TLS(c.addr)
			if err != nil {
				t.Fatal(err)
			}
			resumed, err := connect(t, c.get, config)
			if len(c.wants) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				// crypto/tls resumes no session of an expired certificate.
				if !resumed && c.name != "pinned key, expired" {
					t.Error("the second connection did not resume the first one's session")
				}
				return
			}
			if err == nil {
				t.Fatal("believed")
			}
			told := trust.Explain(err, c.addr)
			var explained *trust.Error
			if !errors.As(told, &explained) || !errors.Is(told, err) || explained.Temporary {
				t.Fatalf("not explained: %T %v", told, told)
			}
			for _, want := range c.wants {
				if !strings.Contains(told.Error(), want) {
					t.Errorf("%q lacks %q", told, want)
				}
			}
			t.Log(told)
		})
	}
}

func TestExplainProtocol(t *testing.T) {
	for _, c := range []struct {
		name      string
		serve     func(net.Conn)
		want      string
		temporary bool
	}{
		{"an http port", func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }, "does not speak TLS", false},
		{"closed", func(net.Conn) {}, "ended the connection during the TLS handshake", true},
		{"TLS 1.1 alone", func(c net.Conn) {
			tls.Server(c, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, GetCertificate: always(selfSigned(t, nil))}).Handshake()
		}, "refused the TLS handshake", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := net.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer server.Close()
				if c.name != "TLS 1.1 alone" {
					io.ReadFull(server, make([]byte, 5))
					hello := make([]byte, 4096)
					server.Read(hello)
				}
				c.serve(server)
			}()
			config, err := trust.Config{}.TLS("localhost:4443")
			if err != nil {
				t.Fatal(err)
			}
			err = tls.Client(client, config).Handshake()
			client.Close()
			<-done
			var explained *trust.Error
			if !errors.As(trust.Explain(err, "localhost:4443"), &explained) || !strings.Contains(explained.Error(), c.want) || explained.Temporary != c.temporary {
				t.Errorf("%v explained as %v", err, trust.Explain(err, "localhost:4443"))
			}
		})
	}
	other := errors.New("connection refused")
	if got := trust.Explain(other, "localhost:4443"); got != other {
		t.Errorf("another error became %v", got)
	}
	if trust.Explain(nil, "localhost:4443") != nil {
		t.Error("nil became an error")
	}
	once := trust.Explain(x509.UnknownAuthorityError{}, "localhost:4443")
	if twice := trust.Explain(fmt.Errorf("dial: %w", once), "localhost:4443"); !errors.Is(twice, once) {
		t.Errorf("explained again: %v", twice)
	}
}

func TestSettingsSayWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte("x")})
	for _, c := range []struct {
		name   string
		config trust.Config
		want   string
	}{
		{"no such file", trust.Config{RootCAFile: filepath.Join(dir, "none.crt")}, "none.crt"},
		{"empty file", trust.Config{RootCAFile: file("empty", nil)}, "no certificate in it"},
		{"key", trust.Config{RootCAFile: file("key", key)}, "private key in it"},
		{"garbage", trust.Config{RootCAFile: file("garbage", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))}, "cannot be read"},
		{"huge file", trust.Config{RootCAFile: file("huge", bytes.Repeat([]byte{'\n'}, 5<<20))}, "larger than"},
		{"broken roots", trust.Config{Roots: []byte("x")}, "baked-in"},
		{"pin without a hash's name", trust.Config{Fingerprint: strings.Repeat("a", 64)}, "server_fingerprint: "},
		{"short pin", trust.Config{Fingerprint: "sha256:abcd"}, "64 hexadecimal digits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := c.config.TLS("localhost:4443"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestTLSNames(t *testing.T) {
	for _, addr := range []string{"", ":4443", "[]:4443", "[%eth0]:4443"} {
		if _, err := (trust.Config{HostRoots: true}).TLS(addr); err == nil || !strings.Contains(err.Error(), "names no host") {
			t.Errorf("%q: %v", addr, err)
		}
	}
	for addr, want := range map[string]string{
		"tunnel.example.com:4443": "tunnel.example.com",
		"tunnel.example.com":      "tunnel.example.com",
		"[2001:db8::1]:4443":      "2001:db8::1",
		"[fe80::1%eth0]:4443":     "fe80::1",
	} {
		config, err := trust.Config{}.TLS(addr)
		if err != nil || config.ServerName != want || config.InsecureSkipVerify || config.MinVersion != tls.VersionTLS12 {
			t.Errorf("%s: %+v %v", addr, config, err)
		}
	}
}

func TestParseFingerprint(t *testing.T) {
	raw := bytes.Repeat([]byte{0xab, 0xfb}, 16)
	digits := hex.EncodeToString(raw)
	var colons []string
	for i := 0; i < len(digits); i += 2 {
		colons = append(colons, strings.ToUpper(digits[i:i+2]))
	}
	for _, in := range []string{
		"sha256:" + digits,
		" SHA256:" + strings.ToUpper(digits) + "\n",
		"sha256:" + strings.Join(colons, ":"),
		"sha256:" + base64.StdEncoding.EncodeToString(raw),
		"SHA256:" + base64.RawStdEncoding.EncodeToString(raw),
		"sha256:" + base64.URLEncoding.EncodeToString(raw),
		"sha256//:" + digits,
		"sha256://" + base64.StdEncoding.EncodeToString(raw),
	} {
		pin, err := trust.ParseFingerprint(in)
		if strings.HasPrefix(in, "sha256//:") {
			if err == nil {
				t.Errorf("%q was accepted", in)
			}
			continue
		}
		if err != nil || !bytes.Equal(pin[:], raw) {
			t.Errorf("%q gave %v, %v", in, pin, err)
		}
	}
}

func FuzzParseFingerprint(f *testing.F) {
	f.Add("sha256:" + strings.Repeat("0a", 32))
	f.Add("sha256:" + strings.Repeat("A", 43) + "=")
	f.Add("sha256://AB:CD")
	f.Fuzz(func(t *testing.T, s string) {
		pin, err := trust.ParseFingerprint(s)
		if err != nil {
			return
		}
		if again, err := trust.ParseFingerprint(pin.String()); err != nil || again != pin {
			t.Fatalf("%q became %v, then %v %v", s, pin, again, err)
		}
	})
}

func FuzzRoots(f *testing.F) {
	f.Add(trust.Embedded())
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if data == nil {
			data = []byte{}
		}
		config, err := trust.Config{Roots: data}.TLS("localhost:4443")
		if (err == nil) != (config != nil) || err == nil && config.RootCAs == nil {
			t.Fatalf("%v, %v", config, err)
		}
	})
}
