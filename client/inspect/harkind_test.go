package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

func TestHARResourceType(t *testing.T) {
	for _, c := range []struct{ dest, contentType, want string }{
		{"", "application/json", "fetch"},
		{"", "text/plain", "fetch"},
		{"", "", "fetch"},
		{"", "text/html; charset=utf-8", "document"},
		{"", "text/css", "stylesheet"},
		{"", "text/javascript", "script"},
		{"", "application/javascript", "script"},
		{"", "IMAGE/png", "image"},
		{"", "font/woff2", "font"},
		{"", "video/mp4", "media"},
		{"", "text/event-stream", "eventsource"},
		{"empty", "text/html", "fetch"},
		{"document", "application/json", "document"},
		{"unheard-of", "image/gif", "image"},
	} {
		s := New(Options{})
		tap := s.Open(testInfo)
		tap.Request(fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Dest: %s\r\n\r\n", c.dest))
		tap.Response(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: 0\r\n\r\n", c.contentType))
		tap.Close()
		if got := exchanges(t, s)[0].resourceType(); got != c.want {
			t.Errorf("for %q with %q: %q, want %q", c.dest, c.contentType, got, c.want)
		}
	}
}

// Bytes that are no text must survive an export, whatever their type says.
func TestHARKeepsBytes(t *testing.T) {
	s := New(Options{BodySize: 10})
	tap := s.Open(testInfo)
	tap.Request([]byte("GET /odd HTTP/1.1\r\nHost: a\r\n\r\nGET /cut HTTP/1.1\r\nHost: a\r\n\r\n"))
	tap.Response([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\na\xff\xfe" +
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n0123456789ab"))
	tap.Close()
	var file bytes.Buffer
	if err := s.WriteHAR(&file, nil, HAROptions{}); err != nil {
		t.Fatal(err)
	}
	var har struct {
		Log struct{ Entries []harEntry }
	}
	if err := json.Unmarshal(file.Bytes(), &har); err != nil || len(har.Log.Entries) != 2 {
		t.Fatalf("%d entries, %v", len(har.Log.Entries), err)
	}
	if c := har.Log.Entries[0].Response.Content; c.Encoding != "base64" || c.Text != "Yf/+" {
		t.Errorf("odd bytes are %+v", c)
	}
	if c := har.Log.Entries[1].Response.Content; c.Text != "0123456789" || c.Size != 12 || c.Comment == "" {
		t.Errorf("a body that was cut is %+v", c)
	}
}
