package inspect

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ngrok/conn/conntest"
)

// captured returns a store with one captured request for a service at addr.
func captured(t *testing.T, addr, request string, o Options) (*Store, ID) {
	t.Helper()
	s := New(o)
	info := testInfo
	info.LocalAddr = addr
	tap := s.Open(info)
	tap.Request([]byte(request))
	tap.Response([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold"))
	tap.RequestEnd(nil)
	tap.ResponseEnd(nil)
	tap.Close()
	return s, s.List(ListOptions{}).Rows[0].ID
}

func TestReplaySendsTheSameBytes(t *testing.T) {
	const request = "PoST /a%2Fb?c HTTP/1.1\r\nHost: h\r\nx-odd-CASE:  v \r\nX-Odd-Case: w\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n2;ext=1\r\nab\r\n1\r\nc\r\n0\r\nT: v\r\n\r\n"
	got := make(chan string, 1)
	addr := listen(t, func(conn net.Conn) {
		p := make([]byte, len(request))
		n, _ := io.ReadFull(conn, p)
		got <- string(p[:n])
		// The connection stays open: the replay knows where the response ends.
		_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Fine\r\nContent-Length: 3\r\n\r\nnew")
		_, _ = io.ReadAll(conn)
	})
	s, origin := captured(t, addr, request, Options{})
	var started []ID
	ids, err := s.Replay(t.Context(), ReplayOptions{ID: origin, Started: func(id ID) { started = append(started, id) }})
	if err != nil || len(ids) != 1 || len(started) != 1 || started[0] != ids[0] {
		t.Fatalf("ids %v, started %v, error %v", ids, started, err)
	}
	if p := <-got; p != request {
		t.Errorf("sent %q", p)
	}
	e, err := s.Exchange(ids[0])
	if err != nil {
		t.Fatal(err)
	}
	if e.ReplayOf != origin || e.Open || e.Error != "" || e.Status != 200 || e.Reason != "Fine" || string(e.Response.Body) != "new" ||
		len(e.Interim) != 1 || e.Tunnel != "web" || e.LocalAddr != addr || e.VisitorAddr != "" {
		t.Errorf("%+v, body %q", e.Summary, e.Response.Body)
	}
	if string(e.Request.Raw) != request {
		t.Errorf("shown as %q", e.Request.Raw)
	}
}

func TestReplayEdited(t *testing.T) {
	type request struct {
		line, body string
		header     http.Header
		length     int64
		chunked    bool
	}
	got := make(chan request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Method + " " + r.RequestURI, string(body), r.Header, r.ContentLength, len(r.TransferEncoding) > 0}
	}))
	defer server.Close()
	addr := server.Listener.Addr().String()
	const original = "POST /old HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nContent-Encoding: gzip\r\nExpect: 100-continue\r\nTrailer: T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nT: v\r\n\r\n"
	tests := []struct {
		name   string
		edit   Edit
		want   string // line, body
		header map[string]string
	}{
		{"nothing", Edit{}, "POST /old|ab", map[string]string{"X-A": "1", "Content-Encoding": "gzip", "Content-Length": "2", "Expect": ""}},
		{"method and target", Edit{Method: "PUT", Target: "/new?x=1"}, "PUT /new?x=1|ab", map[string]string{"X-A": "1"}},
		{"body", Edit{Body: []byte("longer body")}, "POST /old|longer body", map[string]string{"Content-Length": "11", "Content-Encoding": "", "X-A": "1"}},
		{"body removed", Edit{Body: []byte{}}, "POST /old|", map[string]string{"Content-Length": "0"}},
		{"body of a GET removed", Edit{Method: "GET", Body: []byte{}}, "GET /old|", map[string]string{"Content-Length": ""}},
		{"fields", Edit{Header: []Field{{"Host", "h"}, {"X-B", "2"}, {"Content-Length", "99"}, {"Transfer-Encoding", "chunked"}}}, "POST /old|ab", map[string]string{"X-A": "", "X-B": "2", "Content-Length": "2"}},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			s, origin := captured(t, addr, original, Options{})
			ids, err := s.Replay(t.Context(), ReplayOptions{ID: origin, Edit: &x.edit})
			if err != nil {
				t.Fatal(err)
			}
			r := <-got
			if r.line+"|"+r.body != x.want || r.chunked {
				t.Errorf("sent %q, chunked %v; want %q", r.line+"|"+r.body, r.chunked, x.want)
			}
			for name, value := range x.header {
				if r.header.Get(name) != value {
					t.Errorf("field %s is %q, want %q", name, r.header.Get(name), value)
				}
			}
			if e, err := s.Exchange(ids[0]); err != nil || e.Status != 200 || e.Error != "" || e.ReplayOf != origin {
				t.Errorf("%+v, %v", e.Summary, err)
			}
		})
	}
}

