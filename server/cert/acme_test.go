package cert

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"ngrok/conn/conntest"
)

// acmeOptions are those of a server that has everything but an authority.
func acmeOptions(t *testing.T, domain string) ACMEOptions {
	t.Helper()
	dir := t.TempDir()
	own, err := Open(Options{Domain: domain, DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return ACMEOptions{Domain: domain, DataDir: dir, HTTP: true, HTTPS: true, Fallback: own, Directory: "https://127.0.0.1:1/dir"}
}

func TestNewACMERefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*ACMEOptions)
		want string
	}{
		{"address", func(o *ACMEOptions) { o.Domain = "192.0.2.1" }, "choose a host name"},
		{"localhost", func(o *ACMEOptions) { o.Domain = "localhost" }, "no public authority"},
		{"one label", func(o *ACMEOptions) { o.Domain = "tunnel" }, "no public authority"},
		{"email", func(o *ACMEOptions) { o.Email = "Ops <ops@example.com>" }, "is no address"},
		{"http directory", func(o *ACMEOptions) { o.Directory = "http://a.example/dir" }, "begins with https://"},
		{"directory with a password", func(o *ACMEOptions) { o.Directory = "https://a:kanarie@a.example/" }, "begins with https://"},
		{"no ports", func(o *ACMEOptions) { o.HTTP, o.HTTPS = false, false }, "neither an http nor an https port"},
		{"no CA file", func(o *ACMEOptions) { o.CAFile = filepath.Join(t.TempDir(), "none.pem") }, "ca: open"},
		{"CA file of something else", func(o *ACMEOptions) { o.CAFile = "acme_test.go" }, "there is no certificate"},
		{"unknown provider", func(o *ACMEOptions) { o.DNS = map[string]string{"provider": "x"} }, `no provider "x": choose one of exec, rfc2136`},
		{"unknown setting", func(o *ACMEOptions) {
			o.DNS = map[string]string{"provider": "exec", "command": "/bin/true", "token": "y"}
		}, `no setting "token"`},
		{"rfc2136 with an unknown algorithm", func(o *ACMEOptions) {
			o.DNS = map[string]string{"provider": "rfc2136", "server": "a", "key_name": "k", "key": "a2V5", "key_alg": "rot13"}
		}, `unknown key_alg "rot13"`},
		{"rfc2136 without key", func(o *ACMEOptions) { o.DNS = map[string]string{"provider": "rfc2136", "server": "a"} }, "wants server, key_name and key"},
		{"exec with a value for a variable", func(o *ACMEOptions) {
			o.DNS = map[string]string{"provider": "exec", "command": "/bin/true", "env": "PATH, TOKEN=kanarie"}
		}, "number 2 of what env names is not in ngrokd's environment"},
		{"relative command", func(o *ACMEOptions) { o.DNS = map[string]string{"provider": "exec", "command": "x"} }, "absolute path"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := acmeOptions(t, "tunnel.example.com")
			o.Getenv = func(key string) string { return map[string]string{"PATH": "/bin"}[key] }
			tt.edit(&o)
			if _, err := NewACME(o); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "kanarie") {
				t.Errorf("%v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestACMESubjects(t *testing.T) {
	o := acmeOptions(t, "tunnel.example.com")
	plain, err := NewACME(o)
	if err != nil {
		t.Fatal(err)
	}
	o.DNS = map[string]string{"provider": "exec", "command": "/bin/true"}
	wild, err := NewACME(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ sni, plain, wild string }{
		{"tunnel.example.com", "tunnel.example.com", "tunnel.example.com"},
		{"TUNNEL.example.com.", "tunnel.example.com", "tunnel.example.com"},
		{"", "tunnel.example.com", "tunnel.example.com"},
		{"a.tunnel.example.com", "a.tunnel.example.com", "*.tunnel.example.com"},
		{"a.b.tunnel.example.com", "a.b.tunnel.example.com", "a.b.tunnel.example.com"},
		{"www.customer.example", "www.customer.example", "www.customer.example"},
		{"xtunnel.example.com", "xtunnel.example.com", "xtunnel.example.com"},
		{"localhost", "", ""},
		{"a.localhost", "", ""},
		{"printer.local", "", ""},
		{"intranet", "", ""},
		{"192.0.2.1", "", ""},
		{"a_b.example", "", ""},
		{"*.tunnel.example.com", "", ""},
		{"a..example", "", ""},
		{strings.Repeat("a.", 200) + "example", "", ""},
	} {
		for a, want := range map[*ACME]string{plain: tt.plain, wild: tt.wild} {
			name := a.nameOf(&tls.ClientHelloInfo{ServerName: tt.sni})
			subject := ""
			if name != "" {
				subject = a.subjectFor(name)
			}
			if subject != want {
				t.Errorf("%q with dns=%v: certificate for %q, want %q", tt.sni, a.dns, subject, want)
			}
		}
	}
}

// The operator's own files go before what an authority would give.
func TestACMEWithFiles(t *testing.T) {
	o := acmeOptions(t, "tunnel.example.com")
	dir := t.TempDir()
	if _, err := Issue(dir, o.Domain, nil); err != nil {
		t.Fatal(err)
	}
	var err error
	o.Fallback, err = Open(Options{Domain: o.Domain, CertFile: filepath.Join(dir, leafCertFile), KeyFile: filepath.Join(dir, leafKeyFile)})
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewACME(o)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"tunnel.example.com": false, "a.tunnel.example.com": false, "www.customer.example": true} {
		if a.manages(name) != want {
			t.Errorf("manages %s: %v", name, !want)
		}
	}
	if a.Public() {
		t.Error("says that everybody trusts what is in files")
	}
	if err := a.Reload(); err != nil {
		t.Error(err)
	}
}

// While no authority answers, the server's own certificate serves; each name is tried
// once, told once, and strangers' names not at all.
func TestACMEWithoutAuthority(t *testing.T) {
	var requests atomic.Int32
	authority := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		http.Error(w, "out of order", http.StatusInternalServerError)
	}))
	authority.StartTLS()
	defer authority.Close()
	o := acmeOptions(t, "tunnel.example.com")
	o.Directory = authority.URL + "/dir"
	o.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(o.CAFile, encodeCertificate(authority.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	a, err := NewACME(o)
	if err != nil {
		t.Fatal(err)
	}
	hello := func(name string) *tls.ClientHelloInfo { return &tls.ClientHelloInfo{ServerName: name} }
	want, err := o.Fallback.GetCertificate(hello(o.Domain))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx, func(host string) string {
			if host == "known.example.com" {
				return "token:alice"
			}
			return ""
		})
	}()
	conntest.Eventually(t, "it runs", func() bool { return a.manager.Load() != nil })
	for _, name := range []string{o.Domain, "known.example.com", "known.example.com", "stranger.example.com", "x.tunnel.example.com"} {
		got, err := a.GetCertificate(hello(name))
		if err != nil || got != want {
			t.Errorf("%s: %v, %v, want the server's own", name, got, err)
		}
	}
	if a.Fingerprint() != o.Fallback.Fingerprint() || !a.NotAfter().Equal(o.Fallback.NotAfter()) || a.RootPEM() == nil {
		t.Error("does not speak of the certificate that it shows")
	}
	cancel()
	<-done
	if n := strings.Count(log.String(), "cannot get a certificate"); n != 2 {
		t.Errorf("told %d failures, want 2:\n%s", n, log.String())
	}
	if strings.Contains(log.String(), "stranger") || strings.Contains(log.String(), "name=x.") {
		t.Errorf("tells of strangers' names:\n%s", log.String())
	}
	if requests.Load() == 0 {
		t.Error("the authority was not asked")
	}
	err = filepath.WalkDir(filepath.Join(o.DataDir, acmeDir), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPauseAfter(t *testing.T) {
	for _, tt := range []struct {
		failures int
		kind     string
		want     time.Duration
	}{
		{0, acme.ProblemTypeDNS, 2 * time.Minute},
		{1, acme.ProblemTypeDNS, 4 * time.Minute},
		{9, acme.ProblemTypeDNS, 12 * time.Hour},
		{1000, acme.ProblemTypeDNS, 12 * time.Hour},
		{0, acme.ProblemTypeRateLimited, time.Hour},
		{5, kindBusy, orderInterval},
		{5, kindShare, ownerInterval},
	} {
		if got := pauseAfter(tt.failures, tt.kind); got != tt.want {
			t.Errorf("after %d failures (%s): %v, want %v", tt.failures, tt.kind, got, tt.want)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		err  error
		kind string
		want string
	}{
		{errTooMany, kindBusy, "wildcard"},
		{&storageError{fs.ErrPermission}, kindStorage, "data directory"},
		{errNoProof, kindProof, "enable"},
		{errors.New("dial tcp: refused"), kindOther, "acme.directory"},
		{acme.Problem{Type: acme.ProblemTypeConnection}, acme.ProblemTypeConnection, "port 80 or 443"},
		{acme.Problem{Type: acme.ProblemTypeDNS}, acme.ProblemTypeDNS, "in the DNS"},
		{acme.Problem{Type: acme.ProblemTypeRateLimited}, acme.ProblemTypeRateLimited, "wildcard"},
		{acme.Problem{Type: acme.ProblemTypeCAA}, acme.ProblemTypeCAA, "CAA"},
		{acme.Problem{Type: acme.ProblemTypeRejectedIdentifier}, acme.ProblemTypeRejectedIdentifier, "another name"},
		{acme.Problem{Type: acme.ProblemTypeInvalidContact}, acme.ProblemTypeInvalidContact, "acme.email"},
		{acme.Problem{Type: acme.ProblemTypeExternalAccountRequired}, acme.ProblemTypeExternalAccountRequired, "acme.directory"},
		{acme.Problem{Type: "urn:x"}, "urn:x", "own words"},
	} {
		if kind, remedy := explain(tt.err); kind != tt.kind || !strings.Contains(remedy, tt.want) {
			t.Errorf("%v: %q, %q, want %q, …%s…", tt.err, kind, remedy, tt.kind, tt.want)
		}
	}
}

// What certmagic calls an error is a detail.
func TestZapLogger(t *testing.T) {
	var b bytes.Buffer
	level := new(slog.LevelVar)
	logger := zapLogger(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level}))).Named("obtain").With(zap.String("name", "a.example"))
	logger.Error("could not", zap.Error(errors.New("why")))
	if b.Len() > 0 {
		t.Errorf("at Info: %s", b.String())
	}
	level.Set(slog.LevelDebug)
	logger.Error("could not", zap.Error(errors.New("why")), zap.Int("n", 3))
	for _, want := range []string{"level=DEBUG", `msg="certmagic: could not"`, "name=a.example", "part=obtain", "error=why", "n=3"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s is not in %s", want, b.String())
		}
	}
}

