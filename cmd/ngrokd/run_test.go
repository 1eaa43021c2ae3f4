package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ngrok/server"
	"ngrok/server/auth"
	"ngrok/server/configfile"
)

// script is a program whose surroundings a test has made up.
type script struct {
	program
	out, err bytes.Buffer
	vars     map[string]string
	config   server.Config  // of the last start
	policies *auth.Policies // of the last start
	atServe  func()         // called while the server runs
}

// newScript returns a program that keeps everything below a directory of its own.
func newScript(t *testing.T) *script {
	t.Helper()
	s := &script{vars: map[string]string{"XDG_STATE_HOME": t.TempDir()}}
	s.program = program{
		env:    func(k string) string { return s.vars[k] },
		stdout: &s.out,
		stderr: &s.err,
		listen: func(c server.Config) (serveFunc, error) {
			s.config, s.policies = c, c.Policies
			return func(context.Context, context.Context) error {
				if s.atServe != nil {
					s.atServe()
				}
				return nil
			}, nil
		},
	}
	return s
}

// do runs args and returns the exit code and what was printed.
func (s *script) do(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	s.out.Reset()
	s.err.Reset()
	code = s.run(t.Context(), args)
	return code, s.out.String(), s.err.String()
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	typo := file("typo.yml", "domain: localhost\nhttp_adr: x\n")
	badGrace := file("grace.yml", "\ngrace: soon\n")
	badOpen := file("open.yml", "open: perhaps\n")
	loopback := []string{"-httpAddr=127.0.0.1:0", "-httpsAddr=", "-tunnelAddr=127.0.0.1:0", "-log=none", "-dataDir=" + dir}
	with := func(args ...string) []string { return append(append([]string{}, loopback...), args...) }

	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string // parts of them; empty means nothing at all
	}{
		{"help", []string{"help"}, 0, "Usage: ngrokd [options]", ""},
		{"-help", []string{"-help"}, 0, "Usage: ngrokd [options]", ""},
		{"--h", []string{"--h"}, 0, "Usage: ngrokd [options]", ""},
		{"version", []string{"version"}, 0, "protocol 2", ""},
		{"-version", []string{"-version"}, 0, "protocol 2", ""},
		{"--version", []string{"--version"}, 0, "protocol 2", ""},
		{"unknown option", []string{"-htpAddr=:80"}, 2, "", "-htpAddr"},
		{"unknown command", []string{"start"}, 2, "", `"start" is neither`},
		{"word behind options", with("x"), 2, "", `"x" is neither`},
		{"misspelt option", []string{"-domian=x"}, 2, "", "unknown flag -domian: did you mean -domain?"},
		{"command behind options", []string{"-dataDir", "d1", "token", "list"}, 2, "", "a command comes first: ngrokd token list -dataDir d1"},
		{"domain with a star", with("-domain=*.x.com"), 1, "", "give x.com alone"},
		{"bad time", with("-grace=30"), 2, "", "with its unit, like 30s"},
		{"negative time", with("-grace=-1s"), 2, "", "-grace must not be negative"},
		{"negative lease", with("-lease=-1s"), 2, "", "-lease must not be negative"},
		{"no place for clients", with("-tunnelAddr="), 2, "", "-tunnelAddr must not be empty"},
		{"bad boolean", with("-open=perhaps"), 2, "", "true or false"},
		{"no such settings file", with("-config=" + filepath.Join(dir, "none.yml")), 1, "", "there is no file"},
		{"unknown key", with("-config=" + typo), 1, "", typo + ":2: the file has no key \"http_adr\": did you mean http_addr?"},
		{"bad value in the file", with("-config=" + badGrace), 1, "", badGrace + `:2: grace: "soon"`},
		{"bad boolean in the file", with("-config=" + badOpen), 1, "", badOpen + `:1: open: "perhaps": it must be true or false`},
		{"bad log level", with("-log-level=LOUD"), 1, "", "LOUD"},
		{"bad log format", with("-log-format=xml"), 1, "", "xml"},
		{"log that can't be made", with("-log=" + filepath.Join(dir, "none", "x.log")), 1, "", "none"},
		{"bad domain", with("-domain=a b"), 1, "", "-domain: "},
		{"certificate without key", with("-tlsCrt=x"), 1, "", "-tlsKey"},
		{"data directory is a file", with("-dataDir=" + typo), 1, "", "-dataDir"},
		{"runs", loopback, 0, "", ""},
		{"runs with two dashes", []string{"--httpAddr", "127.0.0.1:0", "--httpsAddr", "", "--tunnelAddr", "127.0.0.1:0", "--log", "none", "--dataDir", dir}, 0, "", ""},
		{"open to all", []string{"-open", "-log=none", "-dataDir=" + dir}, 0, "", "WARNING: -open admits everybody who reaches :4443"},
		{"token, no verb", []string{"token"}, 2, "", "Usage: ngrokd token"},
		{"token, bad verb", []string{"token", "make", "a"}, 2, "", "Usage: ngrokd token"},
		{"token new, no name", []string{"token", "new"}, 2, "", "token new needs a name"},
		{"token revoke, no name", []string{"token", "revoke"}, 2, "", "token revoke needs a name"},
		{"token, bad option", []string{"token", "-x"}, 2, "", "-x"},
		{"token help", []string{"token", "help"}, 0, "Usage: ngrokd token", ""},
		{"token -h", []string{"token", "-h"}, 0, "Usage: ngrokd token", ""},
		{"certs, no options", []string{"certs"}, 2, "", "ngrokd certs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := newScript(t).do(t, tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			check := func(stream, got, want string) {
				if want == "" && got != "" || !strings.Contains(got, want) {
					t.Errorf("%s:\n%s\nwant %q", stream, got, want)
				}
			}
			check("standard output", stdout, tt.stdout)
			check("standard error", stderr, tt.stderr)
		})
	}
}

