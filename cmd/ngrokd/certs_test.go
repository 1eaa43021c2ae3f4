package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ngrok/server/cert"
)

func TestCertsMakesWhatItPrints(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "certs")
	var out, errs bytes.Buffer
	if code := runCerts([]string{"-domain", "tunnel.example.com", "-out", dir}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	source, err := cert.Files(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"), "tunnel.example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil || !bytes.Equal(root, source.RootPEM()) {
		t.Errorf("server.crt does not bring ca.crt along: %v", err)
	}
	for _, want := range []string{source.Fingerprint(), source.NotAfter().Format("2006-01-02"), "root_ca: " + filepath.Join(dir, "ca.crt")} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not printed:\n%s", want, out.String())
		}
	}
	var again bytes.Buffer
	if code := runCerts([]string{"-domain", "tunnel.example.com", "-out", dir}, &again, &errs); code != 0 || again.String() != out.String() {
		t.Errorf("a second run did something else (%d):\n%s", code, again.String())
	}
}

func TestCertsRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"nothing", nil, 2, "Usage: ngrokd certs"},
		{"no directory", []string{"-domain", "a.example"}, 2, "Usage: ngrokd certs"},
		{"more", []string{"-domain", "a.example", "-out", "x", "y"}, 2, "Usage: ngrokd certs"},
		{"unknown flag", []string{"-dmoain", "a.example"}, 2, "dmoain"},
		{"port", []string{"-domain", "a.example:4443", "-out", "x"}, 1, "without scheme, port and path"},
		{"help", []string{"-h"}, 0, "Usage: ngrokd certs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			var out, errs bytes.Buffer
			if code := runCerts(c.args, &out, &errs); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(errs.String(), c.want) {
				t.Errorf("%q is not in:\n%s", c.want, errs.String())
			}
		})
	}
}
