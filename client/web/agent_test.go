package web

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"ngrok/client"
	"ngrok/client/inspect"
)

// call makes a call to the inspector and returns status and body.
func (b *bed) call(method, path, body string, header ...string) (int, string) {
	b.t.Helper()
	req, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	p, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(p)
}

// want makes a call and compares its answer, trailing white space aside.
func (b *bed) want(method, path, body string, status int, golden string) {
	b.t.Helper()
	got, text := b.call(method, path, body)
	if text = strings.TrimSpace(text); got != status || text != golden {
		b.t.Errorf("%s %s %s\n got %d %s\nwant %d %s", method, path, body, got, text, status, golden)
	}
}

const noConns = `{"count":0,"gauge":0,"rate1":0,"rate5":0,"rate15":0,"p50":0,"p90":0,"p95":0,"p99":0}`
const noHTTP = `{"count":0,"rate1":0,"rate5":0,"rate15":0,"p50":0,"p90":0,"p95":0,"p99":0}`

// goldenTunnel is a tunnel without traffic in the form of the API.
func goldenTunnel(name, uri, url, proto, addr string, inspect bool) string {
	return fmt.Sprintf(`{"name":%q,"ID":"…","uri":%q,"public_url":%q,"proto":%q,"config":{"addr":%q,"inspect":%t},"metrics":{"conns":%s,"http":%s}}`,
		name, uri, url, proto, addr, inspect, noConns, noHTTP)
}

var tunnelID = regexp.MustCompile(`"ID":"[0-9a-f]{32}"`)

func (b *bed) wantTunnel(method, path, body string, status int, golden string) {
	b.t.Helper()
	got, text := b.call(method, path, body)
	text = strings.TrimSpace(tunnelID.ReplaceAllString(text, `"ID":"…"`))
	if got != status || text != golden {
		b.t.Errorf("%s %s %s\n got %d %s\nwant %d %s", method, path, body, got, text, status, golden)
	}
}

func setTunnels(states ...client.TunnelState) func(*client.State) {
	return func(s *client.State) { s.Tunnels = states }
}

func TestTunnels(t *testing.T) {
	b := newBed(t)
	b.client.set(setTunnels(
		client.TunnelState{Name: "command_line", PublicURL: "http://abc.example", Protocol: "http", LocalAddr: "localhost:80", Inspect: true},
		client.TunnelState{Name: "command_line", PublicURL: "https://abc.example", Protocol: "https", LocalAddr: "localhost:80", Inspect: true},
		client.TunnelState{Name: "ssh", PublicURL: "tcp://example:2222", Protocol: "tcp", LocalAddr: "localhost:22"},
	))
	https := goldenTunnel("command_line", "/api/tunnels/command_line", "https://abc.example", "https", "http://localhost:80", true)
	plain := goldenTunnel("command_line (http)", "/api/tunnels/command_line%20%28http%29", "http://abc.example", "http", "http://localhost:80", true)
	ssh := goldenTunnel("ssh", "/api/tunnels/ssh", "tcp://example:2222", "tcp", "localhost:22", false)

	b.wantTunnel("GET", "/api/tunnels", "", 200, `{"tunnels":[`+https+","+plain+","+ssh+`],"uri":"/api/tunnels"}`)
	b.wantTunnel("GET", "/api/tunnels/command_line", "", 200, https)
	b.wantTunnel("GET", "/api/tunnels/command_line%20%28http%29", "", 200, plain)
	b.wantTunnel("GET", "/api/tunnels/command_line+%28http%29", "", 200, plain)
	b.want("GET", "/api/tunnels/nobody", "", 404,
		`{"error_code":100,"status_code":404,"msg":"tunnel not found","details":{"err":"no tunnel named nobody is open"}}`)

	// Wrappers close every name they listed.
	b.want("DELETE", "/api/tunnels/command_line", "", 204, "")
	b.want("DELETE", "/api/tunnels/command_line%20%28http%29", "", 204, "")
	b.want("DELETE", "/api/tunnels/command_line", "", 404,
		`{"error_code":100,"status_code":404,"msg":"tunnel not found","details":{"err":"no tunnel named command_line is open"}}`)
	b.wantTunnel("GET", "/api/tunnels", "", 200, `{"tunnels":[`+ssh+`],"uri":"/api/tunnels"}`)
	if len(b.client.closing) != 1 {
		t.Errorf("closed %q, want command_line once", b.client.closing)
	}
}

