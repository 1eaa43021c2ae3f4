package configfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"ngrok/server/auth"
)

// fill puts the hashes of tokens a, b and n into a text.
func fill(s string) string {
	return strings.NewReplacer("HASH-A", hashA, "HASH-B", auth.HashToken("b").String(), "HASH-N", auth.HashToken("n").String()).Replace(s)
}

func TestAddToken(t *testing.T) {
	tests := []struct{ name, before, after string }{
		{"empty file", "", "tokens:\n  - name: new\n    hash: HASH-N\n"},
		{"no tokens yet", "domain: a # here\n", "domain: a # here\n\ntokens:\n  - name: new\n    hash: HASH-N\n"},
		{"no newline at the end", "domain: a", "domain: a\n\ntokens:\n  - name: new\n    hash: HASH-N\n"},
		{"empty key", "tokens: # who\ndomain: a\n", "tokens: # who\n  - name: new\n    hash: HASH-N\ndomain: a\n"},
		{"empty list", "tokens: [] # who\ndomain: a\n", "tokens: # who\n  - name: new\n    hash: HASH-N\ndomain: a\n"},
		{"null", "tokens: null\n", "tokens:\n  - name: new\n    hash: HASH-N\n"},
		{
			"comments and blank lines",
			"# top\ntokens:\n  # alice's\n  - name: a # laptop\n    hash: HASH-A\n    # no more\n\n# the rest\ndomain: x\n",
			"# top\ntokens:\n  # alice's\n  - name: a # laptop\n    hash: HASH-A\n  - name: new\n    hash: HASH-N\n    # no more\n\n# the rest\ndomain: x\n",
		},
		{"not indented", "tokens:\n- name: a\n  hash: HASH-A\ndomain: x\n", "tokens:\n- name: a\n  hash: HASH-A\n- name: new\n  hash: HASH-N\ndomain: x\n"},
		{"indented by four", "tokens:\n    - name: a\n      hash: HASH-A\n", "tokens:\n    - name: a\n      hash: HASH-A\n    - name: new\n      hash: HASH-N\n"},
		{"braces inside", "tokens:\n  - {name: a, hash: HASH-A}\n", "tokens:\n  - {name: a, hash: HASH-A}\n  - name: new\n    hash: HASH-N\n"},
		{"windows lines", "tokens:\r\n  - name: a\r\n    hash: HASH-A\r\n", "tokens:\r\n  - name: a\r\n    hash: HASH-A\r\n  - name: new\r\n    hash: HASH-N\r\n"},
		{"document marks", "---\ntokens:\n  - name: a\n    hash: HASH-A\n...\n", "---\ntokens:\n  - name: a\n    hash: HASH-A\n  - name: new\n    hash: HASH-N\n...\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := fill(tt.before)
			got, err := addToken("f.yml", []byte(before), "new", auth.HashToken("n"))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != fill(tt.after) {
				t.Errorf("got:\n%s\nwant:\n%s", got, fill(tt.after))
			}
			// Taking it out again leaves what was there, but for an empty list's form.
			back, err := removeToken("f.yml", got, "new")
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(tt.before, "name:") && string(back) != before {
				t.Errorf("removed again:\n%s\nwant:\n%s", back, before)
			}
			if _, err := Parse("f.yml", back); err != nil || strings.Contains(string(back), "new") {
				t.Errorf("removed again: %v\n%s", err, back)
			}
		})
	}
}

func TestRemoveToken(t *testing.T) {
	tests := []struct{ name, before, after string }{
		{
			"first of two",
			"tokens:\n  # the first\n  - name: new\n    # inside\n    hash: HASH-N\n    subdomains:\n      - x\n      - y\n\n  # the second\n  - name: a\n    hash: HASH-A\n",
			"tokens:\n  # the first\n\n  # the second\n  - name: a\n    hash: HASH-A\n",
		},
		{
			"last of two, then a key",
			"tokens:\n- hash: HASH-A\n  name: a\n- hash: HASH-N\n  name: new\n# next\nlimits: {rate: 1MB}\n",
			"tokens:\n- hash: HASH-A\n  name: a\n# next\nlimits: {rate: 1MB}\n",
		},
		{"the only one", "tokens: # who\n  - name: new\n    hash: HASH-N\ndomain: x\n", "tokens: [] # who\ndomain: x\n"},
		{"dash in a line of its own", "tokens:\n  -\n    name: new\n    hash: HASH-N\n  - name: a\n    hash: HASH-A\n", "tokens:\n  - name: a\n    hash: HASH-A\n"},
		{"quoted and in braces", "tokens:\n  - {name: 'new',\n     hash: HASH-N}\n  - name: a\n    hash: HASH-A\n", "tokens:\n  - name: a\n    hash: HASH-A\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := removeToken("f.yml", []byte(fill(tt.before)), "new")
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != fill(tt.after) {
				t.Errorf("got:\n%s\nwant:\n%s", got, fill(tt.after))
			}
		})
	}
}

