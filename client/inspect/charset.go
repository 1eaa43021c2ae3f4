package inspect

import (
	"bytes"
	"regexp"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// declaration finds the charset that an HTML or XML document declares of itself.
var declaration = regexp.MustCompile(`(?i)<(?:meta[^>]+charset|\?xml[^>]+encoding)\s*=\s*["']?\s*([a-z0-9_:-]+)`)

// toUTF8 decodes text to valid UTF-8 and names what it was. A byte order mark counts
// most, then declared, which is from Content-Type, then the document itself.
func toUTF8(p []byte, declared string, kind ContentKind) (text, charset string) {
	label := declared
	switch {
	case bytes.HasPrefix(p, []byte("\xef\xbb\xbf")):
		return strings.ToValidUTF8(string(p[3:]), "\ufffd"), "utf-8"
	case bytes.HasPrefix(p, []byte("\xff\xfe")):
		label = "utf-16le"
	case bytes.HasPrefix(p, []byte("\xfe\xff")):
		label = "utf-16be"
	case label == "" && (kind == ContentHTML || kind == ContentXML):
		if m := declaration.FindSubmatch(p[:min(len(p), 1024)]); m != nil {
			label = string(m[1])
		}
	}
	enc, name := lookupCharset(label)
	if enc == nil {
		return strings.ToValidUTF8(string(p), "\ufffd"), "utf-8"
	}
	out, err := enc.NewDecoder().Bytes(p)
	if err != nil {
		return strings.ToValidUTF8(string(p), "\ufffd"), "utf-8"
	}
	out = bytes.TrimPrefix(out, []byte("\ufeff"))
	return strings.ToValidUTF8(string(out[:min(len(out), MaxDecoded)]), "\ufffd"), name
}

// lookupCharset returns the encoding that browsers understand by a label, or nil for
// UTF-8 and for labels that nobody knows.
func lookupCharset(label string) (encoding.Encoding, string) {
	enc, err := htmlindex.Get(strings.TrimSpace(label))
	if err != nil || enc == unicode.UTF8 || enc == encoding.Replacement {
		return nil, ""
	}
	name, err := htmlindex.Name(enc)
	if err != nil {
		return nil, ""
	}
	return enc, name
}
