package http1

import "bytes"

// Field is one field line (header or trailer line) of a message. Both slices point into
// the head it was parsed from; Value comes without the white space around it.
type Field struct {
	Name, Value []byte
}

// Is reports whether the field has that name; letter case is ignored.
func (f Field) Is(name string) bool { return equalFold(f.Name, name) }

// find returns the value of the first field of that name and how many there are.
func find(fields []Field, name string) (value []byte, count int) {
	for i := range fields {
		if len(fields[i].Name) == len(name) && equalFold(fields[i].Name, name) {
			if count == 0 {
				value = fields[i].Value
			}
			count++
		}
	}
	return value, count
}

// ParseFields appends the field lines of a section to dst: "Name: value" lines that end
// with CRLF or LF, such as the trailer bytes that [Body.Step] reports. Lines without a
// colon are left out. The fields point into section.
func ParseFields(dst []Field, section []byte) []Field {
	for len(section) > 0 {
		line := section
		if i := bytes.IndexByte(section, '\n'); i >= 0 {
			line, section = section[:i], section[i+1:]
		} else {
			section = nil
		}
		if i := bytes.IndexByte(line, ':'); i > 0 {
			dst = append(dst, Field{Name: trimSpace(line[:i]), Value: trimSpace(line[i+1:])})
		}
	}
	return dst
}

// Classes of bytes, combined as bits in the table class.
const (
	classToken  = 1 << iota // tchar of RFC 9110 section 5.6.2
	classValue              // allowed in a field value: HTAB, SP, VCHAR, obs-text
	classTarget             // allowed in a request target
	classHost               // allowed in an ASCII host name, upper case included
	classLower              // of these, what is in canonical form already
)

var class = func() (t [256]uint8) {
	for c := range t {
		b := byte(c)
		alnum := b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
		if alnum || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), b) >= 0 {
			t[c] |= classToken
		}
		if b == '\t' || b >= ' ' && b != 0x7f {
			t[c] |= classValue
		}
		if b > ' ' && b != 0x7f && b != '#' {
			t[c] |= classTarget
		}
		if alnum || b == '-' || b == '_' || b == '.' {
			t[c] |= classHost
			if b < 'A' || b > 'Z' {
				t[c] |= classLower
			}
		}
	}
	return t
}()

// all reports whether every byte of b is of the class c.
func all(b []byte, c uint8) bool {
	for _, x := range b {
		if class[x]&c == 0 {
			return false
		}
	}
	return true
}

// isToken reports whether b is a token: a legal method or field name.
func isToken(b []byte) bool { return len(b) > 0 && all(b, classToken) }

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// equalFold reports whether b and s are the same but for the case of ASCII letters.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if b[i] != s[i] && lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

// trimSpace cuts spaces, tabs and line ends from both sides of b.
func trimSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// nextItem cuts the first item off a comma-separated list (RFC 9110 section 5.6.1).
// Items may be empty; rest is nil after the last.
func nextItem(list []byte) (item, rest []byte) {
	if i := bytes.IndexByte(list, ','); i >= 0 {
		return trimSpace(list[:i]), list[i+1:]
	}
	return trimSpace(list), nil
}

// options are the members of Connection fields that matter for framing.
type options struct {
	close, keepAlive, upgrade bool
}

func (o *options) add(value []byte) {
	for value != nil {
		var item []byte
		item, value = nextItem(value)
		switch {
		case equalFold(item, "close"):
			o.close = true
		case equalFold(item, "keep-alive"):
			o.keepAlive = true
		case equalFold(item, "upgrade"):
			o.upgrade = true
		}
	}
}

// closes says whether the connection ends after the message (RFC 9112 section 9.3).
func (o *options) closes(minor int) bool {
	return o.close || minor == 0 && !o.keepAlive
}

// parseLength reads a Content-Length: digits alone, at most 2^63-1.
func parseLength(v []byte) (n int64, ok bool) {
	if len(v) == 0 || len(v) > 19 {
		return 0, false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		d := int64(c - '0')
		if n > (1<<63-1-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}
