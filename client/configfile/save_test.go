package configfile

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestSetToken(t *testing.T) {
	const token = "new_token"
	tests := []struct{ name, before, want string }{
		{"empty", "", "auth_token: new_token\n"},
		{"token only", "oldtoken\n", "auth_token: new_token\n"},
		{"comments only", "# mine\n", "# mine\nauth_token: new_token\n"},
		{"null", "---\n", "---\nauth_token: new_token\n"},
		{"no line feed", "server_addr: a:1", "server_addr: a:1\nauth_token: new_token\n"},
		{"plain", "# a\nauth_token: old  # keep\n\n\nserver_addr: a:1\n", "# a\nauth_token: new_token  # keep\n\n\nserver_addr: a:1\n"},
		{"double", "auth_token: \"old\"\n", "auth_token: new_token\n"},
		{"single", "auth_token:   'old' # x\n", "auth_token:   new_token # x\n"},
		{"later key", "version: \"2\"\nauthtoken: old\nregion: us\n", "version: \"2\"\nauthtoken: new_token\nregion: us\n"},
		{"agent", "version: 3\nagent:\n    authtoken: old\n", "version: 3\nagent:\n    authtoken: new_token\n"},
		{"no value", "auth_token:\nserver_addr: a:1\n", "auth_token: new_token\nserver_addr: a:1\n"},
		{"byte order mark", "\ufeffauth_token: old\nlog: none\n", ""},
		{"no value, comment", "auth_token: # none yet\n", ""},
		{"tilde", "auth_token: ~\n", "auth_token: new_token\n"},
		{"crlf", "auth_token: old\r\nserver_addr: a:1\r\n", "auth_token: new_token\r\nserver_addr: a:1\r\n"},
		{"indented", "  server_addr: a:1\n  log: none\n", "  server_addr: a:1\n  log: none\n  auth_token: new_token\n"},
		{"wide characters", "é: 1\n{ü: 1}: 2\n", "-"},
		{"flow", "{server_addr: 'a:1', log: none} # c\n", "{server_addr: 'a:1', log: none, auth_token: new_token} # c\n"},
		{"flow replaced", "{log: none, auth_token: old, server_addr: 'a:1'}\n", "{log: none, auth_token: new_token, server_addr: 'a:1'}\n"},
		{"block scalar", "# c\nauth_token: |\n  old\nlog: none\n", "# c\nauth_token: new_token\nlog: none\n"},
		{"tagged", "auth_token: !!str old\n", "auth_token: new_token\n"},
		{"document end", "log: none\n...\n", ""},
		{"block at the end", "log: |\n  none\n", "log: |\n  none\nauth_token: new_token\n"},
		{"tunnel of that name", "tunnels:\n  auth_token:\n    proto: {http: 1}\n", "tunnels:\n  auth_token:\n    proto: {http: 1}\nauth_token: new_token\n"},
		{"not yaml", "a: b: c\n", "-"},
		{"list", "- a\n", "-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := setToken([]byte(tt.before), token)
			if tt.want == "-" {
				if err == nil {
					t.Errorf("accepted, and made %q", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tt.want != "" && string(got) != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			f, err := Parse("f", got)
			if err != nil || f.AuthToken != token {
				t.Errorf("%q reads back as %+v, %v", got, f, err)
			}
			if strings.Count(tt.before, "#") != strings.Count(string(got), "#") {
				t.Errorf("comments changed: %q", got)
			}
		})
	}
}

// Tokens that YAML would read as something else are quoted.
func TestSetTokenQuotes(t *testing.T) {
	for _, token := range []string{"12345", "true", "null", "0x1f", "a:b", "#x", "it's", "&a", "*a", "!x", "-", "{a}", "1e3", "2026-01-01", "a#b", `"q"`, "@x", "%y", "a:"} {
		got, err := setToken([]byte("log: none\nauth_token: old\n"), token)
		if err != nil {
			t.Errorf("%s: %v", token, err)
			continue
		}
		if f, err := Parse("f", got); err != nil || f.AuthToken != token {
			t.Errorf("%s was written as %q", token, got)
		}
	}
}

func TestSaveToken(t *testing.T) {
	dir := t.TempDir()
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	mode := func(path string) os.FileMode {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode()
	}

	fresh := filepath.Join(dir, "new", "ngrok.yml")
	if err := SaveToken(fresh, "abc"); err != nil {
		t.Fatal(err)
	}
	if read(fresh) != "auth_token: abc\n" || mode(fresh) != 0o600 {
		t.Errorf("new file: %q, mode %v", read(fresh), mode(fresh))
	}

	shared := filepath.Join(dir, "shared.yml")
	if err := os.WriteFile(shared, []byte("log: none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(shared, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("shared.yml", link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if err := SaveToken(link, "abc"); err != nil {
		t.Fatal(err)
	}
	if read(shared) != "log: none\nauth_token: abc\n" || mode(shared) != 0o640 || mode(link)&os.ModeSymlink == 0 {
		t.Errorf("%q, mode %v, link %v", read(shared), mode(shared), mode(link))
	}

	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink("made.yml", dangling); err != nil {
		t.Fatal(err)
	}
	if err := SaveToken(dangling, "abc"); err != nil || read(filepath.Join(dir, "made.yml")) != "auth_token: abc\n" {
		t.Errorf("dangling link: %v", err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	if err := SaveToken(loop, "abc"); err == nil {
		t.Error("a link to itself took a token")
	}

	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
	for _, token := range []string{"", "a b", "a\nb", "é"} {
		if err := SaveToken(fresh, token); err == nil {
			t.Errorf("token %q was saved", token)
		}
	}
}

func FuzzSetToken(f *testing.F) {
	f.Add([]byte(full), "new")
	f.Add([]byte("{a: 1, auth_token: x}"), "12")
	f.Add([]byte("auth_token: >-\n  a\n  b\n"), "it's")
	f.Add([]byte("auth_token: &t x\nother: *t\n"), "y")
	f.Fuzz(func(t *testing.T, data []byte, token string) {
		if _, err := checkToken(token); err != nil {
			return
		}
		before, err := Parse("f", data)
		if err != nil {
			return
		}
		edited, err := setToken(data, token)
		if err != nil {
			return // said, and nothing was changed
		}
		after, err := Parse("f", edited)
		if err != nil {
			t.Fatalf("%q became unreadable: %q: %v", data, edited, err)
		}
		if after.AuthToken != token {
			t.Fatalf("%q became %q: token %q", data, edited, after.AuthToken)
		}
		before.AuthToken, after.AuthToken = "", ""
		before.Warnings, after.Warnings = nil, nil // their lines may differ
		before.lines, after.lines = nil, nil
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%q became %q:\n%+v\n%+v", data, edited, before, after)
		}
	})
}
