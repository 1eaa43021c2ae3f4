package logging

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxValue is the longest value in bytes that is written whole: longer ones would
// crowd out the lines around them.
const maxValue = 64 << 10

// text returns v in words, cut to maxValue.
func text(v slog.Value) string {
	switch v.Kind() {
	case slog.KindTime:
		return v.Time().Format(timeFormat)
	case slog.KindAny:
		return clip(anyText(v.Any()))
	default:
		return clip(v.String())
	}
}

// anyText returns what a value of any type says of itself. The value may be a nil
// pointer whose methods panic: that is no reason to end a program.
func anyText(a any) (s string) {
	defer func() {
		if p := recover(); p != nil {
			s = fmt.Sprintf("!PANIC %T", a)
		}
	}()
	switch a := a.(type) {
	case nil:
		return "null"
	case error:
		return maskUserinfo(a.Error())
	case fmt.Stringer:
		return maskUserinfo(a.String())
	case json.RawMessage:
		return string(a)
	case []byte:
		return string(a)
	case encoding.TextMarshaler:
		b, err := a.MarshalText()
		if err != nil {
			return "!ERROR " + err.Error()
		}
		return string(b)
	default:
		return fmt.Sprintf("%+v", a)
	}
}

// clip shortens s to maxValue bytes and says by how much.
func clip(s string) string {
	if len(s) <= maxValue {
		return s
	}
	cut := maxValue
	for cut > maxValue-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + fmt.Sprintf("… (%d bytes more)", len(s)-cut)
}

// plain reports whether r can be shown as it is. What changes the state of a
// terminal or the direction of text, and what can't be seen, is not printable.
func plain(r rune) bool { return r != utf8.RuneError && strconv.IsPrint(r) }

// Neutral returns s with everything that is not plain escaped as in Go's strings.
func Neutral(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if plain(r) {
			b.WriteString(s[i : i+n])
		} else {
			q := strconv.Quote(s[i : i+n])
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	return b.String()
}

// appendLogfmt appends s, in quotes when it would not read back as one word.
func appendLogfmt(b []byte, s string) []byte {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool {
		return r == ' ' || r == '"' || r == '=' || r == '\\' || r == '\'' || !plain(r)
	}) {
		return strconv.AppendQuote(b, s)
	}
	return append(b, s...)
}

// appendKey appends a key with what would break the line replaced.
func appendKey(b []byte, key string) []byte {
	if key == "" {
		return append(b, '_')
	}
	for _, r := range key {
		if r == ' ' || r == '"' || r == '=' || !plain(r) {
			r = '_'
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}

// appendJSON appends s as a JSON string in which everything that is not plain is
// escaped; encoding/json leaves some of it as it is.
func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case plain(r):
			b = utf8.AppendRune(b, r)
		case r < 0x10000:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			r -= 0x10000
			b = fmt.Appendf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return append(b, '"')
}

// timeFormat is RFC 3339 with milliseconds and a numeric offset, also for UTC.
const timeFormat = "2006-01-02T15:04:05.000-07:00"

// clock is the time of day that a person reads.
func clock(t time.Time) string { return t.Format("15:04:05") }
