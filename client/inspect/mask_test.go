package inspect

import (
	"slices"
	"strings"
	"testing"
)

func TestMasked(t *testing.T) {
	s := New(Options{MaskHeaders: []string{"x-secret-thing"}})
	tap := s.Open(testInfo)
	tap.Request([]byte("POST / HTTP/1.1\r\nHost: h\r\nauthorization: Basic c2VjcmV0\r\nProxy-Authorization: c2VjcmV0c2VjcmV0\r\n" +
		"Cookie: sid=secret; theme=secret\r\nX-Secret-Thing: secret\r\nX-Api-Key:secret\r\nX-Open: shown\r\n" +
		"Transfer-Encoding: chunked\r\n\r\n6\r\nsecret\r\n0\r\nX-Auth-Token: secret\r\nX-Fine: shown\r\n\r\n"))
	tap.Response([]byte("HTTP/1.1 103 Early\r\nSet-Cookie: e=secret\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nSet-Cookie: a=secret; Path=/; HttpOnly\nSet-Cookie: b=secret,\n\tsecret\r\n  secret\r\nSet-Cookie: secret\r\nContent-Length: 0\r\n\r\n"))
	tap.RequestEnd(nil)
	tap.ResponseEnd(nil)
	tap.Close()
	plain := exchanges(t, s)[0]
	e := plain.Masked()

	wantRequest := "POST / HTTP/1.1\r\nHost: h\r\nauthorization: Basic ***\r\nProxy-Authorization: ***\r\n" +
		"Cookie: sid=***; theme=***\r\nX-Secret-Thing: ***\r\nX-Api-Key: ***\r\nX-Open: shown\r\n" +
		"Transfer-Encoding: chunked\r\n\r\n6\r\nsecret\r\n0\r\nX-Auth-Token: ***\r\nX-Fine: shown\r\n\r\n"
	if got := string(e.Request.Raw); got != wantRequest {
		t.Errorf("request:\n%q, want\n%q", got, wantRequest)
	}
	if string(e.Request.Raw[:e.Request.HeadSize]) != wantRequest[:strings.Index(wantRequest, "\r\n\r\n")+4] {
		t.Errorf("head of %d bytes", e.Request.HeadSize)
	}
	if string(e.Request.Body) != "secret" {
		t.Errorf("body %q", e.Request.Body)
	}
	wantFields := []Field{{"Host", "h"}, {"authorization", "Basic ***"}, {"Proxy-Authorization", "***"}, {"Cookie", "sid=***; theme=***"},
		{"X-Secret-Thing", "***"}, {"X-Api-Key", "***"}, {"X-Open", "shown"}, {"Transfer-Encoding", "chunked"}}
	if !slices.Equal(e.Request.Header, wantFields) {
		t.Errorf("fields: %v", e.Request.Header)
	}
	if want := []Field{{"X-Auth-Token", "***"}, {"X-Fine", "shown"}}; !slices.Equal(e.Request.Trailer, want) {
		t.Errorf("trailers: %v", e.Request.Trailer)
	}
	wantResponse := "HTTP/1.1 200 OK\r\nSet-Cookie: a=***; Path=/; HttpOnly\nSet-Cookie: b=***\n\t***\r\n ***\r\nSet-Cookie: ***\r\nContent-Length: 0\r\n\r\n"
	if got := string(e.Response.Raw); got != wantResponse {
		t.Errorf("response:\n%q, want\n%q", got, wantResponse)
	}
	if got := e.Interim[0].Value("set-cookie") + string(e.Interim[0].Raw); strings.Contains(got, "secret") {
		t.Errorf("interim: %q", got)
	}
	for _, raw := range [][]byte{plain.Request.Raw, plain.Response.Raw, plain.Interim[0].Raw} {
		if !strings.Contains(string(raw), "secret") || strings.Contains(string(raw), masked) {
			t.Errorf("masking has changed the original: %q", raw)
		}
	}
}

func TestMaskedChunkedCutOff(t *testing.T) {
	s := New(Options{BodySize: 4})
	tap := s.Open(testInfo)
	tap.Request([]byte("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\nX-Auth-Token: secret\r\n\r\n"))
	e := exchanges(t, s)[0].Masked()
	if got := string(e.Request.Raw); !strings.HasSuffix(got, "6\r\nabcd") || e.Request.Trailer[0].Value != masked {
		t.Errorf("raw %q, trailer %v", got, e.Request.Trailer)
	}
}

func TestMaskedRaw(t *testing.T) {
	s := New(Options{})
	tap := s.Open(testInfo)
	tap.Request([]byte("GET / HTTP/1.1\r\nHost: h\r\nbroken\r\nCookie: a=secret\r\n\r\n"))
	tap.Response([]byte("HTTP/9 200\r\nSet-Cookie: a=secret\r\n\r\n"))
	e := exchanges(t, s)[0]
	if e.Kind != KindRaw || !strings.Contains(string(e.Request.Raw), "secret") {
		t.Fatalf("%s: %q", e.Kind, e.Request.Raw)
	}
	m := e.Masked()
	all := string(m.Request.Raw) + string(m.Request.Body) + string(m.Response.Raw) + string(m.Response.Body)
	if strings.Contains(all, "secret") || strings.Count(all, "a="+masked) != 4 {
		t.Errorf("masked: %q", all)
	}
}
