package web

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"ngrok/client/inspect"
)

const (
	token  = "tok-very-secret"
	cookie = "s3cr3t-cookie"
)

// secretBed has one exchange whose request and response carry secrets.
func secretBed(t *testing.T) (*bed, string) {
	b := newBed(t)
	row := b.capture("POST", "/orders/1", `{"a":1}`, "Content-Type", "application/json",
		"Authorization", "Bearer "+token, "Cookie", "session="+cookie)
	return b, string(row.ID)
}

func TestSecretsAreCovered(t *testing.T) {
	b, id := secretBed(t)
	paths := []string{
		"/api/exchanges", "/api/exchanges/" + id, "/api/exchanges/" + id + "/request/raw", "/api/exchanges/" + id + "/response/raw",
		"/api/exchanges/" + id + "/curl", "/api/exchanges/" + id + "/request/content", "/api/exchanges/" + id + "/timeline", "/api/har",
		"/api/har?ids=" + id, "/api/page",
	}
	for _, path := range paths {
		status, text := b.call("GET", path, "")
		if status != 200 {
			t.Errorf("%s: %d %s", path, status, text)
		}
		if strings.Contains(text, token) || strings.Contains(text, cookie) {
			t.Errorf("%s tells a secret", path)
		}
	}
	for _, path := range []string{"/api/exchanges/" + id + "?reveal=1", "/api/exchanges/" + id + "/request/raw?reveal=1",
		"/api/exchanges/" + id + "/curl?reveal=1", "/api/har?reveal=1"} {
		if _, text := b.call("GET", path, ""); !strings.Contains(text, token) || !strings.Contains(text, cookie) {
			t.Errorf("%s keeps the secrets that were asked for", path)
		}
	}

	// The difference of two responses, one of whose cookies changed.
	b.want("POST", "/api/requests/http", `{"id":"`+id+`"}`, 204, "")
	again := b.await("the replay", func(s *inspect.Summary) bool { return s.ReplayOf == inspect.ID(id) && !s.Open })
	_, text := b.call("GET", "/api/exchanges/"+string(again.ID)+"/diff", "")
	if strings.Contains(text, cookie) || !strings.Contains(text, `"path":"$.visits"`) {
		t.Errorf("the difference is %s", text)
	}
}

func TestExchange(t *testing.T) {
	b, id := secretBed(t)
	var v struct {
		ID      string
		Secrets bool
		Request struct {
			StartLine string `json:"start_line"`
			Header    []fieldView
			Complete  bool
			BodySize  int `json:"body_size"`
		}
		Response *struct{ Header []fieldView }
	}
	_, text := b.call("GET", "/api/exchanges/"+id, "")
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err, text)
	}
	if v.ID != id || !v.Secrets || v.Request.StartLine != "POST /orders/1 HTTP/1.1" || !v.Request.Complete || v.Request.BodySize != 7 || v.Response == nil {
		t.Errorf("the exchange is %s", text)
	}
	for _, f := range v.Request.Header {
		if secret := f.Name == "Authorization" || f.Name == "Cookie"; f.Secret != secret {
			t.Errorf("%s: secret is %t", f.Name, f.Secret)
		}
	}
	for path, want := range map[string]int{
		"/api/exchanges/nothing": 404, "/api/exchanges/nothing/curl": 404, "/api/exchanges/nothing/diff": 404,
		"/api/exchanges/nothing/timeline": 404, "/api/exchanges/nothing/request/raw": 404,
		"/api/exchanges/" + id + "/neither/raw":       404,
		"/api/exchanges/" + id + "/diff":              404, // it is no replay
		"/api/exchanges/" + id + "/diff?with=" + id:   200,
		"/api/exchanges?filter=status:many":           400,
		"/api/exchanges?filter=header:authorization":  200,
		"/api/har?filter=status:many":                 400,
		"/api/qr.svg?tunnel=nobody":                   404,
		"/api/qr.svg?tunnel=command_line":             200,
		"/api/exchanges/" + id + "/request/content":   200,
		"/api/exchanges/" + id + "/response/content":  200,
		"/api/exchanges/" + id + "/timeline?from=9":   200,
		"/api/exchanges/" + id + "/timeline?from=-99": 200,
	} {
		if status, text := b.call("GET", path, ""); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, text, want)
		}
	}
}

