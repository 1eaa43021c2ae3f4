package cert

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/libdns/libdns"
)

// script writes a program of the operator's. What it tells of a run is in the files
// calls and environment beside it.
func script(t *testing.T, text string) (path string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "dns.sh")
	text = "#!/bin/sh\ncd '" + dir + "' || exit 99\necho \"$@\" >> calls\nenv > environment\n" + text + "\n"
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// beside returns what a script has written.
func beside(t *testing.T, path, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(filepath.Dir(path), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// commandFor returns a command with the settings of the provider exec.
func commandFor(t *testing.T, settings, environment map[string]string) *command {
	t.Helper()
	take := func(key, _ string) string { return settings[key] }
	c, err := newCommand(take, func(key string) string { return environment[key] }, filepath.Join(t.TempDir(), acmeDir))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func challenge(value string) []libdns.Record {
	return []libdns.Record{libdns.RR{Type: "TXT", Name: "_acme-challenge.tunnel", Data: value}}
}

func TestDNSCommand(t *testing.T) {
	path := script(t, "")
	c := commandFor(t, map[string]string{"command": path, "env": "ZONE_ID,API_TOKEN"}, map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": "/home/ngrokd", "TZ": "UTC",
		"ZONE_ID": "z1", "API_TOKEN": "t=1", // named
		"HTTPS_PROXY": "http://user:password@proxy.example", "NOTIFY_SOCKET": "/run/notify", "NGROKD_HANDOVER": "3", "OTHER_TOKEN": "x",
	})
	t.Setenv("OTHER_TOKEN", "x")
	if _, err := c.AppendRecords(t.Context(), "example.com.", challenge("v1")); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteRecords(t.Context(), "example.com.", challenge("v1")); err != nil {
		t.Error(err)
	}
	if got, want := beside(t, path, "calls"), "present _acme-challenge.tunnel.example.com. v1\ncleanup _acme-challenge.tunnel.example.com. v1\n"; got != want {
		t.Errorf("called with %q, want %q", got, want)
	}
	var got []string
	for line := range strings.Lines(beside(t, path, "environment")) {
		switch key, _, _ := strings.Cut(line, "="); key {
		case "PWD", "OLDPWD", "SHLVL", "_": // the shell's own
		default:
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(got)
	if want := []string{"API_TOKEN=t=1", "HOME=/home/ngrokd", "PATH=" + os.Getenv("PATH"), "TZ=UTC", "ZONE_ID=z1"}; !slices.Equal(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
}

// What a program prints may hold its credentials: it is kept, and not told.
func TestDNSCommandFails(t *testing.T) {
	path := script(t, `[ "$3" = silent ] && exit 4
echo "{\"result\": \"kanarie on $1\"}"
set -x
: curl -H "Authorization: Bearer kanarie on $1"
exit 3`)
	c := commandFor(t, map[string]string{"command": path}, map[string]string{"PATH": os.Getenv("PATH")})
	fails := func(err error, want ...string) {
		t.Helper()
		if err == nil || strings.Contains(err.Error(), "kanarie") {
			t.Fatalf("a failing program: %v", err)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q is not in %q", w, err)
			}
		}
	}
	for verb, do := range map[string]func(string) error{
		"present": func(v string) error { _, err := c.AppendRecords(t.Context(), "example.com.", challenge(v)); return err },
		"cleanup": func(v string) error { _, err := c.DeleteRecords(t.Context(), "example.com.", challenge(v)); return err },
	} {
		name := filepath.Join(c.dir, "dns-"+verb+".log")
		fails(do("silent"), path+" "+verb, "exit status 4", "printed nothing")
		fails(do("v1"), path+" "+verb, "exit status 3", "what it has printed is in "+name)
		b, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(b), `{"result": "kanarie on `+verb) || !strings.Contains(string(b), "Bearer kanarie on "+verb) {
			t.Errorf("kept %q, %v", b, err)
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v, want mode 0600", info, err)
		}
	}
	if err := os.RemoveAll(c.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := c.AppendRecords(t.Context(), "example.com.", challenge("v1"))
	fails(err, "exit status 3", "cannot be kept")

	c.path = "/no/such/program"
	_, err = c.AppendRecords(t.Context(), "example.com.", challenge("v1"))
	fails(err, "no such file", "printed nothing")
}

func TestTail(t *testing.T) {
	for _, tt := range []struct {
		name   string
		writes []string
		want   int
	}{
		{"short", []string{"the ", "end"}, 7},
		{"one long write", []string{strings.Repeat("a", 2*maxPrinted) + "the end"}, maxPrinted},
		{"a short one after a long one", []string{strings.Repeat("a", maxPrinted), "the end"}, maxPrinted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var kept tail
			for _, w := range tt.writes {
				if n, err := kept.Write([]byte(w)); n != len(w) || err != nil {
					t.Errorf("%d, %v", n, err)
				}
			}
			if len(kept.b) != tt.want || !bytes.HasSuffix(kept.b, []byte("the end")) {
				t.Errorf("kept %d bytes, want %d", len(kept.b), tt.want)
			}
		})
	}
}
