package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ngrok/server/auth"
	"ngrok/server/cert"
	"ngrok/server/configfile"
)

// running is a reloader at work inside a synctest bubble.
type running struct {
	*reloader
	path string
	log  *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startReloader runs a reloader on a file with text until the test ends.
func startReloader(t *testing.T, text string, source cert.Source) *running {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ngrokd.yml")
	r := &running{path: path, log: &lockedBuffer{}}
	r.write(t, text)
	o, err := parseOptions([]string{"-config", path, "-dataDir", t.TempDir()}, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	policy, err := o.policy(o.file)
	if err != nil {
		t.Fatal(err)
	}
	r.reloader = newReloader(o, auth.NewPolicies(policy), source, slog.New(slog.NewTextHandler(r.log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return r
}

func (r *running) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *running) wantLog(t *testing.T, text string) {
	t.Helper()
	if !strings.Contains(r.log.String(), text) {
		t.Errorf("log:\n%s\nwant %q", r.log.String(), text)
	}
}

func TestReloadOnChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startReloader(t, "tokens: []\n", nil)
		if err := configfile.AddToken(r.path, "alice", auth.HashToken("a")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * pollInterval)
		id, err := r.policies.Current().Authenticate("a", "")
		if err != nil {
			t.Fatalf("a new token is not admitted: %v\n%s", err, r.log)
		}
		_, changed := r.policies.Watch()
		if err := configfile.RemoveToken(r.path, "alice"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		select {
		case <-changed:
		case <-time.After(5 * time.Second):
			t.Fatal("a revoked token is still admitted after 5 s")
		}
		if d := time.Since(start); d > 2*pollInterval {
			t.Errorf("revoking took %v", d)
		}
		if r.policies.Current().StillValid(id) == nil {
			t.Error("the revoked token's identity is still valid")
		}
	})
}

func TestReloadKeepsWhatItHasWhenTheFileIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := "tokens:\n  - {name: a, hash: " + auth.HashToken("a").String() + "}\n"
		r := startReloader(t, good, nil)
		before := r.policies.Current()

		r.write(t, "tokens:\n  - nmae: a\n")
		time.Sleep(3 * pollInterval)
		r.wantLog(t, r.path+":2: ")
		r.wantLog(t, "did you mean name?")

		if err := os.Remove(r.path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * pollInterval)
		r.wantLog(t, "there is no settings file")
		if r.policies.Current() != before {
			t.Error("a broken file changed who is admitted")
		}
		lines := strings.Count(r.log.String(), "\n")
		time.Sleep(time.Minute)
		if n := strings.Count(r.log.String(), "\n"); n != lines {
			t.Errorf("the same trouble was logged %d times more", n-lines)
		}

		r.write(t, good+"domain: other.example\n")
		time.Sleep(3 * pollInterval)
		if r.policies.Current() == before {
			t.Error("the mended file was not taken over")
		}
		r.wantLog(t, "count from the next start")

		r.write(t, good+"acme: {}\n")
		time.Sleep(3 * pollInterval)
		r.wantLog(t, "acme differs")
	})
}

// An editor that empties a file and then writes it must not end every session.
func TestReloadWaitsForAnEditorToFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := "tokens:\n  - {name: a, hash: " + auth.HashToken("a").String() + "}\n"
		r := startReloader(t, good, nil)
		_, changed := r.policies.Watch()
		time.Sleep(pollInterval / 2)
		r.write(t, "tokens: []\n")
		time.Sleep(pollInterval)
		r.write(t, good+"# new\n")
		time.Sleep(3 * pollInterval)
		select {
		case <-changed:
		default:
			t.Fatal("the finished file was not taken over")
		}
		if n := strings.Count(r.log.String(), "settings reloaded"); n != 1 {
			t.Errorf("%d reloads, want one:\n%s", n, r.log)
		}
		if _, err := r.policies.Current().Authenticate("a", ""); err != nil {
			t.Error(err)
		}
	})
}

type failingSource struct{ cert.Source }

func (failingSource) Reload() error { return os.ErrNotExist }

func TestHangupReloadsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startReloader(t, "tokens: []\n", failingSource{})
		r.write(t, "limits: {max_tunnels: 3}\ntokens: []\n")
		for range 10 {
			r.now() // never blocks
		}
		synctest.Wait()
		if got := r.policies.Current().Limits().Tunnels; got != 3 {
			t.Errorf("max_tunnels %d, want 3\n%s", got, r.log)
		}
		r.wantLog(t, "the certificate in force stays")
	})
}

func TestReloadWithoutAFileSaysNothingUntilThereIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &lockedBuffer{}
		dir := t.TempDir()
		o, err := parseOptions([]string{"-dataDir", dir, "-open=false"}, func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		policy, err := o.policy(o.file)
		if err != nil {
			t.Fatal(err)
		}
		r := newReloader(o, auth.NewPolicies(policy), nil, slog.New(slog.NewTextHandler(log, nil)))
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() { r.run(ctx) })
		defer wg.Wait()
		defer cancel()
		r.now()
		time.Sleep(time.Minute)
		if log.String() != "" {
			t.Errorf("log without a file: %s", log)
		}
		if err := configfile.AddToken(o.config, "a", auth.HashToken("a")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * pollInterval)
		if r.policies.Current().Tokens() != 1 {
			t.Error("a file that was made later is not read")
		}
	})
}

// Sessions ask the policy while it is swapped and the file is edited.
func TestReloadRace(t *testing.T) {
	r := startReloader(t, "tokens: []\n", nil)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				p, changed := r.policies.Watch()
				if id, err := p.Authenticate("a", ""); err == nil {
					_ = p.AllowName(id, "a.localhost", "localhost")
				}
				select {
				case <-changed:
				case <-stop:
					return
				}
			}
		})
	}
	for range 5 {
		if err := configfile.AddToken(r.path, "alice", auth.HashToken("a")); err != nil {
			t.Error(err)
		}
		r.now()
		if err := configfile.RemoveToken(r.path, "alice"); err != nil {
			t.Error(err)
		}
		r.now()
	}
	close(stop)
	wg.Wait()
}
