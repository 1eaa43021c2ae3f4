package inspect

import (
	"bytes"
	"slices"
	"strings"
)

// masked takes the place of a secret.
const masked = "***"

// secretFields are masked always.
var secretFields = []string{
	"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie",
	"X-Api-Key", "Api-Key", "X-Auth-Token", "X-Access-Token",
}

// masker knows which header fields hold secrets.
type masker struct {
	names map[string]bool // in lower case
}

func newMasker(more []string) *masker {
	m := &masker{names: map[string]bool{}}
	for _, name := range slices.Concat(secretFields, more) {
		m.names[strings.ToLower(strings.TrimSpace(name))] = true
	}
	return m
}

// Masked returns a copy of the exchange whose secret header values (Authorization,
// Cookie and the like) are replaced by ***, in the fields as in the raw bytes. Names of
// cookies and authentication schemes stay.
func (e *Exchange) Masked() *Exchange {
	c := *e
	mask := e.mask
	if mask == nil {
		mask = newMasker(nil)
	}
	c.Request = mask.message(e.Request)
	c.Response = mask.message(e.Response)
	c.Interim = slices.Clone(e.Interim)
	for i := range c.Interim {
		c.Interim[i] = mask.message(c.Interim[i])
	}
	return &c
}

func (k *masker) message(m Message) Message {
	if m.HeadSize == 0 {
		// What could not be read as HTTP may still hold lines of a head.
		m.Raw = k.lines(m.Raw)
		m.Body = m.Raw
		return m
	}
	m.Header = k.fields(m.Header)
	m.Trailer = k.fields(m.Trailer)
	head := k.lines(m.Raw[:m.HeadSize])
	raw := append(head, m.Raw[m.HeadSize:]...)
	if len(m.Trailer) > 0 {
		at := len(head) + trailerStart(m.Raw[m.HeadSize:])
		raw = append(raw[:at:at], k.lines(raw[at:])...)
	}
	m.HeadSize = len(head)
	m.Raw = raw
	return m
}

func (k *masker) fields(fields []Field) []Field {
	out := slices.Clone(fields)
	for i, f := range out {
		if k.secret(f.Name) {
			out[i].Value = maskValue(f.Name, f.Value)
		}
	}
	return out
}

func (k *masker) secret(name string) bool {
	return k.names[strings.ToLower(strings.TrimSpace(name))]
}

// lines masks the field lines of a head or a trailer section, whatever their line ends.
func (k *masker) lines(section []byte) []byte {
	out := make([]byte, 0, len(section))
	hidden := false // the line before held a secret: its folds do as well
	for line := range bytes.Lines(section) {
		name, rest, ok := bytes.Cut(line, []byte(":"))
		folded := line[0] == ' ' || line[0] == '\t'
		switch {
		case folded && hidden && len(bytes.TrimSpace(line)) > 0:
			out = append(append(append(out, line[0]), masked...), lineBreak(line)...)
		case !folded && ok && k.secret(string(name)):
			hidden = true
			value := strings.Trim(string(rest), " \t\r\n")
			out = append(append(out, name...), ": "...)
			out = append(out, maskValue(string(name), value)...)
			out = append(out, lineBreak(line)...)
		default:
			hidden = hidden && folded
			out = append(out, line...)
		}
	}
	return out
}

func lineBreak(line []byte) []byte {
	return line[len(bytes.TrimRight(line, "\r\n")):]
}

// maskValue hides a value but what helps to understand a request without being secret.
func maskValue(name, value string) string {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "authorization", "proxy-authorization":
		if scheme, _, ok := strings.Cut(value, " "); ok && isWord(scheme) {
			return scheme + " " + masked
		}
	case "cookie":
		pairs := strings.Split(value, ";")
		for i, pair := range pairs {
			pairs[i] = maskPair(strings.TrimSpace(pair))
		}
		return strings.Join(pairs, "; ")
	case "set-cookie":
		pair, attributes, ok := strings.Cut(value, ";")
		if ok {
			return maskPair(strings.TrimSpace(pair)) + ";" + attributes
		}
		return maskPair(pair)
	}
	return masked
}

func maskPair(pair string) string {
	if name, _, ok := strings.Cut(pair, "="); ok {
		return name + "=" + masked
	}
	return masked
}

// isWord says whether s is a plausible name of an authentication scheme, not a token.
func isWord(s string) bool {
	if s == "" || len(s) > 20 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '4' && c != '2' && c != '5' && c != '6' {
			return false
		}
	}
	return true
}
