package cert

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestOwnServesItsDomain(t *testing.T) {
	for _, c := range []struct{ domain, name string }{
		{"tunnel.example.com", "tunnel.example.com"},
		{"tunnel.example.com", "www.tunnel.example.com"},
		{"Bücher.example.", "a.xn--bcher-kva.example"},
		{"localhost", "a.localhost"},
		{"192.0.2.7", "192.0.2.7"},
		{"2001:db8::7", "2001:db8::7"},
	} {
		t.Run(c.domain+" as "+c.name, func(t *testing.T) {
			a, err := Own(t.TempDir(), c.domain, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := handshake(t, a, a.RootPEM(), c.name); err != nil {
				t.Fatal(err)
			}
			if _, err := handshake(t, a, a.RootPEM(), "www.example.org"); err == nil {
				t.Fatal("accepted for a name that is not the domain's")
			}
		})
	}
}

func TestOwnKeepsItsFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "tls")
	first, err := Own(dir, "tunnel.example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "tunnel.example.com")
	if runtime.GOOS != "windows" {
		if got := mode(t, own); got != 0o700 {
			t.Errorf("directory has mode %o", got)
		}
		for _, name := range []string{rootKeyFile, leafKeyFile} {
			if got := mode(t, filepath.Join(own, name)); got != 0o600 {
				t.Errorf("%s has mode %o", name, got)
			}
		}
	}
	again, err := Own(dir, "TUNNEL.example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Pair().certificate.Certificate[0], again.Pair().certificate.Certificate[0]) {
		t.Error("another certificate after a restart")
	}
	other, err := Own(dir, "other.example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	if other.Fingerprint() == first.Fingerprint() {
		t.Error("two domains share a key")
	}
	leftovers, err := filepath.Glob(filepath.Join(own, ".*"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("left behind: %v %v", leftovers, err)
	}
	file, err := os.ReadFile(first.RootFile())
	if err != nil || !bytes.Equal(file, first.RootPEM()) {
		t.Errorf("RootFile does not hold RootPEM: %v", err)
	}
}

// A crash between two writes leaves some of the files.
func TestOwnCompletesWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		name     string
		remove   []string
		sameKey  bool
		contains string // of the error; empty means none
	}{
		{"server.crt is missing", []string{leafCertFile}, true, ""},
		{"both certificates are missing", []string{leafCertFile, rootCertFile}, true, ""},
		{"the server's pair is missing", []string{leafCertFile, leafKeyFile}, false, ""},
		{"server.key is missing", []string{leafKeyFile}, true, "server.key is missing beside server.crt: restore it"},
		{"ca.key is missing", []string{rootKeyFile}, true, "ca.key is missing beside ca.crt: restore it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			a, err := Issue(dir, "tunnel.example.com", nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range c.remove {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			b, err := Issue(dir, "tunnel.example.com", nil)
			if c.contains != "" {
				if err == nil || !strings.Contains(err.Error(), c.contains) {
					t.Fatalf("error %v, want %q in it", err, c.contains)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if (a.Fingerprint() == b.Fingerprint()) != c.sameKey {
				t.Errorf("same key: %v, want %v", !c.sameKey, c.sameKey)
			}
			if _, err := handshake(t, b, b.RootPEM(), "tunnel.example.com"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIssueRefusesAnotherDomainsAuthority(t *testing.T) {
	dir := t.TempDir()
	if _, err := Issue(dir, "one.example.com", nil); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, leafCertFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Issue(dir, "two.example.com", nil); err == nil || !strings.Contains(err.Error(), "cannot sign for two.example.com, choose another directory") {
		t.Fatalf("error %v", err)
	}
	after, err := os.ReadFile(filepath.Join(dir, leafCertFile))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the first domain's certificate was touched: %v", err)
	}
}

// Years pass in a few seconds: the certificate is renewed in time by handshakes alone,
// its key never changes, and the root is renewed long before it expires.
func TestAuthorityRenewsItself(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		a, err := Issue(dir, "tunnel.example.com", slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		firstRoot, fingerprint := a.RootPEM(), a.Fingerprint()
		firstRootEnd := a.RootNotAfter()
		renewals, last := 0, a.NotAfter()
		for range 9 * 12 {
			time.Sleep(30 * 24 * time.Hour)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if _, err := a.GetCertificate(nil); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if err := a.Pair().Check("tunnel.example.com", time.Now()); err != nil {
				t.Fatal(err)
			}
			if a.NotAfter() != last {
				renewals, last = renewals+1, a.NotAfter()
			}
			if a.Fingerprint() != fingerprint {
				t.Fatal("the key changed")
			}
			if time.Now().Before(firstRootEnd) {
				verify(t, a, firstRoot)
			}
			verify(t, a, a.RootPEM())
		}
		if renewals < 10 || renewals > 14 {
			t.Errorf("%d renewals in 9 years", renewals)
		}
		if bytes.Equal(firstRoot, a.RootPEM()) {
			t.Error("the root was not renewed")
		}
		if !strings.Contains(log.String(), "give the new root_ca file to clients") {
			t.Error("nobody was told of the new root")
		}
	})
}

// A machine without a clock of its own starts at some date, and learns the right one
// from the network later.
func TestAuthorityMadeWhileTheClockWasWrong(t *testing.T) {
	dir := t.TempDir()
	future, err := Issue(dir, "tunnel.example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { // it is the year 2000 there
		a, err := Issue(dir, "tunnel.example.com", nil)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, a, a.RootPEM())
		if a.Fingerprint() != future.Fingerprint() {
			t.Error("the key changed")
		}
	})
	again, err := Issue(dir, "tunnel.example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, again, again.RootPEM())
	if again.Fingerprint() != future.Fingerprint() {
		t.Error("the key changed")
	}
}

func TestAuthorityServesOnWhenRenewalFails(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		a, err := Issue(dir, "tunnel.example.com", slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		old := a.Pair()
		if err := os.WriteFile(filepath.Join(dir, rootKeyFile), []byte("not a key"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * 24 * time.Hour)
		for range 100 {
			got, err := a.GetCertificate(nil)
			if err != nil || got.Leaf != old.certificate.Leaf {
				t.Fatalf("not the old certificate: %v", err)
			}
		}
		if n := strings.Count(log.String(), "cannot renew"); n != 1 {
			t.Errorf("complained %d times within an hour", n)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if _, err := a.GetCertificate(nil); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(log.String(), "cannot renew"); n != 2 {
			t.Errorf("complained %d times after two failures", n)
		}
	})
}

func TestParseDomain(t *testing.T) {
	for in, want := range map[string]string{
		"Tunnel.Example.com.": "tunnel.example.com",
		"localhost":           "localhost",
		"bücher.example":      "xn--bcher-kva.example",
		"[::1]":               "::1",
		"::ffff:192.0.2.1":    "192.0.2.1",
	} {
		if got, err := ParseDomain(in); err != nil || got != want {
			t.Errorf("%q gave %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", ".", "a..b", "*.example.com", "example.com:4443", "http://example.com", "fe80::1%eth0", "a b", "../up", strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 127) + "com"} {
		if got, err := ParseDomain(in); err == nil {
			t.Errorf("%q was accepted as %q", in, got)
		}
	}
}
