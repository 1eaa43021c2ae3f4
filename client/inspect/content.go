package inspect

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
	Kind      ContentKind  `json:"kind"`
	MediaType string       `json:"media_type"`          // from Content-Type, or sniffed when it has none
	Charset   string       `json:"charset,omitempty"`   // what Text was decoded from
	Encodings []string     `json:"encodings,omitempty"` // content encodings taken off, outermost first
	Bytes     []byte       `json:"-"`                   // without content encodings
	Text      string       `json:"text,omitempty"`      // Bytes as UTF-8, for all kinds but image and binary
	Pretty    string       `json:"pretty,omitempty"`    // indented JSON or XML; empty when it cannot be
	Syntax    *SyntaxError `json:"syntax,omitempty"`    // the first error of JSON or XML, unless the body is cut
	Form      []Field      `json:"form,omitempty"`      // fields of an urlencoded form
	Parts     []Part       `json:"parts,omitempty"`     // of a multipart body
	Cut       bool         `json:"cut"`                 // Bytes are not all of the content
	Note      string       `json:"note,omitempty"`      // what could not be decoded and why
}

// SyntaxError is the place of an error in [Content.Text].
type SyntaxError struct {
	Offset int    `json:"offset"` // bytes from the start
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in characters
	Msg    string `json:"msg"`
}

// Part is one part of a multipart body.
type Part struct {
	Name      string  `json:"name"`
	FileName  string  `json:"file_name,omitempty"`
	MediaType string  `json:"media_type,omitempty"`
	Header    []Field `json:"header,omitempty"`
	Size      int64   `json:"size"`           // bytes of it that are kept
	Text      string  `json:"text,omitempty"` // the start of it (at most 64 KiB) when it is text
	Cut       bool    `json:"cut"`            // it goes on beyond what is kept or shown
}

// Content decodes the body of the message. The result is bounded by [MaxDecoded] and
// made anew by each call.
func (m *Message) Content() Content { return Content{} }

// Query returns the query parameters of the request, unescaped, in their order.
func (e *Exchange) Query() []Field { return nil }
