package auth

import (
	"fmt"
	"strings"

	"golang.org/x/net/idna"
)

// maxHost is the longest host name in DNS, in characters (RFC 1035, 2.3.4).
const maxHost = 253

// Pattern matches host names, or names below the server's domain. It is a name in
// which one * may stand for one or more characters other than dots.
type Pattern struct {
	text           string // as A-labels, lower case
	prefix, suffix string // what stands before and after the *
	star           bool
}

// ParsePattern reads a pattern such as "alice", "alice-*" or "*.alice.example".
// Letters outside ASCII are turned into A-labels.
func ParsePattern(s string) (Pattern, error) {
	text := strings.ToLower(strings.TrimSuffix(s, "."))
	if text == "" || len(text) > maxHost {
		return Pattern{}, fmt.Errorf("name %q: it has 1 to %d characters", s, maxHost)
	}
	labels := strings.Split(text, ".")
	for i, l := range labels {
		a, err := label(l)
		if err != nil {
			return Pattern{}, fmt.Errorf("name %q: %w", s, err)
		}
		labels[i] = a
	}
	p := Pattern{text: strings.Join(labels, ".")}
	if len(p.text) > maxHost { // A-labels are longer than what they stand for
		return Pattern{}, fmt.Errorf("name %q: it has 1 to %d characters", s, maxHost)
	}
	p.prefix, p.suffix, p.star = strings.Cut(p.text, "*")
	if strings.Contains(p.suffix, "*") {
		return Pattern{}, fmt.Errorf("name %q: at most one * may stand in it", s)
	}
	return p, nil
}

// label returns one label of a pattern as it stands in DNS.
func label(l string) (string, error) {
	ascii := true
	for _, c := range l {
		ascii = ascii && c < 0x80
	}
	if !ascii {
		a, err := idna.Lookup.ToASCII(l)
		if err != nil {
			return "", fmt.Errorf("%q is no host name: %w", l, err)
		}
		l = a
	}
	if l == "" || len(l) > 63 {
		return "", fmt.Errorf("each part between dots has 1 to 63 characters")
	}
	for _, c := range l {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_*", c) {
			return "", fmt.Errorf("%q can't stand in a host name", c)
		}
	}
	return l, nil
}

// String returns the pattern in lower case, as A-labels.
func (p Pattern) String() string { return p.text }

// any reports whether the pattern is a lone *: it grants every name and reserves none.
func (p Pattern) any() bool { return p.text == "*" }

// match reports whether name is what the pattern says.
func (p Pattern) match(name string) bool {
	if !p.star {
		return name == p.text
	}
	rest, ok := strings.CutPrefix(name, p.prefix)
	if !ok {
		return false
	}
	middle, ok := strings.CutSuffix(rest, p.suffix)
	return ok && middle != "" && !strings.Contains(middle, ".")
}

// covers reports whether the pattern is, or stands above, the name below the domain:
// what lies below a name belongs to it, since it could set cookies for it.
func (p Pattern) covers(sub string) bool {
	for {
		if p.match(sub) {
			return true
		}
		_, below, ok := strings.Cut(sub, ".")
		if !ok {
			return false
		}
		sub = below
	}
}
