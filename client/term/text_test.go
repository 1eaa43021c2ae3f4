package term

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

func TestClean(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"plain", "/a?b=c%20d", "/a?b=c%20d"},
		{"escape sequence", "/\x1b]0;owned\x07\x1b[2J", "/␛]0;owned␇␛[2J"},
		{"C1 control", "a\u009b31mb", "a\ufffd31mb"},
		{"delete", "a\x7fb", "a␡b"},
		{"line breaks and tabs", "dial\r\n\tfailed", "dial   failed"},
		{"bidi override", "/gpj.\u202eexe", "/gpj.\ufffdexe"},
		{"bidi isolate", "\u2066x\u2069", "\ufffdx\ufffd"},
		{"zero-width space", "a\u200bb", "a\ufffdb"},
		{"line separator", "a\u2028b", "a\ufffdb"},
		{"no-break space", "a\u00a0b", "a b"},
		{"not UTF-8", "a\xff\xc3b", "a\ufffdb"},
		{"composed", "cafe\u0301", "café"},
		{"mark without composed form", "x\u0301y", "xy"},
		{"wide", "/日本", "/日本"},
		{"joined emoji", "👩\u200d💻", "👩💻"},
		{"variation selector", "❤\ufe0f", "❤"},
		{"private use", "\ue000", "\ufffd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := clean(tt.in); got != tt.want {
				t.Errorf("clean(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestCleanCutsLongText(t *testing.T) {
	got := clean(strings.Repeat("日", maxText))
	if len(got) > maxText || strings.ContainsRune(got, utf8.RuneError) {
		t.Errorf("%d bytes, or a rune cut in two: …%q", len(got), got[len(got)-6:])
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"/a", "\x1b[2J", "\u202e", "日本", "e\u0301", "\xff", "👩\u200d💻", "\u1160\u11ff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if !utf8.ValidString(got) {
			t.Fatalf("clean(%q) = %q is no UTF-8", s, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.M, unicode.Zl, unicode.Zp) {
				t.Fatalf("clean(%q) = %q holds %U", s, got, r)
			}
			if w := runewidth.RuneWidth(r); w < 1 {
				t.Fatalf("clean(%q) = %q holds %U of width %d", s, got, r, w)
			}
		}
		for _, width := range []int{0, 1, 2, 7, 40} {
			if w := textWidth(truncate(got, width)); w > width {
				t.Fatalf("truncate(%q, %d) takes %d columns", got, width, w)
			}
			for _, piece := range append(chop(got, width), wrap(got, width, 3)...) {
				if textWidth(piece) > width {
					t.Fatalf("a piece %q of %q takes more than %d columns", piece, got, width)
				}
			}
		}
		if width := 5; strings.Join(chop(got, width), "") != got {
			t.Fatalf("chop(%q, %d) = %q loses text", got, width, chop(got, width))
		}
	})
}

func TestTruncate(t *testing.T) {
	for _, tt := range []struct {
		in    string
		width int
		want  string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"}, // half of a wide rune is not shown
		{"日", 1, "…"},
		{"a", 0, ""},
	} {
		if got := truncate(tt.in, tt.width); got != tt.want {
			t.Errorf("truncate(%q, %d) = %q, want %q", tt.in, tt.width, got, tt.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		width    int
		want     string
	}{
		{"fits", "one two", 7, "one two"},
		{"at a blank", "one two", 6, "one|two"},
		{"at the blank after the edge", "one two", 3, "one|two"},
		{"long word", "abcdefgh", 3, "abc|def|gh"},
		{"too many lines", "a b c d e", 1, "a|b|…"},
		{"wide rune in one column", "日", 1, "…"},
		{"only blanks", "   ", 3, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(wrap(tt.in, tt.width, 3), "|"); got != tt.want {
				t.Errorf("wrap(%q, %d) = %q, want %q", tt.in, tt.width, got, tt.want)
			}
		})
	}
}
