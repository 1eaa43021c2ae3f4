package inspect

import (
	"bytes"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// ContentKind says how a body is best shown.
type ContentKind string

const (
	ContentEmpty     ContentKind = "empty"
	ContentJSON      ContentKind = "json"
	ContentXML       ContentKind = "xml"
	ContentHTML      ContentKind = "html"
	ContentForm      ContentKind = "form"
	ContentMultipart ContentKind = "multipart"
	ContentImage     ContentKind = "image" // of a raster type that is safe to show: png, jpeg, gif, webp, bmp, ico
	ContentText      ContentKind = "text"
	ContentBinary    ContentKind = "binary"
)

// MaxDecoded bounds what decoding a body puts out, in bytes (4 MiB).
const MaxDecoded = 4 << 20

// Content is a body made readable.
type Content struct {
	Kind ContentKind `json:"kind"`
	// MediaType is what Content-Type says, or sniffed when it says nothing; of an image
	// it is what the bytes are.
	MediaType string       `json:"media_type"`
	Charset   string       `json:"charset,omitempty"`   // what Text was decoded from
	Encodings []string     `json:"encodings,omitempty"` // content encodings taken off, outermost first
	Bytes     []byte       `json:"-"`                   // without content encodings
	Text      string       `json:"text,omitempty"`      // Bytes as valid UTF-8, for all kinds but image and binary
	Pretty    string       `json:"pretty,omitempty"`    // indented JSON or XML; empty when it cannot be
	Syntax    *SyntaxError `json:"syntax,omitempty"`    // the first error of JSON or XML, unless the body is cut
	Form      []Field      `json:"form,omitempty"`      // fields of an urlencoded form
	Parts     []Part       `json:"parts,omitempty"`     // of a multipart body
	Cut       bool         `json:"cut"`                 // Bytes are not all of the content
	Note      string       `json:"note,omitempty"`      // what could not be decoded and why
}

// Content decodes the body of the message. The result is bounded by [MaxDecoded] and
// made anew by each call.
func (m *Message) Content() Content {
	var c Content
	c.Bytes, c.Encodings, c.Cut, c.Note = m.decode()
	c.Cut = c.Cut || m.StartLine != "" && !m.Complete
	if len(c.Bytes) == 0 {
		c.Kind = ContentEmpty
		return c
	}
	mediaType, params := mediaTypeOf(m.Value("Content-Type"))
	c.MediaType = mediaType
	c.Kind = kindOf(mediaType)
	if image := sniffImage(c.Bytes); image != "" && c.Kind != ContentMultipart {
		c.Kind, c.MediaType = ContentImage, image
		return c
	}
	if c.Kind == ContentBinary || mediaType == "" {
		c.sniff()
	}
	if c.Kind == ContentMultipart {
		c.Parts, c.Note = multipartParts(c.Bytes, params["boundary"], c.Cut, c.Note)
	}
	if c.Kind == ContentBinary {
		return c
	}
	c.Text, c.Charset = toUTF8(c.Bytes, params["charset"], c.Kind)
	c.structure()
	return c
}

// structure reads the text as what its kind says.
func (c *Content) structure() {
	switch c.Kind {
	case ContentJSON:
		c.Pretty, c.Syntax = prettyJSON(c.Text)
	case ContentXML:
		c.Pretty, c.Syntax = prettyXML(c.Text)
	case ContentForm:
		c.Form = parseQuery(c.Text)
	}
	if c.Cut && c.Syntax != nil {
		c.Syntax = nil
	}
}

// mediaTypeOf reads a Content-Type, forgiving broken parameters.
func mediaTypeOf(value string) (string, map[string]string) {
	mediaType, params, err := mime.ParseMediaType(value)
	if err != nil {
		mediaType, _, _ = strings.Cut(value, ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	}
	return mediaType, params
}

func kindOf(mediaType string) ContentKind {
	main, sub, _ := strings.Cut(mediaType, "/")
	switch {
	case sub == "json" || strings.HasSuffix(sub, "+json"):
		return ContentJSON
	case mediaType == "text/html" || sub == "xhtml+xml":
		return ContentHTML
	case sub == "xml" || strings.HasSuffix(sub, "+xml"):
		return ContentXML
	case sub == "x-www-form-urlencoded":
		return ContentForm
	case main == "multipart":
		return ContentMultipart
	case main == "text", textSubtypes[sub]:
		return ContentText
	}
	return ContentBinary
}

// textSubtypes are types of "application" that people read.
var textSubtypes = map[string]bool{
	"javascript": true, "ecmascript": true, "x-javascript": true, "graphql": true,
	"x-ndjson": true, "jsonl": true, "yaml": true, "x-yaml": true, "toml": true,
	"sql": true, "x-sh": true, "x-httpd-php": true, "csp-report": true,
}

// sniff guesses the kind of bytes that are declared as nothing, or as binary.
func (c *Content) sniff() {
	if !looksLikeText(c.Bytes) {
		if c.MediaType == "" {
			c.MediaType = "application/octet-stream"
		}
		c.Kind = ContentBinary
		return
	}
	trimmed := bytes.TrimSpace(c.Bytes)
	sniffed, _, _ := strings.Cut(http.DetectContentType(c.Bytes), ";")
	switch {
	case len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '['):
		c.Kind, sniffed = ContentJSON, "application/json"
		if _, err := prettyJSON(string(c.Bytes)); err != nil {
			c.Kind, sniffed = ContentText, "text/plain"
		}
	case bytes.HasPrefix(trimmed, []byte("<?xml")):
		c.Kind, sniffed = ContentXML, "text/xml"
	case sniffed == "text/html":
		c.Kind = ContentHTML
	default:
		c.Kind, sniffed = ContentText, "text/plain"
	}
	if c.MediaType == "" {
		c.MediaType = sniffed
	}
}

// looksLikeText says whether the start of p is UTF-8 without control characters.
func looksLikeText(p []byte) bool {
	p = p[:min(len(p), 4096)]
	for i := 0; i < len(p); {
		r, size := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && size == 1 && utf8.FullRune(p[i:]) {
			return false
		}
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' && r != 0x1b || r == 0x7f {
			return false
		}
		i += size
	}
	return true
}

// sniffImage returns the media type of the raster images that a page may show.
func sniffImage(p []byte) string {
	switch t := http.DetectContentType(p); t {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/x-icon":
		return t
	}
	if len(p) >= 12 && string(p[4:8]) == "ftyp" && (string(p[8:12]) == "avif" || string(p[8:12]) == "avis") {
		return "image/avif"
	}
	return ""
}
