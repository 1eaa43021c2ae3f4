package http1

import (
	"strings"
	"testing"
)

func TestEditsOfRequests(t *testing.T) {
	const head = "GET /a HTTP/1.1\nhOst:  a.b:80 \nX-A: 1\nx-a:2\nAccept:\t*/*\n\n"
	tests := []struct {
		name, head string
		edits      Edits
		want       string
	}{
		{"none", head, Edits{}, head},
		{"host", head, Edits{Host: "localhost:3000"}, "GET /a HTTP/1.1\nhOst: localhost:3000\nX-A: 1\nx-a:2\nAccept:\t*/*\n\n"},
		{"host of absolute target", "GET http://a.b:80/x?y HTTP/1.1\nX: y\nHost: a.b\n\n", Edits{Host: "c"}, "GET http://c/x?y HTTP/1.1\nX: y\nHost: c\n\n"},
		{"host of absolute target without path", "GET HTTP://a.b HTTP/1.1\nHost: a.b\n\n", Edits{Host: "c:1"}, "GET HTTP://c:1 HTTP/1.1\nHost: c:1\n\n"},
		{"host of URL in the path", "GET /http://a.b/ HTTP/1.1\nHost: a.b\n\n", Edits{Host: "c"}, "GET /http://a.b/ HTTP/1.1\nHost: c\n\n"},
		{"missing host", "GET / HTTP/1.0\n\n", Edits{Host: "c"}, "GET / HTTP/1.0\nHost: c\n\n"},
		{"remove", head, Edits{Remove: []string{"X-A", "X-B"}}, "GET /a HTTP/1.1\nhOst:  a.b:80 \nAccept:\t*/*\n\n"},
		{"set what is there", head, Edits{Set: []Header{{"X-a", "9"}}}, "GET /a HTTP/1.1\nhOst:  a.b:80 \nAccept:\t*/*\nX-a: 9\n\n"},
		{"set what is not", head, Edits{Set: []Header{{"X-F", "9"}}}, strings.TrimSuffix(head, "\n") + "X-F: 9\n\n"},
		{"add", head, Edits{Add: []Header{{"X-A", "9"}, {"X-A", ""}}}, strings.TrimSuffix(head, "\n") + "X-A: 9\nX-A: \n\n"},
		{"all", head, Edits{Host: "c", Remove: []string{"accept"}, Set: []Header{{"X-A", "3"}}, Add: []Header{{"B", "4"}}},
			"GET /a HTTP/1.1\nhOst: c\nX-A: 3\nB: 4\n\n"},
		{"drop", head, Edits{Drop: func(name []byte) bool { return equalFold(name, "accept") }}, "GET /a HTTP/1.1\nhOst:  a.b:80 \nX-A: 1\nx-a:2\n\n"},
		{"add to a head without fields", "GET / HTTP/1.0\n\n", Edits{Add: []Header{{"B", "4"}}}, "GET / HTTP/1.0\nB: 4\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.edits.Validate(); err != nil {
				t.Fatal(err)
			}
			r, err := parse(t, tt.head)
			if err != nil {
				t.Fatal(err)
			}
			got := string(tt.edits.AppendRequest([]byte("before|"), r))
			if got != "before|"+crlf(tt.want) {
				t.Errorf("%q\nwant %q", got, crlf(tt.want))
			}
			if _, err := parse(t, tt.want); err != nil {
				t.Errorf("the new head: %v", err)
			}
		})
	}
}

func TestEditsOfResponses(t *testing.T) {
	const head = "HTTP/1.1 200\nServer : x\r\n folded\r\n\tmore\r\nno colon\nA: b\r\nContent-Length: 2\n\r\n"
	edits := Edits{Host: "ignored", Remove: []string{"server"}, Set: []Header{{"A", "c"}}}
	var r Response
	if err := ParseResponse(&r, []byte(head), nil, Limits{}); err != nil {
		t.Fatal(err)
	}
	got := string(edits.AppendResponse(nil, &r))
	if want := "HTTP/1.1 200\nno colon\nContent-Length: 2\nA: c\r\n\r\n"; got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
	if got := string((&Edits{}).AppendResponse(nil, &r)); got != head {
		t.Errorf("without edits %q", got)
	}
}

func TestEditsThatBreakMessages(t *testing.T) {
	for name, e := range map[string]Edits{
		"line break in value":     {Set: []Header{{"A", "b\r\nC: d"}}},
		"line break in added":     {Add: []Header{{"A", "b\nC: d"}}},
		"zero byte":               {Set: []Header{{"A", "\x00"}}},
		"empty name":              {Set: []Header{{"", "b"}}},
		"colon in name":           {Add: []Header{{"A:", "b"}}},
		"space in name":           {Remove: []string{"A b"}},
		"Content-Length":          {Set: []Header{{"content-length", "5"}}},
		"Transfer-Encoding":       {Add: []Header{{"Transfer-Encoding", "chunked"}}},
		"no Content-Length":       {Remove: []string{"Content-Length"}},
		"no Host":                 {Remove: []string{"HOST"}},
		"Host as field":           {Set: []Header{{"Host", "a"}}},
		"second Host":             {Add: []Header{{"host", "a"}}},
		"line break in host":      {Host: "a\r\nB: c"},
		"URL for a host":          {Host: "http://a"},
		"name with a space":       {Host: "a b"},
		"host with a high port":   {Host: "a:65536"},
		"host with a user's name": {Host: "u@a"},
	} {
		if err := e.Validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := (&Edits{Host: "[::1]:80", Remove: []string{"A"}, Set: []Header{{"B", "é\t"}}}).Validate(); err != nil {
		t.Error(err)
	}
}
