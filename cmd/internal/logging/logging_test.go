package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// capture logs through a fresh log and returns what came out.
func capture(t *testing.T, format, level string, do func(*slog.Logger)) string {
	t.Helper()
	var out bytes.Buffer
	l, err := Open(Options{To: "stdout", Format: format, Level: level, Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	do(l.Logger)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

type nilStringer struct{ s string }

func (n *nilStringer) String() string { return n.s }

func TestLogfmt(t *testing.T) {
	tests := []struct {
		name string
		do   func(*slog.Logger)
		want string // after the time
	}{
		{"wrapper line", func(l *slog.Logger) { l.Info("starting web service", "obj", "web", "addr", "127.0.0.1:4040") },
			`lvl=info msg="starting web service" obj=web addr=127.0.0.1:4040`},
		{"url stays bare", func(l *slog.Logger) { l.Info("m", "url", "http://a.localhost:8080") }, `lvl=info msg="m" url=http://a.localhost:8080`},
		{"levels", func(l *slog.Logger) { l.Debug("m") }, `lvl=dbug msg="m"`},
		{"warn", func(l *slog.Logger) { l.Warn("m") }, `lvl=warn msg="m"`},
		{"eror", func(l *slog.Logger) { l.Error("m", "err", errors.New("no route")) }, `lvl=eror msg="m" err="no route"`},
		{"crit", func(l *slog.Logger) { l.Log(t.Context(), LevelCrit, "m") }, `lvl=crit msg="m"`},
		{"quotes", func(l *slog.Logger) { l.Info("m", "a", `x"y`, "b", "", "c", "k=v", "d", `C:\x`) },
			`lvl=info msg="m" a="x\"y" b="" c="k=v" d="C:\\x"`},
		{"kinds", func(l *slog.Logger) { l.Info("m", "n", 3, "d", 2*time.Second, "b", true, "x", nil) }, `lvl=info msg="m" n=3 d=2s b=true x=null`},
		{"groups", func(l *slog.Logger) {
			l.With("a", 1).WithGroup("g").With("b", 2).Info("m", "c", 3, slog.Group("h", "d", 4))
		},
			`lvl=info msg="m" a=1 g.b=2 g.c=3 g.h.d=4`},
		{"bad key", func(l *slog.Logger) { l.Info("m", "a b=\x1b", 1, "", 2) }, `lvl=info msg="m" a_b__=1 _=2`},
		{"nil stringer", func(l *slog.Logger) { l.Info("m", "v", (*nilStringer)(nil)) }, `lvl=info msg="m" v="!PANIC *logging.nilStringer"`},
		{"escapes", func(l *slog.Logger) {
			l.Info("a\x1b[2J\nb", "v", "\x1b]0;x\a", "c1", "\u009b2J", "bidi", "\u202eevil", "bad", "\xff")
		},
			`lvl=info msg="a\x1b[2J\nb" v="\x1b]0;x\a" c1="\u009b2J" bidi="\u202eevil" bad="\xff"`},
		{"wide text", func(l *slog.Logger) { l.Info("grüße", "v", "日本") }, `lvl=info msg="grüße" v=日本`},
	}
	stamp := regexp.MustCompile(`^t=(\S+) `)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := capture(t, "", "debug", tt.do)
			m := stamp.FindStringSubmatch(got)
			if m == nil {
				t.Fatalf("no time in %q", got)
			}
			if _, err := time.Parse(time.RFC3339, m[1]); err != nil || strings.HasSuffix(m[1], "Z") {
				t.Errorf("time %q is not RFC 3339 with an offset: %v", m[1], err)
			}
			if rest := got[len(m[0]):]; rest != tt.want+"\n" {
				t.Errorf("got  %swant %s", rest, tt.want)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	got := capture(t, "json", "", func(l *slog.Logger) {
		l.Info("a\x1b\"\u202e😀\u2028", "n", 3, "f", math.NaN(), "ok", true, "raw", json.RawMessage(`{"x":[1]}`),
			"bad", json.RawMessage("{\x1b"), "d", time.Second, "tag", "\U000e0041")
	})
	if strings.ContainsFunc(strings.TrimSuffix(got, "\n"), func(r rune) bool { return !plain(r) }) {
		t.Errorf("unprintable characters in %q", got)
	}
	if !strings.HasPrefix(got, `{"t":"`) || !strings.Contains(got, `,"lvl":"info","msg":"`) {
		t.Errorf("keys out of order in %s", got)
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(got), &m); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if m["msg"] != "a\x1b\"\u202e😀\u2028" || m["n"] != 3.0 || m["ok"] != true || m["f"] != "NaN" || m["d"] != "1s" || m["tag"] != "\U000e0041" {
		t.Errorf("got %v", m)
	}
	if raw, ok := m["raw"].(map[string]any); !ok || raw["x"] == nil {
		t.Errorf("raw = %v", m["raw"])
	}
}

func TestTerm(t *testing.T) {
	got := capture(t, "term", "", func(l *slog.Logger) { l.Info("say \"hi\"\x1b[31m\r", "tunnel", "a b") })
	if !regexp.MustCompile(`^\d\d:\d\d:\d\d INFO say "hi"\\x1b\[31m\\r +tunnel="a b"\n$`).MatchString(got) {
		t.Errorf("got %q", got)
	}
}

func TestRedaction(t *testing.T) {
	const secret = "hunter2"
	u, err := url.Parse("http://me:" + secret + "@proxy:3128")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"logfmt", "json", "term"} {
		got := capture(t, format, "", func(l *slog.Logger) {
			l = l.With("auth_token", secret)
			l.Info("m", "token", secret, "Authorization", "Basic "+secret, "auth", secret, "Set-Cookie", secret, "HTTPAuth", secret,
				"password", []byte(secret), "client_id", secret, slog.Group("user", "password", secret), "proxy", u,
				"url", "ws://"+secret+"@host/x", "err", errors.New("dial http://me:"+secret+"@proxy:1/: refused"),
				"head", http.Header{"Cookie": {secret}}, "kept", "http://host/a@b")
		})
		if strings.Contains(got, secret) {
			t.Errorf("%s shows a credential: %s", format, got)
		}
		for _, want := range []string{redacted, "http://host/a@b", "@proxy:1/: refused", "Cookie"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is missing in %s", format, want, got)
			}
		}
	}
}

func TestLongValue(t *testing.T) {
	got := capture(t, "", "", func(l *slog.Logger) { l.Info("m", "v", strings.Repeat("é", 1<<20)) })
	if len(got) > maxValue+200 || !strings.Contains(got, "bytes more)") {
		t.Errorf("a value of 2 MiB became %d bytes", len(got))
	}
}

func TestLevels(t *testing.T) {
	for level, want := range map[string]int{"DEBUG": 4, "info": 3, "": 3, "Warning": 2, "WARN": 2, "error": 1} {
		got := capture(t, "", level, func(l *slog.Logger) { l.Debug("m"); l.Info("m"); l.Warn("m"); l.Error("m") })
		if n := strings.Count(got, "\n"); n != want {
			t.Errorf("level %q writes %d of 4 lines, want %d", level, n, want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	for want, o := range map[string]Options{
		"use DEBUG, INFO, WARNING or ERROR": {Level: "loud"},
		"use logfmt, json or term":          {Format: "xml"},
		"open log:":                         {To: filepath.Join(t.TempDir(), "no", "dir")},
	} {
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%+v) = %v, want %q", o, err, want)
		}
	}
}

func TestNone(t *testing.T) {
	l, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.Logger.Error("m")
	if l.Reopen() != nil || l.Close() != nil || l.Dropped() != 0 || l.ToFile() || l.ToStream() {
		t.Error("a log that goes nowhere has something to report")
	}
}

func TestFileIsPrivateAndReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n.log")
	l, err := Open(Options{To: path})
	if err != nil {
		t.Fatal(err)
	}
	l.Logger.Info("first")
	rotated := path + ".1"
	if err := os.Rename(path, rotated); err != nil {
		t.Skip("an open file can't be moved here:", err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.Logger.Info("second")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	old, _ := os.ReadFile(rotated)
	b, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(b), "second") || !strings.Contains(string(old)+string(b), "first") {
		t.Errorf("old file %q, new file %q, %v", old, b, err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm()&0o077 != 0 && !errors.Is(err, fs.ErrNotExist) && os.PathSeparator == '/' {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
}