func TestEditRefuses(t *testing.T) {
	add := func(text string) error {
		_, err := addToken("f.yml", []byte(fill(text)), "new", auth.HashToken("n"))
		return err
	}
	if err := add("tokens:\n - {name: new, hash: HASH-A}\n"); !errors.Is(err, ErrTokenExists) {
		t.Errorf("name taken: %v", err)
	}
	if _, err := removeToken("f.yml", []byte("domain: a\n"), "new"); !errors.Is(err, ErrTokenUnknown) {
		t.Errorf("unknown name: %v", err)
	}
	for name, text := range map[string]string{
		"broken file":      "domian: a\n",
		"a list in braces": "tokens: [{name: a, hash: HASH-A}]\n",
		"all in braces":    "{domain: a}\n",
	} {
		if err := add(text); err == nil || !strings.Contains(err.Error(), "f.yml:1: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := addToken("f.yml", nil, "a b", auth.HashToken("n")); err == nil {
		t.Error("a bad name was accepted")
	}
}

func TestNamesThatYAMLWouldReadOtherwise(t *testing.T) {
	for _, name := range []string{"123", "null", "true", "1e5", "0x1f", "no", "1.5", "2001-01-01"} {
		got, err := addToken("f.yml", nil, name, auth.HashToken("n"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f, err := Parse("f.yml", got); err != nil || f.Tokens[0].Name != name {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

func TestStore(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ngrokd.yml")
	if err := AddToken(path, "alice", auth.HashToken("a")); err != nil {
		t.Fatal(err)
	}
	wantMode(t, path, 0o600)
	for _, tt := range []struct{ before, after os.FileMode }{{0o644, 0o600}, {0o640, 0o640}, {0o660, 0o640}, {0o400, 0o600}} {
		if err := os.Chmod(path, tt.before); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("mode-%o", tt.before)
		if err := AddToken(path, name, auth.HashToken(name)); err != nil {
			t.Fatal(err)
		}
		wantMode(t, path, tt.after)
	}
	if err := RemoveToken(path, "alice"); err != nil {
		t.Fatal(err)
	}
	f, err := Load(path)
	if err != nil || len(f.Tokens) != 4 {
		t.Fatalf("%+v, %v", f, err)
	}
	text, _ := os.ReadFile(path)
	if !strings.HasPrefix(string(text), "# The settings of ngrokd.") {
		t.Errorf("the comment at the top went:\n%s", text)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 && runtime.GOOS != "windows" {
		t.Errorf("files left beside it: %v", entries)
	}
	if err := AddToken(filepath.Join(dir, "none", "x.yml"), "a", auth.HashToken("a")); err == nil {
		t.Error("wrote into a directory that is not there")
	}
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != want {
		t.Errorf("mode %o, want %o", info.Mode().Perm(), want)
	}
}

func TestEditKeepsTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "ngrokd.yml")
	if err := os.Chown(dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	wantOwner := func(want string) {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sys := reflect.ValueOf(info.Sys()).Elem()
		if got := fmt.Sprint(sys.FieldByName("Uid"), sys.FieldByName("Gid")); got != want {
			t.Errorf("owner %s, want %s", got, want)
		}
	}
	if err := AddToken(path, "a", auth.HashToken("a")); err != nil {
		t.Fatal(err)
	}
	wantOwner("12345 12345") // the directory's
	if err := os.Chown(path, 23456, 12345); err != nil {
		t.Fatal(err)
	}
	if err := AddToken(path, "b", auth.HashToken("b")); err != nil {
		t.Fatal(err)
	}
	wantOwner("23456 12345")
}

func TestEditThroughALinkKeepsIt(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target.yml"), filepath.Join(dir, "link.yml")
	if err := os.WriteFile(target, []byte("domain: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	if err := AddToken(link, "alice", auth.HashToken("a")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is a link no more: %v, %v", info, err)
	}
	if f, err := Load(target); err != nil || len(f.Tokens) != 1 {
		t.Errorf("target: %+v, %v", f, err)
	}
}

func TestConcurrentEditsLoseNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ngrokd.yml")
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			name := fmt.Sprintf("token-%d", i)
			if err := AddToken(path, name, auth.HashToken(name)); err != nil {
				t.Error(err)
			}
			if i%4 == 0 {
				if err := RemoveToken(path, name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Tokens) != 12 {
		t.Errorf("%d tokens, want 12", len(f.Tokens))
	}
}

func FuzzEdit(f *testing.F) {
	f.Add(wholeText())
	for _, s := range []string{"", "tokens: []\n", "tokens:\n- {name: a, hash: HASH-A}\n", "tokens: !!seq []\n", "# x\n...\n", "\"tokens\": \n", "domain: |\n  a\n\n  b\n"} {
		f.Add([]byte(fill(s)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		added, err := addToken("f.yml", data, "fuzz-new", auth.HashToken("fuzz"))
		if err != nil {
			return
		}
		back, err := removeToken("f.yml", added, "fuzz-new")
		if err != nil {
			t.Fatalf("added, but can't be removed: %v\n%s", err, added)
		}
		if strings.Contains(string(back), "fuzz-new") && !strings.Contains(string(data), "fuzz-new") {
			t.Errorf("still there:\n%s", back)
		}
	})
}