func TestACMEStoreLocks(t *testing.T) {
	s := newACMEStore(t.TempDir())
	if err := s.Lock(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if ok, _ := s.TryLock(t.Context(), "a"); ok {
		t.Error("locked twice")
	}
	if ok, _ := s.TryLock(t.Context(), "b"); !ok {
		t.Error("another name is not free")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Lock(gone, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting in vain: %v", err)
	}
	got := make(chan error)
	go func() { got <- s.Lock(t.Context(), "a") }()
	if err := s.Unlock(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
	if err := s.Unlock(t.Context(), "never"); err == nil {
		t.Error("gave back what nobody had")
	}
}

// What is built into both programs goes on as it is for the domain.
func TestACMEWithBaked(t *testing.T) {
	development, err := Development()
	if err != nil {
		t.Fatal(err)
	}
	o := acmeOptions(t, "ngrok.me")
	o.Fallback = withDevelopment{development, development, false}
	a, err := NewACME(o)
	if err != nil {
		t.Fatal(err)
	}
	if a.manages("ngrok.me") || !a.manages("a.ngrok.me") || a.Public() || a.ownKey != nil {
		t.Errorf("manages the domain: %v, names below: %v", a.manages("ngrok.me"), a.manages("a.ngrok.me"))
	}
}

// One owner of many names takes its part of the orders, and leaves the rest to others.
func TestOrdersOfOneOwner(t *testing.T) {
	a, err := NewACME(acmeOptions(t, "tunnel.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	m := a.newManager(t.Context(), func(host string) string {
		_, owner, _ := strings.Cut(strings.TrimSuffix(host, ".example"), ".")
		return "token:" + owner
	})
	defer m.cache.Stop()
	now := time.Now()
	order := func(owner string, n int) (ordered int, last error) {
		for i := range n {
			if last = m.mayOrder(fmt.Sprintf("n%d.%s.example", i, owner), now); last == nil {
				ordered++
			}
		}
		return ordered, last
	}
	var share *tooManyError
	if n, err := order("eve", 1000); n != ownerBurst || !errors.As(err, &share) || !strings.Contains(err.Error(), "token:eve") {
		t.Errorf("eve ordered %d, want %d; %v", n, ownerBurst, err)
	}
	if n, err := order("alice", 10); n != 10 || err != nil {
		t.Errorf("alice ordered %d of 10: %v", n, err)
	}
	if n, _ := order("bob", ownerBurst); n != ownerBurst {
		t.Errorf("bob ordered %d", n)
	}
	if n, err := order("carol", 1); n != 0 || !errors.Is(err, errTooMany) {
		t.Errorf("carol ordered %d when all of %d were gone: %v", n, orderBurst, err)
	}
	if err := m.mayOrder("tunnel.example.com", now); err != nil {
		t.Errorf("the domain itself: %v", err)
	}
	now = now.Add(time.Hour)
	if n, _ := order("eve", 1000); n != 20 {
		t.Errorf("eve ordered %d an hour later, want 20", n)
	}
	if n, _ := order("carol", ownerBurst); n != ownerBurst {
		t.Errorf("carol ordered %d an hour later: what was refused had counted", n)
	}
}