func TestStartTunnel(t *testing.T) {
	b := newBed(t)
	b.client.set(setTunnels())
	b.wantTunnel("POST", "/api/tunnels", `{"name":"web","proto":"http","addr":8080,"subdomain":"shop","auth":"","region":"us","web_addr":null}`, 201,
		goldenTunnel("web", "/api/tunnels/web", "https://shop.example", "https", "http://127.0.0.1:8080", true))
	b.wantTunnel("GET", "/api/tunnels/web%20%28http%29", "", 200,
		goldenTunnel("web (http)", "/api/tunnels/web%20%28http%29", "http://shop.example", "http", "http://127.0.0.1:8080", true))
	b.wantTunnel("POST", "/api/tunnels", `{"name":"tls","proto":"http","addr":"localhost:3000","hostname":"a.example","bind_tls":true,"inspect":"false"}`, 201,
		goldenTunnel("tls", "/api/tunnels/tls", "https://a.example", "https", "http://localhost:3000", false))
	b.wantTunnel("POST", "/api/tunnels", `{"name":"db","proto":"tcp","addr":"5432","remote_addr":":9000"}`, 201,
		goldenTunnel("db", "/api/tunnels/db", "tcp://.example", "tcp", "127.0.0.1:5432", true))
	if got := b.client.opened[len(b.client.opened)-1].RemotePort; got != 9000 {
		t.Errorf("asked for port %d, want 9000", got)
	}

	// A server without https, which the caller did not insist on.
	b.client.refuse["https"] = errors.New("this server has no https")
	b.wantTunnel("POST", "/api/tunnels", `{"name":"plain","proto":"http","addr":"80","subdomain":"p"}`, 201,
		goldenTunnel("plain", "/api/tunnels/plain", "http://p.example", "http", "http://127.0.0.1:80", true))
	b.want("POST", "/api/tunnels", `{"name":"both","proto":"http","addr":"80","bind_tls":"both"}`, 502,
		`{"error_code":103,"status_code":502,"msg":"failed to start tunnel","details":{"err":"this server has no https"}}`)

	b.want("POST", "/api/tunnels", `{"name":"web","proto":"http","addr":"80"}`, 400,
		`{"error_code":102,"status_code":400,"msg":"invalid tunnel configuration","details":{"err":"tunnel \"web\" already exists: choose another name, or close it first"}}`)
	b.want("POST", "/api/tunnels", `{"name":"web (http)","proto":"tcp","addr":"80"}`, 400,
		`{"error_code":102,"status_code":400,"msg":"invalid tunnel configuration","details":{"err":"tunnel \"web (http)\" already exists: choose another name, or close it first"}}`)
	b.want("POST", "/api/tunnels", `[]`, 400,
		`{"error_code":101,"status_code":400,"msg":"the request body is not the JSON that this call expects","details":{"err":"json: cannot unmarshal array into Go value of type map[string]json.RawMessage"}}`)
	b.want("POST", "/api/tunnels", `name=web`, 400,
		`{"error_code":101,"status_code":400,"msg":"the request body is not the JSON that this call expects","details":{"err":"invalid character 'a' in literal null (expecting 'u')"}}`)
	if got, _ := b.call("POST", "/api/tunnels", `{"name":"`+strings.Repeat("x", maxJSON)+`"}`); got != 413 {
		t.Errorf("an endless body is answered with %d, want 413", got)
	}

	b.client.set(func(s *client.State) { s.Status = client.Reconnecting })
	b.want("POST", "/api/tunnels", `{"name":"late","proto":"http","addr":"80"}`, 503,
		`{"error_code":104,"status_code":503,"msg":"ngrok is not yet ready to start tunnels","details":{"err":"a successful ngrok tunnel session has not yet been established"}}`)
}

