package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// harStore holds one exchange of each sort.
func harStore(t *testing.T) *Store {
	t.Helper()
	s := New(Options{BodySize: 256 << 10})
	tap := s.Open(testInfo)
	body := encode(t, "gzip", []byte("<p>é</p>"))
	tap.Request([]byte("POST /form?a=1&b=%20 HTTP/1.1\r\nHost: web.example.com\r\nCookie: sid=secret; x=y\r\nAuthorization: Bearer secret\r\n" +
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n\r\nq=%41"))
	tap.Response(fmt.Appendf(nil, "HTTP/1.1 302 Found\r\nContent-Type: text/html; charset=utf-8\r\nContent-Encoding: gzip\r\nLocation: /next\r\n"+
		"Set-Cookie: sid=secret; Path=/\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	tap.Request([]byte("PUT /binary HTTP/1.1\r\nHost: web.example.com\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\x00\xff\x01\r\n0\r\n\r\n"))
	tap.Response([]byte("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\x89PNG\r\n0\r\n\r\n"))
	tap.Request([]byte("GET /none HTTP/1.1\r\nHost: web.example.com\r\n\r\n"))
	tap.RequestEnd(nil)
	tap.ResponseEnd(nil)
	tap.Close()
	request, response := openWebSocket(s, "")
	request(frame(0x81, true, []byte("hi")))
	response(frame(0x82, false, []byte{0, 255}))
	raw := s.Open(testInfo)
	raw.Request([]byte("\x16\x03\x01"))
	raw.Close()
	return s
}

func TestHARRoundTrip(t *testing.T) {
	s := harStore(t)
	var file bytes.Buffer
	if err := s.WriteHAR(&file, nil, HAROptions{Version: "2.0", Reveal: true}); err != nil {
		t.Fatal(err)
	}
	back := New(Options{})
	ids, err := back.ImportHAR(bytes.NewReader(append([]byte("\ufeff"), file.Bytes()...)))
	if err != nil {
		t.Fatal(err)
	}
	old, imported := exchanges(t, s), exchanges(t, back)
	if len(ids) != 4 || len(imported) != 4 || ids[3] != imported[3].ID {
		t.Fatalf("%d ids, %d exchanges", len(ids), len(imported))
	}
	for i, e := range imported {
		o := old[i]
		if e.Method != o.Method || e.Target != o.Target || e.Host != o.Host || e.Status != o.Status || e.Reason != o.Reason || e.Kind != o.Kind ||
			e.PublicURL != o.PublicURL || e.ContentType != o.ContentType || e.Tunnel != o.Tunnel || e.Error != o.Error || !e.Start.Equal(o.Start) {
			t.Errorf("%d: %+v\nwas %+v", i, e.Summary, o.Summary)
		}
		if d := e.Duration - o.Duration; !o.Open && (d > time.Millisecond || d < -time.Millisecond) {
			t.Errorf("%d: took %v, was %v", i, e.Duration, o.Duration)
		}
		if !e.Imported || e.Open || len(e.Notes) == 0 {
			t.Errorf("%d: imported %v, open %v, notes %q", i, e.Imported, e.Open, e.Notes)
		}
		if !bytes.Equal(e.Request.Body, o.Request.Body) || !slices.Equal(e.Request.Header, o.Request.Header) || !slices.Equal(e.Response.Header, o.Response.Header) {
			t.Errorf("%d: request %q %q, was %q %q", i, e.Request.Header, e.Request.Body, o.Request.Header, o.Request.Body)
		}
		a, b := e.Response.Content(), o.Response.Content()
		if !bytes.Equal(a.Bytes, b.Bytes) || a.Kind != b.Kind || a.Text != b.Text || a.Note != "" {
			t.Errorf("%d: content %+v, was %+v", i, a, b)
		}
	}
	if m := imported[3].Messages; len(m) != 2 || string(m[0].Payload) != "hi" || m[0].Dir != FromVisitor || string(m[1].Payload) != "\x00\xff" || m[1].Dir != FromService {
		t.Errorf("messages: %+v", m)
	}
}

func TestHARFormat(t *testing.T) {
	s := harStore(t)
	rows := s.List(ListOptions{}).Rows
	var file bytes.Buffer
	if err := s.WriteHAR(&file, []ID{rows[len(rows)-1].ID, "unknown"}, HAROptions{Version: "2.0"}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(file.String(), "secret") {
		t.Error("secrets are not masked")
	}
	var har struct {
		Log struct {
			Version string
			Creator struct{ Name, Version string }
			Pages   []any
			Entries []map[string]any
		}
	}
	if err := json.Unmarshal(file.Bytes(), &har); err != nil {
		t.Fatal(err)
	}
	if l := har.Log; l.Version != "1.2" || l.Creator.Name != "ngrok" || l.Creator.Version != "2.0" || l.Pages == nil || len(l.Entries) != 1 {
		t.Fatalf("log: %+v", l)
	}
	// What HAR 1.2 requires.
	required := map[string][]string{
		"":         {"startedDateTime", "time", "request", "response", "cache", "timings"},
		"request":  {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize", "postData"},
		"response": {"status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL", "headersSize", "bodySize"},
		"timings":  {"send", "wait", "receive"},
	}
	entry := har.Log.Entries[0]
	for part, names := range required {
		object := entry
		if part != "" {
			object = entry[part].(map[string]any)
		}
		for _, name := range names {
			if object[name] == nil {
				t.Errorf("%s lacks %s", part, name)
			}
		}
	}
	request, response := entry["request"].(map[string]any), entry["response"].(map[string]any)
	if got := request["url"]; got != "http://web.example.com/form?a=1&b=%20" {
		t.Errorf("url %q", got)
	}
	if got := fmt.Sprint(request["cookies"], request["queryString"], request["postData"]); got !=
		"[map[name:sid value:***] map[name:x value:***]] [map[name:a value:1] map[name:b value: ]] map[mimeType:application/x-www-form-urlencoded params:[map[name:q value:A]] text:q=%41]" {
		t.Errorf("request: %s", got)
	}
	content := response["content"].(map[string]any)
	if content["text"] != "<p>é</p>" || content["size"] != 9.0 || response["redirectURL"] != "/next" || content["compression"] == nil {
		t.Errorf("response: %v", response)
	}
}

const harFrame = `{"log":{"entries":[%s]}}`

func harEntryOf(method, url, started string) string {
	return fmt.Sprintf(`{"startedDateTime":%q,"time":1,"request":{"method":%q,"url":%q,"headers":[{"name":":path","value":"/"},{"name":"A","value":"b\r\nC: d"}]},"response":{"status":200,"headers":[],"content":{"text":"x"}}}`, started, method, url)
}

func TestImportHARRefuses(t *testing.T) {
	good := harEntryOf("GET", "https://example.com/a?b", "2026-01-02T03:04:05.678Z")
	tests := []struct{ name, file, msg string }{
		{"not JSON", "hello", "no HAR file"},
		{"other JSON", `{"a":1}`, `no "log"`},
		{"entry is no object", fmt.Sprintf(harFrame, good+",7"), "entry 2"},
		{"no address", fmt.Sprintf(harFrame, harEntryOf("GET", "http:///x", "2026-01-02T03:04:05Z")), "no address"},
		{"relative address", fmt.Sprintf(harFrame, harEntryOf("GET", "/x", "2026-01-02T03:04:05Z")), "no address"},
		{"no time", fmt.Sprintf(harFrame, harEntryOf("GET", "http://h/", "yesterday")), "no time"},
		{"no method", fmt.Sprintf(harFrame, harEntryOf("", "http://h/", "2026-01-02T03:04:05Z")), "request line"},
		{"method with a line break", fmt.Sprintf(harFrame, harEntryOf("GET / HTTP/1.1\r\nX: y", "http://h/", "2026-01-02T03:04:05Z")), "request line"},
		{"bad base64", fmt.Sprintf(harFrame, strings.Replace(good, `"text":"x"`, `"text":"?","encoding":"base64"`, 1)), "base64"},
		{"too many", fmt.Sprintf(harFrame, strings.Repeat("{},", maxEntries)+"{}"), "20001 entries"},
	}
	for _, x := range tests {
		s := New(Options{})
		ids, err := s.ImportHAR(strings.NewReader(x.file))
		if err == nil || !strings.Contains(err.Error(), x.msg) || ids != nil || s.Usage().Exchanges != 0 {
			t.Errorf("%s: %v, %v, %d exchanges", x.name, ids, err, s.Usage().Exchanges)
		}
	}
	s := New(Options{})
	others := harEntryOf("GET", "data:image/png;base64,AA", "x") + "," + harEntryOf("GET", "chrome-extension://abc/x", "x") + "," +
		harEntryOf("GET", "http://h/a?b c", "2026-01-02T03:04:05Z")
	ids, err := s.ImportHAR(strings.NewReader(fmt.Sprintf(harFrame, good+","+others)))
	if err != nil || len(ids) != 2 {
		t.Fatal(ids, err)
	}
	if e := exchanges(t, s)[1]; e.Target != "/a?b%20c" {
		t.Errorf("target %q", e.Target)
	}
	want := "GET /a?b HTTP/1.1\r\nHost: example.com\r\nA: b  C: d\r\n\r\n"
	if got := exchanges(t, s)[0]; string(got.Request.Raw) != want || got.Duration != time.Millisecond {
		t.Errorf("raw %q, duration %v", got.Request.Raw, got.Duration)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestImportHARIsBounded(t *testing.T) {
	if _, err := New(Options{}).ImportHAR(endless{}); err == nil || !strings.Contains(err.Error(), "64 MiB") {
		t.Errorf("an endless file: %v", err)
	}
	s := New(Options{DBSize: 1 << 20})
	entry := strings.Replace(harEntryOf("GET", "http://h/", "2026-01-02T03:04:05Z"), `"text":"x"`, `"text":"`+strings.Repeat("x", 50000)+`"`, 1)
	ids, err := s.ImportHAR(strings.NewReader(fmt.Sprintf(harFrame, strings.Repeat(entry+",", 99)+entry)))
	if u := s.Usage(); err != nil || u.Bytes > u.Budget || u.Exchanges != len(ids) || len(ids) < 10 {
		t.Errorf("%d ids, error %v, usage %+v", len(ids), err, u)
	}
}

func FuzzImportHAR(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(harFrame, harEntryOf("GET", "https://example.com/a?b", "2026-01-02T03:04:05.678Z"))))
	f.Add([]byte(`{"log":{"entries":[{"startedDateTime":"2026-01-02T03:04:05Z","time":-1e300,"request":{"method":"X","url":"wss://h?","postData":{"text":"AA==","encoding":"base64"}},"response":{"status":101},"_webSocketMessages":[{"type":"send","time":1e300,"opcode":-1,"data":"x"}]}]}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		s := New(Options{})
		if _, err := s.ImportHAR(bytes.NewReader(file)); err != nil {
			return
		}
		for _, e := range exchanges(t, s) {
			e.Response.Content()
			_, _ = e.Curl()
			_, _ = e.replayBytes(nil)
		}
		if err := s.WriteHAR(&bytes.Buffer{}, nil, HAROptions{}); err != nil {
			t.Fatalf("what was imported cannot be exported: %v", err)
		}
	})
}
