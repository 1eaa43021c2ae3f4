package inspect

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// encode puts a content encoding on.
func encode(t testing.TB, name string, p []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch name {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	case "flate":
		w, err = flate.NewWriter(&b, 6)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func message1(contentType, encoding string, body []byte) *Message {
	m := &Message{StartLine: "HTTP/1.1 200 OK", Body: body, BodySize: int64(len(body)), Complete: true}
	if contentType != "" {
		m.Header = append(m.Header, Field{"Content-Type", contentType})
	}
	if encoding != "" {
		m.Header = append(m.Header, Field{"Content-Encoding", encoding})
	}
	return m
}

func TestContentEncodings(t *testing.T) {
	text := []byte(strings.Repeat("some text, and again. ", 100))
	tests := []struct {
		header   string
		encoders []string
	}{
		{"gzip", []string{"gzip"}},
		{"x-gzip", []string{"gzip"}},
		{"GZIP", []string{"gzip"}},
		{"deflate", []string{"zlib"}},
		{"deflate", []string{"flate"}},
		{"br", []string{"br"}},
		{"zstd", []string{"zstd"}},
		{"identity", nil},
		{"gzip, br", []string{"gzip", "br"}},
		{"zstd, identity, deflate", []string{"zstd", "zlib"}},
	}
	for _, x := range tests {
		t.Run(fmt.Sprint(x.header, x.encoders), func(t *testing.T) {
			body := text
			for _, name := range x.encoders {
				body = encode(t, name, body)
			}
			m := message1("text/plain", x.header, body)
			c := m.Content()
			if c.Text != string(text) || c.Cut || c.Note != "" || len(c.Encodings) != len(x.encoders) {
				t.Errorf("%d bytes, cut %v, note %q, encodings %v", len(c.Text), c.Cut, c.Note, c.Encodings)
			}
			if len(x.encoders) == 0 {
				return
			}
			m.Body, m.Truncated = body[:len(body)*2/3], true
			if c := m.Content(); !c.Cut || c.Note != "" || !strings.HasPrefix(string(text), c.Text) {
				t.Errorf("truncated: %q, cut %v, note %q", c.Text, c.Cut, c.Note)
			}
			m.Body, m.Truncated = append(bytes.Clone(body[:len(body)/2]), "garbage in it"...), false
			if c := m.Content(); c.Note == "" {
				t.Errorf("broken: %q, no note", c.Text)
			}
		})
	}
	for _, header := range []string{"rot13", "gzip, gzip, gzip, gzip, gzip, gzip", "compress"} {
		if c := message1("text/plain", header, text).Content(); c.Note == "" || c.Text != string(text) {
			t.Errorf("%s: %.20q, note %q", header, c.Text, c.Note)
		}
	}
}

func TestDecodingIsBounded(t *testing.T) {
	bomb := bytes.Repeat([]byte{' '}, MaxDecoded+1000)
	for _, name := range []string{"gzip", "br", "zstd"} {
		c := message1("application/json", name, encode(t, name, bomb)).Content()
		if len(c.Bytes) != MaxDecoded || !c.Cut || c.Note == "" {
			t.Errorf("%s: %d bytes, cut %v, note %q", name, len(c.Bytes), c.Cut, c.Note)
		}
	}
	twice := encode(t, "gzip", encode(t, "gzip", bomb))
	if c := message1("", "gzip, gzip", twice).Content(); len(c.Bytes) != MaxDecoded || !c.Cut {
		t.Errorf("gzip twice: %d bytes", len(c.Bytes))
	}
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	if c := message1("application/json", "", []byte(strings.Repeat(deep+",", 50))).Content(); len(c.Pretty) > maxPretty {
		t.Errorf("pretty JSON of %d bytes", len(c.Pretty))
	}
}

func TestContentKinds(t *testing.T) {
	tests := []struct {
		contentType, body string
		kind              ContentKind
		mediaType         string
	}{
		{"application/json", `{}`, ContentJSON, "application/json"},
		{"application/problem+json; charset=utf-8", `{}`, ContentJSON, "application/problem+json"},
		{"text/xml", `<a/>`, ContentXML, "text/xml"},
		{"image/svg+xml", `<svg/>`, ContentXML, "image/svg+xml"},
		{"text/html", `<p>`, ContentHTML, "text/html"},
		{"application/x-www-form-urlencoded", `a=b`, ContentForm, "application/x-www-form-urlencoded"},
		{"text/css", `a{}`, ContentText, "text/css"},
		{"application/javascript", `x`, ContentText, "application/javascript"},
		{"", `{"a": 1}`, ContentJSON, "application/json"},
		{"", `{a}`, ContentText, "text/plain"},
		{"", "<?xml version='1.0'?><a/>", ContentXML, "text/xml"},
		{"", "<!DOCTYPE html><p>", ContentHTML, "text/html"},
		{"", "hello", ContentText, "text/plain"},
		{"", "\x00\x01", ContentBinary, "application/octet-stream"},
		{"application/octet-stream", "hello", ContentText, "application/octet-stream"},
		{"application/octet-stream", "\x89PNG\r\n\x1a\nxx", ContentImage, "image/png"},
		{"image/png", "GIF89a....", ContentImage, "image/gif"},
		{"image/png", "\x00\x01\x02", ContentBinary, "image/png"},
		{"", "", ContentEmpty, ""},
		{"text/plain; charset=", "x", ContentText, "text/plain"},
		{"  weird ;;; ", "x", ContentText, "weird"},
	}
	for _, x := range tests {
		c := message1(x.contentType, "", []byte(x.body)).Content()
		if c.Kind != x.kind || c.MediaType != x.mediaType {
			t.Errorf("%q %q: %s %q, want %s %q", x.contentType, x.body, c.Kind, c.MediaType, x.kind, x.mediaType)
		}
	}
}

func TestCharsets(t *testing.T) {
	tests := []struct {
		contentType, body, want, charset string
	}{
		{"text/plain; charset=iso-8859-1", "caf\xe9", "café", "windows-1252"},
		{"text/plain; charset=Shift_JIS", "\x93\xfa\x96{", "日本", "shift_jis"},
		{"text/plain", "\xff\xfeh\x00i\x00", "hi", "utf-16le"},
		{"text/plain", "\xfe\xff\x00h\x00i", "hi", "utf-16be"},
		{"text/plain; charset=latin1", "\xef\xbb\xbfé", "é", "utf-8"},
		{"text/plain", "caf\xe9", "caf\ufffd", "utf-8"},
		{"text/plain; charset=nonsense", "é", "é", "utf-8"},
		{"text/html", "<meta charset=\"windows-1251\">\xcf", "<meta charset=\"windows-1251\">П", "windows-1251"},
		{"text/html", "<meta http-equiv=Content-Type content='text/html; charset=koi8-r'>\xf0", "<meta http-equiv=Content-Type content='text/html; charset=koi8-r'>П", "koi8-r"},
		{"text/xml", "<?xml version='1.0' encoding='ISO-8859-15'?><a>\xa4</a>", "<?xml version='1.0' encoding='ISO-8859-15'?><a>€</a>", "iso-8859-15"},
	}
	for _, x := range tests {
		c := message1(x.contentType, "", []byte(x.body)).Content()
		if c.Text != x.want || c.Charset != x.charset {
			t.Errorf("%q %q: %q in %s, want %q in %s", x.contentType, x.body, c.Text, c.Charset, x.want, x.charset)
		}
		if c.Kind == ContentXML && (c.Syntax != nil || c.Pretty == "") {
			t.Errorf("%q: syntax %+v", x.body, c.Syntax)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	tests := []struct {
		contentType, body    string
		offset, line, column int
	}{
		{"application/json", "{\n  \"é\": x\n}", 10, 2, 8},
		{"application/json", "{\"a\": 1,}", 8, 1, 9},
		{"application/json", "{\"a\": ", 6, 1, 7},
		{"application/json", "{} {}", 3, 1, 4},
		{"application/json", "  ", 2, 1, 3},
		{"text/xml", "<a>\n<b></a>", 7, 2, 4},
		{"text/xml", "<a>", 3, 1, 4},
		{"text/xml", "<a/><b/>", 4, 1, 5},
		{"text/xml", "text", 0, 1, 1},
		{"text/xml", "</a>", 0, 1, 1},
		{"text/xml", "<!-- nothing -->", 16, 1, 17},
	}
	for _, x := range tests {
		m := message1(x.contentType, "", []byte(x.body))
		c := m.Content()
		if c.Syntax == nil || c.Pretty != "" {
			t.Errorf("%q: no error, pretty %q", x.body, c.Pretty)
			continue
		}
		if s := *c.Syntax; s.Offset != x.offset || s.Line != x.line || s.Column != x.column || s.Msg == "" {
			t.Errorf("%q: %+v, want offset %d, line %d, column %d", x.body, s, x.offset, x.line, x.column)
		}
		m.Truncated = true
		if c := m.Content(); c.Syntax != nil {
			t.Errorf("%q, cut off: %+v", x.body, c.Syntax)
		}
	}
	if c := message1("text/xml", "", []byte("<a>&nope;</a>")).Content(); c.Syntax == nil {
		t.Error("an unknown entity is no error")
	}
}

func TestPretty(t *testing.T) {
	c := message1("application/json", "", []byte(`{"b":[1,2.50,"\u00e9"],"a":{}}`)).Content()
	if want := "{\n  \"b\": [\n    1,\n    2.50,\n    \"\\u00e9\"\n  ],\n  \"a\": {}\n}"; c.Pretty != want {
		t.Errorf("JSON: %s", c.Pretty)
	}
	c = message1("text/xml", "", []byte(`<?xml version="1.0"?><!-- c --><r a="1"><e/><x:y>text &amp; more</x:y><z>  <w/>tail</z></r>`)).Content()
	if want := `<?xml version="1.0"?>
<!-- c -->
<r a="1">
  <e/>
  <x:y>text &amp; more</x:y>
  <z>
    <w/>
    tail
  </z>
</r>`; c.Pretty != want {
		t.Errorf("XML: %s", c.Pretty)
	}
}

func TestForms(t *testing.T) {
	c := message1("application/x-www-form-urlencoded", "", []byte("a=1&b=x+y&&a=%C3%A9&c&%zz=%zz")).Content()
	want := []Field{{"a", "1"}, {"b", "x y"}, {"a", "é"}, {"c", ""}, {"%zz", "%zz"}}
	if fmt.Sprint(c.Form) != fmt.Sprint(want) {
		t.Errorf("form: %v", c.Form)
	}
	e := &Exchange{Summary: Summary{Target: "/p?x=1&y#f"}}
	if got := e.Query(); fmt.Sprint(got) != "[{x 1} {y }]" {
		t.Errorf("query: %v", got)
	}
}

const multipartBody = "preamble\r\n--XX\r\nContent-Disposition: form-data; name=\"field\"\r\n\r\nvalue\r\n" +
	"--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../é.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\x00\x01\r\n--XX--\r\n"

func TestMultipart(t *testing.T) {
	m := message1("multipart/form-data; boundary=XX", "", []byte(multipartBody))
	c := m.Content()
	if len(c.Parts) != 2 || c.Note != "" {
		t.Fatalf("%+v", c)
	}
	if p := c.Parts[0]; p.Name != "field" || p.Text != "value" || p.Size != 5 || p.Cut {
		t.Errorf("first part: %+v", p)
	}
	if p := c.Parts[1]; p.Name != "file" || p.FileName != "é.png" || p.MediaType != "image/png" || p.Size != 6 || p.Text != "" {
		t.Errorf("second part: %+v", p)
	}
	m.Body, m.Truncated = []byte(multipartBody[:60]), true
	if c := m.Content(); c.Note != "" || !c.Cut {
		t.Errorf("cut off: %+v", c)
	}
	m.Truncated = false
	if c := m.Content(); c.Note == "" {
		t.Errorf("broken: %+v", c)
	}
	if c := message1("multipart/form-data", "", []byte(multipartBody)).Content(); c.Note == "" {
		t.Error("no boundary, no note")
	}
}

func FuzzContent(f *testing.F) {
	f.Add("multipart/form-data; boundary=XX", "", []byte(multipartBody))
	f.Add("application/json", "", []byte(`{"a":[1,{"b":null}]}`))
	f.Add("text/xml; charset=latin1", "", []byte("<a><b>\xe9</b></a>"))
	f.Add("text/html", "gzip, br", []byte("\x1f\x8b\x08\x00"))
	f.Add("application/x-www-form-urlencoded", "deflate", []byte("x\x9cK\xb4M\x02\x00\x01\xeb\x00\xf8"))
	f.Add("", "zstd", []byte("(\xb5/\xfd\x04\x00\x11\x00\x00ab\xd2\x1f"))
	f.Fuzz(func(t *testing.T, contentType, encoding string, body []byte) {
		m := message1(contentType, encoding, body)
		c := m.Content()
		if len(c.Bytes) > MaxDecoded || !utf8.ValidString(c.Text) {
			t.Fatalf("%d bytes, valid text %v", len(c.Bytes), utf8.ValidString(c.Text))
		}
		if s := c.Syntax; s != nil && (s.Offset < 0 || s.Offset > len(c.Text) || s.Line < 1 || s.Column < 1) {
			t.Fatalf("syntax error at %+v", s)
		}
		if c.Kind == ContentEmpty && len(c.Bytes) > 0 {
			t.Fatal("bytes, but empty")
		}
	})
}