func TestStatus(t *testing.T) {
	b := newBed(t)
	got, text := b.call("GET", "/api/status", "")
	since, _ := json.Marshal(b.client.State().Since)
	want := `{"status":"online","agent_version":"2.0-test","session":{"server_addr":"tunnels.example:4443","server_version":"2.0","since":` +
		string(since) + `},"uri":"/api/status"}`
	if strings.TrimSpace(text) != want || got != 200 {
		t.Errorf("got %d %s\nwant %s", got, text, want)
	}
	b.want("GET", "/api", "", 200, `{"uri":"/api","tunnels_uri":"/api/tunnels","requests_uri":"/api/requests/http","status_uri":"/api/status"}`)
	b.want("GET", "/api/nothing", "", 404,
		`{"error_code":100,"status_code":404,"msg":"resource not found","details":{"err":"there is no /api/nothing in this API"}}`)
	b.want("PUT", "/api/tunnels", "", 405,
		`{"error_code":101,"status_code":405,"msg":"method not allowed","details":{"err":"PUT is not one of GET, HEAD, POST"}}`)
}

func TestRequests(t *testing.T) {
	b := newBed(t)
	b.want("GET", "/api/requests/http", "", 200, `{"uri":"/api/requests/http","requests":[]}`)
	row := b.capture("POST", "/echo?a=1", "hello", "X-Twice", "1", "X-Twice", "2", "Authorization", "Basic c2VjcmV0")
	_, one := b.call("GET", "/api/requests/http/"+string(row.ID), "")
	one = strings.TrimSpace(one)

	var got struct {
		Request, Response struct {
			Raw     string
			Headers map[string][]string
		}
	}
	if err := json.Unmarshal([]byte(one), &got); err != nil {
		t.Fatal(err, one)
	}
	raw, _ := base64.StdEncoding.DecodeString(got.Request.Raw)
	if !strings.HasPrefix(string(raw), "POST /echo?a=1 HTTP/1.1\r\n") || !strings.HasSuffix(string(raw), "\r\n\r\nhello") {
		t.Errorf("raw request is %q", raw)
	}
	if v := got.Request.Headers["X-Twice"]; len(v) != 2 {
		t.Errorf("X-Twice is %q, want both values", v)
	}
	if v := got.Request.Headers["Authorization"]; len(v) != 1 || v[0] != "Basic c2VjcmV0" {
		t.Errorf("Authorization is %q: scripts get what passed", v)
	}
	headers := regexp.MustCompile(`"headers":\{[^}]*\}`)
	cut := headers.ReplaceAllString(regexp.MustCompile(`"raw":"[^"]*"`).ReplaceAllString(one, `"raw":"…"`), `"headers":{…}`)
	start, _ := json.Marshal(row.Start)
	want := fmt.Sprintf(`{"uri":"/api/requests/http/%s","id":"%s","tunnel_name":"command_line (http)","remote_addr":%q,"start":%s,"duration":%d,`+
		`"request":{"method":"POST","proto":"HTTP/1.1","headers":{…},"uri":"/echo?a=1","raw":"…"},`+
		`"response":{"status":"200 OK","status_code":200,"proto":"HTTP/1.1","headers":{…},"raw":"…"}}`,
		row.ID, row.ID, row.VisitorAddr, start, row.Duration.Nanoseconds())
	if cut != want {
		t.Errorf("got  %s\nwant %s", cut, want)
	}

	b.capture("GET", "/echo?second", "")
	list := func(query string) (n int) {
		var v struct{ Requests []json.RawMessage }
		_, text := b.call("GET", "/api/requests/http"+query, "")
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err, text)
		}
		return len(v.Requests)
	}
	for query, want := range map[string]int{
		"": 2, "?limit=1": 1, "?tunnel_name=command_line": 0, "?tunnel_name=nobody": 0,
		"?tunnel_name=command_line%20%28http%29": 2, "?limit=1&tunnel_name=command_line%20%28http%29": 1,
	} {
		if got := list(query); got != want {
			t.Errorf("list%s has %d requests, want %d", query, got, want)
		}
	}
	if status, _ := b.call("GET", "/api/requests/http?limit=many", ""); status != 400 {
		t.Errorf("limit=many is answered with %d, want 400", status)
	}
	b.want("GET", "/api/requests/http/nothing", "", 404,
		`{"error_code":100,"status_code":404,"msg":"request not found","details":{"err":"this exchange is no longer kept"}}`)
	b.want("DELETE", "/api/requests/http", "", 204, "")
	if got := list(""); got != 0 {
		t.Errorf("%d requests are left after DELETE", got)
	}
}

