package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ngrok/server"
	"ngrok/server/auth"
	"ngrok/server/configfile"
)

func TestTokenCommands(t *testing.T) {
	s := newScript(t)
	dir := filepath.Join(t.TempDir(), "made", "for it")
	config := filepath.Join(dir, "ngrokd.yml")
	where := "-dataDir=" + dir

	code, stdout, stderr := s.do(t, "token", "list", where)
	if code != 0 || stdout != "" || !strings.Contains(stderr, "There is no token") {
		t.Errorf("list before any: %d %q %q", code, stdout, stderr)
	}
	code, stdout, stderr = s.do(t, "token", "new", "alice", where)
	token := strings.TrimSpace(stdout)
	if code != 0 || !strings.HasPrefix(token, "ngt_") || strings.Contains(stderr, token) || !strings.Contains(stderr, config) {
		t.Fatalf("new: %d %q %q", code, stdout, stderr)
	}
	text, err := os.ReadFile(config)
	if err != nil || strings.Contains(string(text), token) || !strings.Contains(string(text), auth.HashToken(token).String()) {
		t.Errorf("the file must hold the hash, not the token:\n%s %v", text, err)
	}
	code, stdout, stderr = s.do(t, "token", "new", where, "alice")
	if code != 1 || stdout != "" || !strings.Contains(stderr, "exists already") || !strings.Contains(stderr, "token revoke alice") {
		t.Errorf("new, again: %d %q %q", code, stdout, stderr)
	}
	code, _, stderr = s.do(t, "token", "new", "a b", where)
	if code != 1 || !strings.Contains(stderr, `"a b"`) {
		t.Errorf("new, bad name: %d %q", code, stderr)
	}
	code, _, _ = s.do(t, "token", "-config", config, "new", "bob")
	if code != 0 {
		t.Errorf("new with -config: %d", code)
	}
	code, stdout, _ = s.do(t, "token", "list", where)
	if code != 0 || !strings.Contains(stdout, "alice") || !strings.Contains(stdout, "bob") || strings.Contains(stdout, token) {
		t.Errorf("list: %d\n%s", code, stdout)
	}
	code, _, stderr = s.do(t, "token", "revoke", "alice", where)
	if code != 0 || !strings.Contains(stderr, "no longer admitted") {
		t.Errorf("revoke: %d %q", code, stderr)
	}
	code, _, stderr = s.do(t, "token", "revoke", "alice", where)
	if code != 1 || !strings.Contains(stderr, "there is no token of this name in "+config) {
		t.Errorf("revoke, again: %d %q", code, stderr)
	}
	if err := os.WriteFile(config, []byte("domian: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"token", "list", where}, {"token", "new", "x", where}, {"token", "revoke", "x", where}} {
		code, stdout, stderr = s.do(t, args...)
		if code != 1 || stdout != "" || !strings.Contains(stderr, "did you mean domain?") {
			t.Errorf("%v on a broken file: %d %q %q", args, code, stdout, stderr)
		}
	}
}

func TestListShowsRights(t *testing.T) {
	s := newScript(t)
	config := filepath.Join(t.TempDir(), "ngrokd.yml")
	text := "tokens:\n" +
		"  - {name: a, hash: " + auth.HashToken("a").String() + ", subdomains: [alice, 'alice-*'], hostnames: [www.alice.example], ports: 5-7}\n" +
		"  - {name: b, hash: " + auth.HashToken("b").String() + ", subdomains: []}\n" +
		"  - {name: c, hash: " + auth.HashToken("c").String() + "}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, _ := s.do(t, "token", "list", "-config", config)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if code != 0 || len(lines) != 4 {
		t.Fatalf("%d\n%s", code, stdout)
	}
	for i, want := range []string{"", "alice, alice-*, www.alice.example  5-7", "random", "any"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d: %q, want %q", i, lines[i], want)
		}
	}
}

