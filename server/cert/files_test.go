package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// verify checks the present certificate against root at the present time, which in a
// bubble is not that of the sockets.
func verify(t *testing.T, source Source, root []byte) {
	t.Helper()
	got, err := source.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	if _, err := got.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "tunnel.example.com", CurrentTime: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

func TestFilesSayWhatIsWrong(t *testing.T) {
	good, goodKey := pemPair(t, nil)
	_, otherKey := pemPair(t, nil)
	noSAN, noSANKey := pemPair(t, func(c *x509.Certificate) { c.DNSNames = nil })
	expired, expiredKey := pemPair(t, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().AddDate(-2, 0, 0), time.Now().AddDate(-1, 0, 0)
	})
	early, earlyKey := pemPair(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(48 * time.Hour) })
	foreign, foreignKey := pemPair(t, func(c *x509.Certificate) { c.DNSNames = []string{"www.example.org"} })
	client, clientKey := pemPair(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	for _, c := range []struct {
		name      string
		cert, key []byte
		wants     []string // in the message; none means no error
	}{
		{"good", good, goodKey, nil},
		{"no SAN", noSAN, noSANKey, []string{"no subject alternative name (SAN)", `"tunnel.example.com"`, "ngrokd certs -domain tunnel.example.com"}},
		{"expired", expired, expiredKey, []string{"expired on", "Renew"}},
		{"not yet valid", early, earlyKey, []string{"not valid before", "clock"}},
		{"another name", foreign, foreignKey, []string{"is for www.example.org, not for tunnel.example.com", "ngrokd certs"}},
		{"a client's", client, clientKey, []string{"not meant for servers"}},
		{"another key", good, otherKey, []string{"does not belong to the certificate"}},
		{"swapped", goodKey, good, []string{"swapped"}},
		{"key twice", goodKey, goodKey, []string{"swapped"}},
		{"certificate twice", good, good, []string{"swapped"}},
		{"empty", nil, nil, []string{"no certificate"}},
		{"DER", []byte{0x30, 0x82, 0x01}, goodKey, []string{"openssl x509 -inform der"}},
		{"garbage in PEM", block("CERTIFICATE", []byte("x")), goodKey, []string{"certificate cannot be read"}},
		{"garbage key", good, block("PRIVATE KEY", []byte("x")), []string{"private key cannot be read"}},
		{"encrypted key", good, block("ENCRYPTED PRIVATE KEY", []byte("x")), []string{"encrypted", "openssl pkey"}},
		{"request", block("CERTIFICATE REQUEST", []byte("x")), goodKey, []string{"CERTIFICATE REQUEST"}},
		{"huge", bytes.Repeat([]byte{'a'}, maxFile+1), goodKey, []string{"larger than"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			certFile, keyFile := put(t, t.TempDir(), c.cert, c.key)
			_, err := Files(certFile, keyFile, "tunnel.example.com", nil)
			if len(c.wants) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, want := range append(c.wants, certFile) {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
	t.Run("not there", func(t *testing.T) {
		if _, err := Files("/nonexistent/a.crt", "/nonexistent/a.key", "tunnel.example.com", nil); err == nil || !strings.Contains(err.Error(), "/nonexistent/a.crt") {
			t.Errorf("error %v", err)
		}
	})
}

func TestFilesFollowChanges(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		oldCert, oldKey := pemPair(t, nil)
		certFile, keyFile := put(t, dir, oldCert, oldKey)
		f, err := Files(certFile, keyFile, "tunnel.example.com", logger)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, f, oldCert)

		newCert, newKey := pemPair(t, nil)
		put(t, dir, newCert, oldKey) // the first of two files has been replaced
		for range 3 {
			time.Sleep(2 * time.Second)
			verify(t, f, oldCert)
		}
		if n := strings.Count(log.String(), "cannot be used"); n != 1 {
			t.Errorf("complained %d times of one broken pair", n)
		}
		if err := f.Reload(); err == nil || !strings.Contains(err.Error(), "does not belong") {
			t.Errorf("Reload returned %v", err)
		}
		put(t, dir, newCert, newKey)
		time.Sleep(2 * time.Second)
		verify(t, f, newCert)

		put(t, dir, []byte("garbage"), newKey)
		time.Sleep(2 * time.Second)
		verify(t, f, newCert)
		if err := os.Remove(certFile); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		verify(t, f, newCert)
		put(t, dir, newCert, newKey)
		if err := f.Reload(); err != nil {
			t.Errorf("Reload of the file that came back: %v", err)
		}

		// Nobody renews it: it is warned of daily, and serves to the end.
		log.Reset()
		time.Sleep(85 * 24 * time.Hour)
		for range 48 {
			verify(t, f, newCert)
			time.Sleep(time.Hour)
		}
		if n := strings.Count(log.String(), "expires soon"); n != 2 {
			t.Errorf("warned %d times in 2 days", n)
		}
	})
}

func TestGaps(t *testing.T) {
	for _, c := range []struct {
		name  string
		names []string
		want  string
	}{
		{"all", []string{"tunnel.example.com", "*.tunnel.example.com"}, ""},
		{"no wildcard", []string{"tunnel.example.com"}, "*.tunnel.example.com"},
		{"wildcard alone", []string{"*.tunnel.example.com"}, "another server_addr"},
	} {
		certPEM, keyPEM := pemPair(t, func(x *x509.Certificate) { x.DNSNames = c.names })
		pair, err := ParsePair(certPEM, keyPEM)
		if err != nil {
			t.Fatal(err)
		}
		if got := pair.Gaps("tunnel.example.com"); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestOpenChooses(t *testing.T) {
	certPEM, keyPEM := pemPair(t, nil)
	certFile, keyFile := put(t, t.TempDir(), certPEM, keyPEM)
	development, err := Development()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		options Options
		asks    string
		trusts  []byte // nil: the source's own root
		err     string
	}{
		{"files", Options{Domain: "tunnel.example.com", CertFile: certFile, KeyFile: keyFile}, "tunnel.example.com", certPEM, ""},
		{"development", Options{Domain: "localhost"}, "www.localhost", development.RootPEM(), ""},
		{"development by its old name", Options{Domain: "ngrok.me"}, "ngrok.me", development.RootPEM(), ""},
		{"own", Options{Domain: "tunnel.example.com", DataDir: t.TempDir()}, "www.tunnel.example.com", nil, ""},
		{"own, asked for localhost", Options{Domain: "tunnel.example.com", DataDir: t.TempDir()}, "localhost", development.RootPEM(), ""},
		{"own, asked for 127.0.0.1", Options{Domain: "tunnel.example.com", DataDir: t.TempDir()}, "127.0.0.1", development.RootPEM(), ""},
		{"own for an address, forwarded to loopback", Options{Domain: "192.0.2.7", DataDir: t.TempDir()}, "192.0.2.7", nil, ""},
		{"files, asked for localhost", Options{Domain: "tunnel.example.com", CertFile: certFile, KeyFile: keyFile}, "localhost", development.RootPEM(), ""},
		{"key alone", Options{Domain: "tunnel.example.com", KeyFile: keyFile}, "", nil, "-tlsKey needs -tlsCrt"},
		{"certificate alone", Options{Domain: "tunnel.example.com", CertFile: certFile}, "", nil, "-tlsCrt needs -tlsKey"},
		{"no directory", Options{Domain: "tunnel.example.com"}, "", nil, "-dataDir"},
		{"no domain", Options{}, "", nil, "domain is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			source, err := Open(c.options)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			root := c.trusts
			if root == nil {
				root = source.RootPEM()
			}
			if _, err := handshake(t, source, root, c.asks); err != nil {
				t.Error(err)
			}
		})
	}
}

// Whoever baked in what an old tutorial's commands make has to hear of it, instead of
// getting another certificate silently.
func TestBakedWithoutSANIsMeantForItsDomain(t *testing.T) {
	for cn, want := range map[string]bool{"tunnel.example.com": true, "*.tunnel.example.com": true, "example.com": false, "": false} {
		certPEM, keyPEM := pemPair(t, func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames = cn, nil })
		pair, err := ParsePair(certPEM, keyPEM)
		if err != nil {
			t.Fatal(err)
		}
		if pair.meant("tunnel.example.com") != want {
			t.Errorf("%q is meant for the domain: %v", cn, !want)
		}
	}
}