func TestReplayCalls(t *testing.T) {
	b := newBed(t)
	row := b.capture("POST", "/echo", "again")
	replays := func() (n int) {
		for _, r := range b.store.List(inspect.ListOptions{Limit: 100}).Rows {
			if r.ReplayOf == row.ID && r.Status == 200 {
				n++
			}
		}
		return n
	}
	b.want("POST", "/api/requests/http", `{"id":"`+string(row.ID)+`"}`, 204, "")
	waitFor(t, "a replay", func() bool { return replays() == 1 })
	b.want("POST", "/api/requests/http", `{"id":"`+string(row.ID)+`","tunnel_name":"command_line"}`, 204, "")
	waitFor(t, "a replay to a named tunnel", func() bool { return replays() == 2 })
	b.want("POST", "/http/in/replay?txnid="+string(row.ID), "", 404,
		`{"error_code":100,"status_code":404,"msg":"the request cannot be replayed","details":{"err":"this exchange is no longer kept"}}`)
	form := url.Values{"txnid": {string(row.ID)}}.Encode()
	if status, text := b.call("POST", "/http/in/replay", form, "Content-Type", "application/x-www-form-urlencoded"); status != 200 {
		t.Errorf("1.7's replay is answered with %d %s", status, text)
	}
	waitFor(t, "a replay of 1.7's form", func() bool { return replays() == 3 })
	b.want("POST", "/api/requests/http", `{"id":"x"}`, 404,
		`{"error_code":100,"status_code":404,"msg":"the request cannot be replayed","details":{"err":"this exchange is no longer kept"}}`)
	if status, text := b.call("POST", "/api/requests/http", `{"id":"`+string(row.ID)+`","tunnel_name":"nobody"}`); status != 400 {
		t.Errorf("a replay to nowhere is answered with %d %s", status, text)
	}
}

func TestHTTPMetrics(t *testing.T) {
	b := newBed(t)
	row := b.capture("GET", "/echo", "")
	b.capture("GET", "/echo?b", "")
	b.want("POST", "/api/requests/http", `{"id":"`+string(row.ID)+`"}`, 204, "")
	waitFor(t, "a timer for the tunnel without requests", func() bool {
		b.server.http.mu.Lock()
		defer b.server.http.mu.Unlock()
		return b.server.http.timers[tunnelKey{"command_line", "https"}] != nil
	})
	count := func(name, scheme string) int64 { return b.server.http.of(name, scheme).Count }
	waitFor(t, "the replay", func() bool {
		rows := b.store.List(inspect.ListOptions{}).Rows
		return len(rows) == 3 && !rows[0].Open
	})
	// Rows show an end a moment before it is counted; a replay never is.
	waitFor(t, "both requests to count", func() bool { return count("command_line", "http") >= 2 })
	if n := count("command_line", "http"); n != 2 {
		t.Errorf("http counts %d, want the 2 of visitors", n)
	}
	if n := count("command_line", "https"); n != 0 {
		t.Errorf("https counts %d", n)
	}
	if m := b.server.http.of("command_line", "http"); m.P50 <= 0 || m.P99 < m.P50 {
		t.Errorf("percentiles are %+v", m)
	}
}
