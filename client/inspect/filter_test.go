package inspect

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestFilter(t *testing.T) {
	e := &Exchange{Summary: Summary{
		Kind: KindHTTP, Method: "POST", Target: "/hook/Stripe?id=7", Path: "/hook/Stripe", Host: "api.example.com",
		Status: 503, Tunnel: "api", ContentType: "application/json", VisitorAddr: "192.0.2.1:99",
		Duration: 600 * time.Millisecond, RequestSize: 10, ResponseSize: 2_000_000, ReplayOf: "x", Pinned: true,
	}}
	e.Request.Header = []Field{{"X-Foo", "a Bar b"}}
	e.Request.Body = []byte("Some Text")
	e.Response.Header = []Field{{"Etag", "1"}}
	e.Response.Body = []byte(`{"ok": false}`)
	ws := &Exchange{Summary: Summary{Kind: KindWebSocket, Method: "GET", Target: "/ws", Open: true, Status: 101}}
	ws.Messages = []WSMessage{{Payload: []byte("needle")}}
	tests := []struct {
		filter string
		http   bool
		ws     bool
	}{
		{"", true, true},
		{"  ", true, true},
		{"hook", true, false},
		{"HOOK stripe 503", true, false},
		{"hook nothing", false, false},
		{"-hook", false, true},
		{"post", true, false},
		{"example.com", true, false},
		{"50", true, false},
		{"0", true, true}, // part of 503 and 101
		{"method:post", true, false},
		{"method:pos", false, false},
		{"-method:POST", false, true},
		{"status:503", true, false},
		{"status:5xx", true, false},
		{"status:2xx", false, false},
		{"status:>=500", true, false},
		{"status:<500", false, true},
		{"status:=101", false, true},
		{"path:/hook", true, false},
		{"path:id=7", true, false},
		{"host:example", true, false},
		{"header:x-foo", true, false},
		{"header:etag", true, false},
		{"header:foo", false, false},
		{"header:X-Foo=bar", true, false},
		{`header:"X-Foo=a bar"`, true, false},
		{`header:X-Foo="bar b"`, true, false},
		{"header:X-Foo=baz", false, false},
		{"body:text", true, false},
		{`body:"ok\": f"`, true, false},
		{"body:needle", false, true},
		{"-body:needle", true, false},
		{"type:json", true, false},
		{"tunnel:api", true, false},
		{"visitor:192.0.2.1", true, false},
		{"dur:>500ms", true, false},
		{"dur:>500", true, false},
		{"dur:<1s", true, true},
		{"dur:>=0.6s", true, false},
		{"size:>1MB", true, false},
		{"size:1mb", true, false},
		{"size:<1kib", false, true},
		{"size:=0", false, true},
		{"size:>2MiB", false, false},
		{"is:replay is:pinned", true, false},
		{"is:ws", false, true},
		{"is:websocket is:open", false, true},
		{"is:sse", false, false},
		{"is:error", true, false},
		{`"method:post"`, false, false},
		{`"hook/stripe"`, true, false},
		{`-"hook"`, false, true},
	}
	for _, x := range tests {
		f, err := ParseFilter(x.filter)
		if err != nil {
			t.Errorf("%q: %v", x.filter, err)
			continue
		}
		if got := f.Match(e); got != x.http {
			t.Errorf("%q matches the request: %v", x.filter, got)
		}
		if got := f.Match(ws); got != x.ws {
			t.Errorf("%q matches the websocket: %v", x.filter, got)
		}
	}
	var none *Filter
	if !none.Match(e) {
		t.Error("no filter does not match")
	}
}

func TestFilterErrors(t *testing.T) {
	tests := []struct {
		filter string
		pos    int
		msg    string
	}{
		{"a foo:bar", 2, `there is no filter "foo"`},
		{"status:abc", 0, "status:5xx"},
		{"status:", 0, "needs something"},
		{"x status:xx", 2, "no status"},
		{"dur:>fast", 0, "dur:>500ms"},
		{"size:>1furlong", 0, "size:>1MB"},
		{"size:>nan", 0, "size:>1MB"},
		{"size:>1e300", 0, "size:>1MB"},
		{"is:nice", 0, "is:replay"},
		{`ab "cd`, 3, "not closed"},
	}
	for _, x := range tests {
		_, err := ParseFilter(x.filter)
		var f *FilterError
		if !errors.As(err, &f) || f.Pos != x.pos || !strings.Contains(f.Msg, x.msg) {
			t.Errorf("%q: %#v, want position %d and %q", x.filter, err, x.pos, x.msg)
		}
	}
}

func TestListFilterLooksIntoBodies(t *testing.T) {
	s := New(Options{})
	pass(t, s, "/1", []byte("first"))
	pass(t, s, "/2", []byte("second"))
	f, err := ParseFilter("body:second -header:nothing")
	if err != nil {
		t.Fatal(err)
	}
	if got := paths(s.List(ListOptions{Filter: f}).Rows); len(got) != 1 || got[0] != "/2" {
		t.Errorf("rows: %v", got)
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{`method:POST -"a b" status:>=500`, `header:X="a\"b" size:1.5MiB dur:<2s`, "is:ws body:x -"} {
		f.Add(s)
	}
	e := &Exchange{Summary: Summary{Method: "GET", Target: "/"}}
	f.Fuzz(func(t *testing.T, s string) {
		filter, err := ParseFilter(s)
		if err != nil {
			var fe *FilterError
			if !errors.As(err, &fe) || fe.Pos < 0 || fe.Pos > len(s) || fe.Msg == "" {
				t.Fatalf("%q: %#v", s, err)
			}
			return
		}
		filter.Match(e)
	})
}