// The committed development certificate serves for a while yet: when this fails, run
// `make snakeoil` and commit what it changes.
func TestDevelopmentIsNotAboutToExpire(t *testing.T) {
	pair, err := Development()
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(pair.NotAfter()); left < 365*24*time.Hour {
		t.Errorf("it expires in %v", left)
	}
	for name, want := range map[string]bool{"localhost": true, "a.localhost": true, "ngrok.me": true, "127.0.0.1": true, "::1": true, "a.ngrok.me": false, "example.com": false, "127.0.0.2": false} {
		if pair.Covers(name) != want {
			t.Errorf("covers %s: %v", name, !want)
		}
	}
	root, err := os.ReadFile(filepath.Join("..", "..", "assets", "client", "tls", "snakeoilca.crt"))
	if err != nil || !bytes.Equal(root, pair.RootPEM()) {
		t.Errorf("clients trust another root: %v", err)
	}
}

func TestOpenReloads(t *testing.T) {
	certPEM, keyPEM := pemPair(t, nil)
	dir := t.TempDir()
	certFile, keyFile := put(t, dir, certPEM, keyPEM)
	for _, c := range []struct {
		name    string
		options Options
		fails   bool
	}{
		{"files", Options{Domain: "tunnel.example.com", CertFile: certFile, KeyFile: keyFile}, true},
		{"own", Options{Domain: "tunnel.example.com", DataDir: t.TempDir()}, false},
	} {
		put(t, dir, certPEM, keyPEM)
		source, err := Open(c.options)
		if err != nil {
			t.Fatal(err)
		}
		put(t, dir, []byte("garbage"), keyPEM)
		reloader, ok := source.(interface{ Reload() error })
		if !ok {
			t.Fatalf("%s: cannot reload", c.name)
		}
		if err := reloader.Reload(); (err != nil) != c.fails {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzParsePair(f *testing.F) {
	certPEM, keyPEM := pemPair(f, nil)
	f.Add(certPEM, keyPEM)
	f.Add(keyPEM, certPEM)
	f.Add(append(certPEM, certPEM...), append([]byte("text\n"), keyPEM...))
	f.Add(block("CERTIFICATE", []byte("0")), block("RSA PRIVATE KEY", []byte("0")))
	f.Fuzz(func(t *testing.T, certPEM, keyPEM []byte) {
		pair, err := ParsePair(certPEM, keyPEM)
		if err != nil {
			return
		}
		_ = pair.Check("tunnel.example.com", time.Now())
		_ = pair.Gaps("tunnel.example.com")
		if got, err := pair.GetCertificate(nil); err != nil || got.Leaf == nil || pair.Fingerprint() == "" {
			t.Fatal("a parsed pair does not serve")
		}
	})
}
