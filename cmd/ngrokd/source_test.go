package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestACMESettings(t *testing.T) {
	root := filepath.Join(t.TempDir(), "ca")
	if code, _, errs := newScript(t).do(t, "certs", "-domain", "acme.example", "-out", root); code != 0 {
		t.Fatal(errs)
	}
	for _, tt := range []struct {
		name, domain, acme string
		fails              string
		client             string // in the first ngrok.yml
	}{
		{"defaults", "tunnel.example.com", "acme: {}", "", "trust_host_root_certs: true"},
		{"nothing behind the key", "tunnel.example.com", "acme:", "", "server_fingerprint: sha256:"},
		{"all", "tunnel.example.com", "acme: {email: a@b.example, directory: 'https://acme.example/dir', dns: {provider: exec, command: /bin/true}}", "", "trust_host_root_certs: true"},
		{"variable that there is not", "tunnel.example.com", "acme: {dns: {provider: exec, command: /bin/true, env: NONE}}", "acme: dns: exec: number 1 of what env names", ""},
		{"private authority", "tunnel.internal", "acme: {directory: 'https://acme.example/dir', ca: '" + filepath.Join(root, "ca.crt") + "'}", "", "server_fingerprint: sha256:"},
		{"none", "tunnel.example.com", "", "", "server_fingerprint: sha256:"},
		{"no such file", "tunnel.example.com", "acme: {ca: /none}", "acme: ca: open /none", ""},
		{"localhost", "localhost", "acme: {}", "acme: no public authority gives a certificate for localhost", ""},
		{"unknown provider", "tunnel.example.com", "acme: {dns: {provider: none}}", "acme: dns: there is no provider", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			text := "domain: " + tt.domain + "\n" + tt.acme + "\n"
			path := filepath.Join(dir, "ngrokd.yml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s := newScript(t)
			code, out, errs := s.do(t, "-dataDir", dir, "-log=none")
			if tt.fails != "" {
				if code != 1 || !strings.Contains(errs, path+": "+tt.fails) {
					t.Errorf("exit code %d: %s", code, errs)
				}
				return
			}
			if code != 0 || !strings.Contains(out, tt.client) {
				t.Errorf("exit code %d, %q is not in:\n%s%s", code, tt.client, out, errs)
			}
			if got := s.config.Certificates != nil; got != strings.Contains(tt.acme, "{") {
				t.Errorf("the server gets its certificates: %v", got)
			}
		})
	}
}