func TestDeepFilter(t *testing.T) {
	b := newBed(t)
	row := b.capture("POST", "/echo?1", "needle in a body")
	b.capture("POST", "/echo?2", "hay", "X-Kind", "straw")
	for filter, want := range map[string]string{
		"body:needle":    `{"ids":["` + string(row.ID) + `"],`,
		"-header:x-kind": `{"ids":["` + string(row.ID) + `"],`,
		"body:nowhere":   `{"ids":[],`,
	} {
		if _, text := b.call("GET", "/api/exchanges?ids=1&filter="+url.QueryEscape(filter), ""); !strings.HasPrefix(text, want) {
			t.Errorf("%s finds %s, want %s", filter, text, want)
		}
	}
}

func TestEditedReplay(t *testing.T) {
	b, id := secretBed(t)
	replay := func(edit string) *inspect.Exchange {
		t.Helper()
		status, text := b.call("POST", "/api/exchanges/"+id+"/replay", `{"edit":`+edit+`}`)
		var answer struct{ ID inspect.ID }
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 202 {
			t.Fatalf("%d %s", status, text)
		}
		b.await("the replay", func(s *inspect.Summary) bool { return s.ID == answer.ID && !s.Open })
		e, err := b.store.Exchange(answer.ID)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	body := base64.StdEncoding.EncodeToString([]byte("changed"))
	e := replay(`{"method":"PUT","target":"/echo?edited","header":[{"name":"host","value":"x.example"},` +
		`{"name":"Authorization","value":"Bearer ***"},{"name":"cookie","value":"session=mine"}],"body":"` + body + `"}`)
	if string(e.Response.Body) != "PUT /echo?edited auth=Bearer "+token+"\nchanged" {
		t.Errorf("the service answered %q", e.Response.Body)
	}
	if got := e.Request.Value("Cookie"); got != "session=mine" {
		t.Errorf("Cookie is %q, want the edited one", got)
	}
	if e = replay(`{"target":"/echo"}`); string(e.Request.Body) != `{"a":1}` || e.Method != "POST" {
		t.Errorf("what was not edited is %s %q", e.Method, e.Request.Body)
	}
	if e = replay(`{"target":"/echo","body":""}`); len(e.Request.Body) != 0 {
		t.Errorf("a removed body is %q", e.Request.Body)
	}
	for name, edit := range map[string]string{
		"line break in a target": `{"target":"/ HTTP/1.1\r\nX: y"}`,
		"line break in a header": `{"header":[{"name":"Host","value":"a"},{"name":"X","value":"y\r\nZ: 1"}]}`,
		"no method":              `{"method":"GET IT"}`,
	} {
		if status, text := b.call("POST", "/api/exchanges/"+id+"/replay", `{"edit":`+edit+`}`); status != 400 {
			t.Errorf("%s: %d %s, want 400", name, status, text)
		}
	}
}

func TestReplayMany(t *testing.T) {
	b := newBed(t)
	row := b.capture("GET", "/echo", "")
	path := "/api/exchanges/" + string(row.ID) + "/replay"
	if status, text := b.call("POST", path, `{"count":12}`); status != 202 {
		t.Fatalf("%d %s", status, text)
	}
	waitFor(t, "twelve replays", func() bool {
		n := 0
		for _, r := range b.store.List(inspect.ListOptions{Limit: 100}).Rows {
			if r.ReplayOf == row.ID && r.Status == 200 {
				n++
			}
		}
		return n == 12
	})
	if status, text := b.call("POST", path, `{"count":100000}`); status != 400 {
		t.Errorf("too many: %d %s, want 400", status, text)
	}
}

func TestCutBodiesAreNotReplayed(t *testing.T) {
	b := newBed(t, func(_ *Config, o *inspect.Options) { o.BodySize = 10 })
	row := b.capture("POST", "/echo", "much longer than ten bytes")
	for path, body := range map[string]string{
		"/api/exchanges/" + string(row.ID) + "/replay": `{}`,
		"/api/requests/http":                           `{"id":"` + string(row.ID) + `"}`,
	} {
		if status, text := b.call("POST", path, body); status != 409 || !strings.Contains(text, "inspect_body_size") {
			t.Errorf("%s: %d %s, want a 409 that says why", path, status, text)
		}
	}
	if status, text := b.call("GET", "/api/exchanges/"+string(row.ID)+"/curl", ""); status != 409 {
		t.Errorf("curl: %d %s, want 409", status, text)
	}
}

func TestHARThereAndBack(t *testing.T) {
	b, id := secretBed(t)
	b.capture("GET", "/echo?other", "")
	count := func(path string) int {
		t.Helper()
		_, text := b.call("GET", path, "")
		var har struct {
			Log struct{ Entries []json.RawMessage }
		}
		if err := json.Unmarshal([]byte(text), &har); err != nil {
			t.Fatal(err, text)
		}
		return len(har.Log.Entries)
	}
	for path, want := range map[string]int{"/api/har": 2, "/api/har?ids=" + id: 1, "/api/har?filter=method:GET": 1, "/api/har?filter=nowhere": 0} {
		if got := count(path); got != want {
			t.Errorf("%s has %d entries, want %d", path, got, want)
		}
	}
	_, har := b.call("GET", "/api/har", "")
	status, text := b.call("POST", "/api/har", har)
	var imported struct{ IDs []string }
	if err := json.Unmarshal([]byte(text), &imported); err != nil || status != 200 || len(imported.IDs) != 2 {
		t.Fatalf("import: %d %s", status, text)
	}
	if status, text := b.call("POST", "/api/exchanges/"+imported.IDs[0]+"/replay", `{}`); status != 409 {
		t.Errorf("a replay to nowhere: %d %s, want 409", status, text)
	}
	if status, text := b.call("POST", "/api/exchanges/"+imported.IDs[0]+"/replay", `{"tunnel":"command_line"}`); status != 202 {
		t.Errorf("a replay to a tunnel: %d %s, want 202", status, text)
	}
	if status, text := b.call("POST", "/api/har", "not json"); status != 400 {
		t.Errorf("a broken file: %d %s, want 400", status, text)
	}
}

func TestPinAndClear(t *testing.T) {
	b, id := secretBed(t)
	b.capture("GET", "/echo", "")
	b.want("POST", "/api/exchanges/"+id+"/pin", `{"pinned":true}`, 204, "")
	b.want("DELETE", "/api/exchanges", "", 200, `{"removed":1}`)
	b.want("DELETE", "/api/exchanges?pinned=1", "", 200, `{"removed":1}`)
	if status, _ := b.call("POST", "/api/exchanges/"+id+"/pin", `{"pinned":true}`); status != 404 {
		t.Errorf("pin what is gone: %d, want 404", status)
	}
}

func TestStaticFiles(t *testing.T) {
	b := newBed(t)
	for path, want := range map[string]int{
		"/": 200, "/http/in": 200, "/static/js/main.js": 200, "/static/vendor/preact.js": 200, "/static/css/base.css": 200, "/static/favicon.svg": 200,
		"/static/": 404, "/static/nothing.js": 404, "/static/vendor/preact.LICENSE": 404, "/static/%2e%2e/package.json": 404, "/static/..%2fpackage.json": 404,
		"/elsewhere": 404,
	} {
		if status, _ := b.call("GET", path, ""); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
	first := rawStatus(t, b, "GET /static/js/main.js HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: \"other\"\r\n\r\n")
	if first != 200 {
		t.Errorf("a stale copy: %d, want 200", first)
	}
}