func TestFlagsFileEnvironmentAndDefaults(t *testing.T) {
	s := newScript(t)
	s.vars["VHOST"], s.vars["REGISTRY_CACHE_FILE"] = "env.example:1", "/env/cache"
	settings := filepath.Join(t.TempDir(), "ngrokd.yml")
	text := "domain: file.example\nhttp_addr: ''\ntunnel_addr: ':5555'\nregistry_cache_file: /file/cache\ngrace: 7s\nopen: true\n"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := parseOptions([]string{"-config", settings, "-domain=flag.example", "-open=false"}, s.env)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, got, want string }{
		{"flag over file", o.domain, "flag.example"},
		{"file over default, empty", o.httpAddr, ""},
		{"file over default", o.tunnelAddr, ":5555"},
		{"default", o.httpsAddr, ":443"},
		{"environment", o.vhost, "env.example:1"},
		{"file over environment", o.cacheFile, "/file/cache"},
		{"a time of the file", o.grace.String(), "7s"},
		{"a boolean flag over file", o.open.String(), "false"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	o, err = parseOptions([]string{"-vhost=flag.example", "-registryCacheFile=/flag"}, s.env)
	if err != nil || o.vhost != "flag.example" || o.cacheFile != "/flag" {
		t.Errorf("flag over environment: %q, %q, %v", o.vhost, o.cacheFile, err)
	}
}

func TestDefaultDataDir(t *testing.T) {
	env := func(vars map[string]string) func(string) string {
		return func(k string) string { return vars[k] }
	}
	if os.Geteuid() == 0 {
		if dir, err := defaultDataDir(env(nil)); err != nil || dir != "/var/lib/ngrokd" {
			t.Errorf("root: %q, %v", dir, err)
		}
		return
	}
	if dir, err := defaultDataDir(env(map[string]string{"XDG_STATE_HOME": "/s"})); err != nil || dir != "/s/ngrokd" {
		t.Errorf("XDG_STATE_HOME: %q, %v", dir, err)
	}
	if dir, err := defaultDataDir(env(map[string]string{"HOME": "/h"})); err != nil || dir != "/h/.local/state/ngrokd" {
		t.Errorf("HOME: %q, %v", dir, err)
	}
	if _, err := defaultDataDir(env(nil)); err == nil || !strings.Contains(err.Error(), "-dataDir") {
		t.Errorf("nothing set: %v", err)
	}
}

func TestEveryFlagHasItsKeyAndItsHelp(t *testing.T) {
	byFlag := make(map[string]string)
	for key, name := range settingFlags() {
		byFlag[name] = key
	}
	keys := configfile.SettingKeys()
	if len(keys) != len(byFlag) {
		t.Errorf("%d keys in the file, %d flags for them", len(keys), len(byFlag))
	}
	for _, key := range keys {
		if settingFlags()[key] == "" {
			t.Errorf("the key %s has no flag", key)
		}
	}
	fs := new(options).flags(func(string) string { return "" })
	fs.VisitAll(func(f *flag.Flag) {
		if byFlag[f.Name] == "" && f.Name != "config" && f.Name != "version" {
			t.Errorf("-%s has no key in the file", f.Name)
		}
		if !regexp.MustCompile(`(?m)^  -` + f.Name + `\b`).MatchString(usage) {
			t.Errorf("-%s is not in the help", f.Name)
		}
	})
}

func TestLoopbackOnly(t *testing.T) {
	tests := []struct {
		name                     string
		http, https, tunnel, tcp string
		want                     bool
	}{
		{"all", "127.0.0.1:80", "127.0.0.2:443", "[::1]:4443", "", true},
		{"by name", "localhost:80", "LOCALHOST:443", "localhost:4443", "localhost", true},
		{"disabled ones don't count", "", "", "127.0.0.1:4443", "", true},
		{"every address", "127.0.0.1:80", "", ":4443", "", false},
		{"http is public", ":80", "", "127.0.0.1:4443", "", false},
		{"tcp is public", "127.0.0.1:80", "", "127.0.0.1:4443", "0.0.0.0", false},
		{"another name", "127.0.0.1:80", "", "example.com:4443", "", false},
		{"in v6 clothes", "[::ffff:127.0.0.1]:80", "", "127.0.0.1:4443", "::1", true},
		{"no address", "127.0.0.1", "", "127.0.0.1:4443", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := &options{httpAddr: tt.http, httpsAddr: tt.https, tunnelAddr: tt.tunnel, tcpHost: tt.tcp}
			if got := o.loopbackOnly(); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
