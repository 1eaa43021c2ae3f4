package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/url"
	"strings"
)

const (
	// maxFields bounds the parameters and the multipart parts that are listed.
	maxFields = 1000
	// maxPartText bounds how much of a part is given as text, in bytes.
	maxPartText = 64 << 10
)

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

// Query returns the query parameters of the request, unescaped, in their order.
func (e *Exchange) Query() []Field {
	_, query, _ := strings.Cut(e.Target, "?")
	query, _, _ = strings.Cut(query, "#")
	return parseQuery(query)
}

// parseQuery reads name=value pairs in their order; what is badly escaped stays as it is.
func parseQuery(query string) []Field {
	var fields []Field
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		if len(fields) == maxFields {
			break
		}
		name, value, _ := strings.Cut(pair, "=")
		fields = append(fields, Field{Name: unescape(name), Value: unescape(value)})
	}
	return fields
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return strings.ToValidUTF8(plain, "\ufffd")
	}
	return s
}

// multipartParts lists the parts of a body (RFC 2046). cut says that the body may end
// anywhere; the note is given back with what is wrong.
func multipartParts(body []byte, boundary string, cut bool, note string) ([]Part, string) {
	if boundary == "" {
		return nil, "the Content-Type of this multipart body names no boundary"
	}
	var parts []Part
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for len(parts) < maxFields {
		p, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			if !cut && !bytes.Contains(body, []byte("--"+boundary+"--")) {
				note = fmt.Sprintf("the multipart body has no end; %d parts of it could be read", len(parts))
			}
			return parts, note
		}
		if err != nil {
			if !cut {
				note = fmt.Sprintf("the multipart body is broken after part %d: %v", len(parts), err)
			}
			return parts, note
		}
		part, err := readPart(p)
		parts = append(parts, part)
		if err != nil && !cut {
			return parts, fmt.Sprintf("part %d of the multipart body is broken: %v", len(parts), err)
		}
	}
	return parts, fmt.Sprintf("only the first %d parts are listed", maxFields)
}

func readPart(p *multipart.Part) (Part, error) {
	out := Part{Name: p.FormName(), FileName: p.FileName()}
	for name, values := range p.Header {
		for _, v := range values {
			out.Header = append(out.Header, Field{Name: name, Value: v})
		}
	}
	sortFields(out.Header)
	mediaType, params := mediaTypeOf(p.Header.Get("Content-Type"))
	out.MediaType = mediaType
	start, err := io.ReadAll(io.LimitReader(p, maxPartText))
	out.Size = int64(len(start))
	if err == nil {
		var rest int64
		rest, err = io.Copy(io.Discard, p)
		out.Size += rest
		out.Cut = rest > 0
	}
	if err != nil {
		out.Cut = true
	}
	kind := kindOf(mediaType)
	if kind != ContentBinary && kind != ContentMultipart || looksLikeText(start) {
		out.Text, _ = toUTF8(start, params["charset"], kind)
	}
	return out, err
}
