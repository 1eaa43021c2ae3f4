package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Programs that start at once, on a machine that has none yet, agree.
func TestIdentityIsOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "ngrok", "identity")
	ids := make([]string, 32)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			var err error
			if ids[i], err = identity(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || len(id) != len(identityPrefix)+2*identityBytes {
			t.Fatalf("identities %q", ids)
		}
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	other, err := identity(filepath.Join(t.TempDir(), "identity"))
	if err != nil || other == ids[0] {
		t.Errorf("two machines share %q, %v", other, err)
	}
}

func TestIdentityDamaged(t *testing.T) {
	for _, content := range []string{"", "anon-", "anon-zz", "token", strings.Repeat("a", 1000)} {
		path := filepath.Join(t.TempDir(), "identity")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if id, err := identity(path); err == nil || !strings.Contains(err.Error(), "delete it to get a new one") {
			t.Errorf("%.10q is accepted as %q, %v", content, id, err)
		}
	}
}

func TestIdentityPath(t *testing.T) {
	s := newSetup(t, nil, ends)
	if got, want := s.identityPath(), filepath.Join(s.dir, ".local", "state", "ngrok", "identity"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.env["XDG_STATE_HOME"] = "relative"
	if got := s.identityPath(); !strings.HasPrefix(got, s.dir) {
		t.Errorf("a relative XDG_STATE_HOME gives %s", got)
	}
	s.env["XDG_STATE_HOME"] = s.path("state")
	if got, want := s.identityPath(), filepath.Join(s.dir, "state", "ngrok", "identity"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Where it can't be kept, the client goes on without.
func TestIdentityUnwritable(t *testing.T) {
	s := newSetup(t, map[string]string{"file": ""}, ends)
	s.env["XDG_STATE_HOME"] = s.path("file")
	if code := s.run([]string{"8080"}); code != 0 || s.client.cfg.Identity != "" || !strings.Contains(s.err.String(), "warning: no anonymous identity") {
		t.Errorf("exit code %d, identity %q, %s", code, s.client.cfg.Identity, s.err.String())
	}
}

func TestIdentityIsKept(t *testing.T) {
	s := newSetup(t, nil, ends)
	s.run([]string{"8080"})
	first := s.client.cfg.Identity
	s.run([]string{"8080"})
	if s.client.cfg.Identity != first || first == "" {
		t.Errorf("identities %q and %q", first, s.client.cfg.Identity)
	}
	if out := s.out.String() + s.err.String(); strings.Contains(out, first) {
		t.Errorf("the identity is shown: %s", out)
	}
}