func TestReplayRefuses(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	const post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n"
	tests := []struct {
		name, request string
		edit          *Edit
		count         int
		want          error
		msg           string
	}{
		{name: "cut body", request: post + "123456789", want: ErrBodyCut},
		{name: "cut body, other method", request: post + "123456789", edit: &Edit{Method: "PUT"}, want: ErrBodyCut},
		{name: "incomplete", request: post + "12", want: ErrIncomplete},
		{name: "not HTTP", request: "\x16\x03", want: ErrNotHTTP},
		{name: "not HTTP, edited", request: "\x16\x03", edit: &Edit{Body: []byte("x")}, want: ErrNotHTTP},
		{name: "too often", request: get, count: MaxReplays + 1, msg: "1 to 1000"},
		{name: "method", request: get, edit: &Edit{Method: "GET /x HTTP/1.1\r\nX:"}, msg: "not valid"},
		{name: "target", request: get, edit: &Edit{Target: "/a b"}, msg: "not valid"},
		{name: "field value", request: get, edit: &Edit{Header: []Field{{"Host", "h"}, {"X", "1\r\nY: 2"}}}, msg: "line break"},
		{name: "field name", request: get, edit: &Edit{Header: []Field{{"Host", "h"}, {"X Y", "1"}}}, msg: "not valid"},
		{name: "no host", request: get, edit: &Edit{Header: []Field{}}, msg: "Host"},
		{name: "to websocket", request: get, edit: &Edit{Header: []Field{{"Host", "h"}, {"Connection", "upgrade"}, {"Upgrade", "websocket"}}}, want: ErrWebSocket},
	}
	for _, x := range tests {
		s, id := captured(t, "127.0.0.1:1", x.request, Options{BodySize: 5})
		ids, err := s.Replay(t.Context(), ReplayOptions{ID: id, Edit: x.edit, Count: x.count})
		if err == nil || x.want != nil && !errors.Is(err, x.want) || !strings.Contains(err.Error(), x.msg) || ids != nil {
			t.Errorf("%s: %v, %v", x.name, ids, err)
		}
		if n := s.Usage().Exchanges; n != 1 {
			t.Errorf("%s: %d exchanges", x.name, n)
		}
	}
	s := New(Options{})
	if _, err := s.Replay(t.Context(), ReplayOptions{ID: "unknown"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	openWebSocket(s, "")
	if _, err := s.Replay(t.Context(), ReplayOptions{ID: s.List(ListOptions{}).Rows[0].ID}); !errors.Is(err, ErrWebSocket) {
		t.Errorf("websocket: %v", err)
	}
}

// A cut body may be replaced, which makes a whole request again.
func TestReplayCutBodyReplaced(t *testing.T) {
	bodies := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies <- string(b)
	}))
	defer server.Close()
	s, id := captured(t, server.Listener.Addr().String(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123456789", Options{BodySize: 5})
	if _, err := s.Replay(t.Context(), ReplayOptions{ID: id, Edit: &Edit{Body: []byte("mine")}}); err != nil {
		t.Fatal(err)
	}
	if b := <-bodies; b != "mine" {
		t.Errorf("body %q", b)
	}
}

func TestReplayManyTimes(t *testing.T) {
	var now, most, total atomic.Int32
	release := make(chan struct{})
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		total.Add(1)
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		if n == 4 {
			once.Do(func() { close(release) })
		}
		<-release // until as many came as may come at a time
		now.Add(-1)
	}))
	defer server.Close()
	s, id := captured(t, server.Listener.Addr().String(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n", Options{})
	ids, err := s.Replay(t.Context(), ReplayOptions{ID: id, Count: 50, Concurrency: 4})
	if err != nil || len(ids) != 50 || total.Load() != 50 || most.Load() != 4 {
		t.Errorf("%d ids, error %v, %d requests, at most %d at a time", len(ids), err, total.Load(), most.Load())
	}
	f, _ := ParseFilter("is:replay status:200 -is:open")
	if n := len(s.List(ListOptions{Filter: f}).Rows); n != 50 {
		t.Errorf("%d replays are shown", n)
	}
}

func TestReplayOfNobody(t *testing.T) {
	s, id := captured(t, conntest.Refused(t).String(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n", Options{})
	ids, err := s.Replay(t.Context(), ReplayOptions{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := s.Exchange(ids[0]); !strings.Contains(e.Error, "could not be reached") || e.Open {
		t.Errorf("error %q, open %v", e.Error, e.Open)
	}
}

func TestReplayCutOff(t *testing.T) {
	addr := listen(t, func(conn net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
	})
	s, id := captured(t, addr, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", Options{})
	ids, err := s.Replay(t.Context(), ReplayOptions{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := s.Exchange(ids[0]); e.Error != "the response was cut off after 4 of 10 bytes" {
		t.Errorf("error %q", e.Error)
	}
}

// A stream never ends: the replay ends with its context, and shows what came.
func TestReplayCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := listen(t, func(conn net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
		cancel()
		_, _ = io.ReadAll(conn)
	})
	s, id := captured(t, addr, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", Options{})
	ids, err := s.Replay(ctx, ReplayOptions{ID: id, Count: 3})
	if !errors.Is(err, context.Canceled) || len(ids) != 1 {
		t.Fatalf("%v, %v", ids, err)
	}
	if e, _ := s.Exchange(ids[0]); e.Open || e.Error == "" {
		t.Errorf("open %v, error %q", e.Open, e.Error)
	}
}

// A service may answer before it has read a large request.
func TestReplayEarlyResponse(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 4<<20)
	addr := listen(t, func(conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, 100))
		_, _ = io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		_, _ = io.ReadAll(conn) // until the replay closes
	})
	s, id := captured(t, addr, fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", len(body), body), Options{BodySize: 5 << 20})
	ids, err := s.Replay(t.Context(), ReplayOptions{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := s.Exchange(ids[0]); e.Status != 413 || e.Open || e.Error != "" {
		t.Errorf("%+v", e.Summary)
	}
}

func TestReplayImported(t *testing.T) {
	bodies := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies <- r.RequestURI + " " + string(b)
	}))
	defer server.Close()
	s := New(Options{DBSize: -1})
	ids, err := s.ImportHAR(strings.NewReader(`{"log":{"entries":[{"startedDateTime":"2026-01-02T03:04:05Z","time":1,
		"request":{"method":"POST","url":"https://e.com/x","httpVersion":"h2","headers":[{"name":"content-length","value":"77"}],"postData":{"mimeType":"","text":"abc"}},
		"response":{"status":200,"content":{}}}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Replay(t.Context(), ReplayOptions{ID: ids[0]}); !errors.Is(err, ErrNoTarget) {
		t.Errorf("without a target: %v", err)
	}
	replays, err := s.Replay(t.Context(), ReplayOptions{ID: ids[0], Addr: server.Listener.Addr().String(), Tunnel: "other", PublicURL: "http://o.example"})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-bodies; got != "/x abc" {
		t.Errorf("sent %q", got)
	}
	if e, _ := s.Exchange(replays[0]); e.Tunnel != "other" || e.PublicURL != "http://o.example" || e.Status != 200 || e.ReplayOf != ids[0] {
		t.Errorf("%+v", e.Summary)
	}
}