func TestFirstStart(t *testing.T) {
	s := newScript(t)
	dir := filepath.Join(t.TempDir(), "data")
	log := filepath.Join(t.TempDir(), "ngrokd.log")
	start := []string{"-domain=tunnel.example.com", "-httpAddr=127.0.0.1:0", "-httpsAddr=", "-tunnelAddr=:4444", "-log=" + log, "-log-level=DEBUG", "-dataDir=" + dir}

	var whileListening *auth.Policy
	listen := s.listen
	s.listen = func(c server.Config) (serveFunc, error) {
		whileListening = c.Policies.Current()
		return listen(c)
	}
	code, stdout, stderr := s.do(t, start...)
	if code != 0 || stderr != "" {
		t.Fatalf("first start: %d %q", code, stderr)
	}
	if whileListening.Open() || whileListening.Tokens() != 0 {
		t.Error("somebody was admitted before the token was made")
	}
	_, yml, _ := strings.Cut(stdout, "--- ngrok.yml\n")
	yml, _, ok := strings.Cut(yml, "--- end\n")
	lines := strings.Split(yml, "\n")
	if !ok || len(lines) != 4 || lines[0] != "server_addr: tunnel.example.com:4444" ||
		!strings.HasPrefix(lines[1], "auth_token: ngt_") || !strings.HasPrefix(lines[2], "server_fingerprint: sha256:") {
		t.Fatalf("printed:\n%s", stdout)
	}
	token := strings.TrimPrefix(lines[1], "auth_token: ")
	if id, err := s.policies.Current().Authenticate(token, ""); err != nil || id.Name != "first" {
		t.Errorf("the printed token: %v, %v", id, err)
	}
	for name, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "ngrokd.yml"): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}

	code, stdout, _ = s.do(t, start...)
	if code != 0 || stdout != "" {
		t.Errorf("second start: %d %q", code, stdout)
	}
	if _, err := s.policies.Current().Authenticate(token, ""); err != nil {
		t.Errorf("the token at the second start: %v", err)
	}

	// Revoking the last token closes the server; it doesn't make another.
	if code, _, _ := s.do(t, "token", "revoke", "first", "-dataDir="+dir); code != 0 {
		t.Fatal("revoke")
	}
	code, stdout, _ = s.do(t, start...)
	if p := s.policies.Current(); code != 0 || stdout != "" || p.Open() || p.Tokens() != 0 {
		t.Errorf("after the last was revoked: %d %q, open %v, %d tokens", code, stdout, p.Open(), p.Tokens())
	}
	logged, err := os.ReadFile(log)
	if err != nil || strings.Contains(string(logged), token) || !strings.Contains(string(logged), "nobody is admitted") {
		t.Errorf("log: %v\n%s", err, logged)
	}
}

func TestFirstStartThatCannotKeepItsToken(t *testing.T) {
	s := newScript(t)
	config := filepath.Join(t.TempDir(), "ngrokd.yml")
	if err := os.WriteFile(config, []byte("{domain: localhost}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	served := false
	s.atServe = func() { served = true }
	code, stdout, stderr := s.do(t, "-config="+config, "-log=none", "-dataDir="+t.TempDir())
	if code != 1 || stdout != "" || !strings.Contains(stderr, "-open") {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	if !served {
		t.Error("the listeners were left open")
	}
}

func TestWhoIsAdmitted(t *testing.T) {
	loopback := []string{"-httpAddr=127.0.0.1:0", "-httpsAddr=", "-tunnelAddr=127.0.0.1:0", "-log=none"}
	public := []string{"-httpAddr=127.0.0.1:0", "-httpsAddr=", "-tunnelAddr=:0", "-log=none"}
	tests := []struct {
		name   string
		args   []string
		tokens bool
		open   bool
	}{
		{"loopback", loopback, false, true},
		{"loopback with tokens", loopback, true, false},
		{"loopback, -open=false", append(loopback[:4:4], "-open=false"), false, false},
		{"loopback with tokens, -open", append(loopback[:4:4], "-open"), true, true},
		{"public", public, false, false},
		{"public with tokens", public, true, false},
		{"public, -open", append(public[:4:4], "-open"), false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScript(t)
			dir := t.TempDir()
			if tt.tokens {
				if err := configfile.AddToken(filepath.Join(dir, "ngrokd.yml"), "a", auth.HashToken("a")); err != nil {
					t.Fatal(err)
				}
			}
			code, stdout, stderr := s.do(t, append(tt.args, "-dataDir="+dir)...)
			if code != 0 {
				t.Fatalf("%d %q", code, stderr)
			}
			p := s.policies.Current()
			if p.Open() != tt.open {
				t.Errorf("open: %v", p.Open())
			}
			if made := strings.Contains(stdout, "auth_token"); made != (!tt.open && !tt.tokens) {
				t.Errorf("a first token was made: %v", made)
			}
			if !tt.open && p.Tokens() != 1 {
				t.Errorf("%d tokens", p.Tokens())
			}
		})
	}
}
