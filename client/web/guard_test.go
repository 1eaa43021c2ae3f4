package web

import (
	"bufio"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"ngrok/client/inspect"
)

func TestHosts(t *testing.T) {
	b := newBed(t, func(c *Config, _ *inspect.Options) { c.AllowHosts = []string{"Inspect.Internal", "dev.example:8443"} })
	port := b.url[strings.LastIndexByte(b.url, ':')+1:]
	for host, want := range map[string]int{
		"127.0.0.1:" + port:           200,
		"localhost:" + port:           200,
		"LOCALHOST":                   200,
		"[::1]:" + port:               200,
		"localhost:9999":              200, // through a port forwarding
		"inspect.internal":            200,
		"inspect.internal:4040":       200,
		"dev.example:8443":            200,
		"dev.example":                 403,
		"dev.example:80":              403,
		"attacker.example":            403,
		"attacker.example:" + port:    403,
		"127.0.0.1.attacker.example":  403,
		"localhost.attacker.example":  403,
		"localhost@attacker.example":  403,
		"attacker.example#localhost":  403,
		"attacker.example/localhost":  403,
		"localhost.":                  403,
		"127.0.0.2":                   403,
		"127.1":                       403,
		"2130706433":                  403,
		"0.0.0.0:" + port:             403,
		"[::ffff:127.0.0.1]:" + port:  403,
		"localhost:port":              403,
		"localhost, attacker.example": 403,
	} {
		for _, path := range []string{"/", "/api/tunnels", "/static/js/main.js", "/_ws"} {
			status := rawStatus(t, b, "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
			if path == "/_ws" && want == 200 {
				want := 400 // it is no websocket handshake
				if status != want {
					t.Errorf("Host %q, %s: %d, want %d", host, path, status, want)
				}
				continue
			}
			// What package http itself refuses is a 400.
			if status != want && !(want == 403 && status == 400) {
				t.Errorf("Host %q, %s: %d, want %d", host, path, status, want)
			}
		}
	}
	if status := rawStatus(t, b, "GET / HTTP/1.0\r\n\r\n"); status != 403 {
		t.Errorf("without Host: %d, want 403", status)
	}
}

// rawStatus sends bytes and returns the status of the response.
func rawStatus(t *testing.T, b *bed, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	res.Body.Close()
	return res.StatusCode
}

func TestCrossSiteCalls(t *testing.T) {
	b := newBed(t)
	row := b.capture("GET", "/echo", "")
	id := string(row.ID)
	port := b.url[strings.LastIndexByte(b.url, ':')+1:]
	calls := []struct{ method, path, body string }{
		{"POST", "/api/tunnels", `{"name":"x","proto":"tcp","addr":22}`},
		{"DELETE", "/api/tunnels/command_line", ""},
		{"POST", "/api/requests/http", `{"id":"` + id + `"}`},
		{"DELETE", "/api/requests/http", ""},
		{"POST", "/http/in/replay", "txnid=" + id},
		{"DELETE", "/api/exchanges", ""},
		{"POST", "/api/exchanges/" + id + "/replay", `{}`},
		{"POST", "/api/exchanges/" + id + "/pin", `{"pinned":true}`},
		{"POST", "/api/har", `{"log":{"entries":[]}}`},
	}
	origins := map[string][]string{
		"another site":           {"Origin", "https://attacker.example"},
		"another site, fetch":    {"Origin", "https://attacker.example", "Sec-Fetch-Site", "cross-site"},
		"another port":           {"Origin", "http://127.0.0.1:1", "Sec-Fetch-Site", "same-site"},
		"another port, old":      {"Origin", "http://127.0.0.1:1"},
		"a sandboxed frame":      {"Origin", "null"},
		"another name, old":      {"Origin", "http://localhost:" + port},
		"no origin, cross fetch": {"Sec-Fetch-Site", "cross-site"},
	}
	for _, c := range calls {
		for name, header := range origins {
			header = append(header, "Content-Type", "text/plain")
			if status, text := b.call(c.method, c.path, c.body, header...); status != 403 {
				t.Errorf("%s %s from %s: %d %s, want 403", c.method, c.path, name, status, text)
			}
		}
	}
	if len(b.client.opened)+len(b.client.closing) > 0 {
		t.Errorf("tunnels were opened or closed: %v %v", b.client.opened, b.client.closing)
	}
	rows := b.store.List(inspect.ListOptions{}).Rows
	if len(rows) != 1 || rows[0].Pinned {
		t.Errorf("the list was changed: %+v", rows)
	}
	for _, header := range [][]string{{"Origin", b.url}, {"Origin", b.url, "Sec-Fetch-Site", "same-origin"}, nil} {
		if status, text := b.call("POST", "/api/exchanges/"+id+"/pin", `{"pinned":true}`, header...); status != 204 {
			t.Errorf("pin with %q: %d %s", header, status, text)
		}
	}
}

func TestCrossSiteWebsocket(t *testing.T) {
	b := newBed(t)
	dial := func(header http.Header) int {
		conn, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(b.url, "http")+"/_ws", header)
		if err == nil {
			conn.Close()
			return 101
		}
		if res == nil {
			t.Fatal(err)
		}
		return res.StatusCode
	}
	for name, c := range map[string]struct {
		header http.Header
		want   int
	}{
		"no browser":       {nil, 101},
		"the page":         {http.Header{"Origin": {b.url}}, 101},
		"the page, fetch":  {http.Header{"Origin": {b.url}, "Sec-Fetch-Site": {"same-origin"}}, 101},
		"another site":     {http.Header{"Origin": {"https://attacker.example"}}, 403},
		"another port":     {http.Header{"Origin": {"http://127.0.0.1:1"}}, 403},
		"a sandbox":        {http.Header{"Origin": {"null"}}, 403},
		"a file":           {http.Header{"Origin": {"file://"}}, 403},
		"fetch cross-site": {http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"a lookalike":      {http.Header{"Origin": {b.url + ".attacker.example"}}, 403},
		"rebinding":        {http.Header{"Host": {"attacker.example"}, "Origin": {"http://attacker.example"}}, 403},
	} {
		if got := dial(c.header); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestSafeHeaders(t *testing.T) {
	b := newBed(t)
	row := b.capture("GET", "/logo.png", "")
	paths := []string{"/", "/http/in", "/static/js/main.js", "/static/nothing", "/nothing", "/api/tunnels", "/api/nothing",
		"/api/qr.svg?tunnel=command_line", "/api/har", "/_ws",
		"/api/exchanges/" + string(row.ID) + "/response/raw", "/api/exchanges/" + string(row.ID) + "/response/body"}
	for _, path := range paths {
		res, err := http.Get(b.url + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		csp := res.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the policy %q has no %s", path, csp, part)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "data:") {
			t.Errorf("%s: the policy %q is not strict", path, csp)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if res.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s can be read by other origins", path)
		}
		download := strings.HasSuffix(path, "/raw") || strings.HasSuffix(path, "/body") || path == "/api/har"
		if got := strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment"); got != download {
			t.Errorf("%s: an attachment: %t, want %t", path, got, download)
		}
		if download && res.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("%s has type %s", path, res.Header.Get("Content-Type"))
		}
	}
}

func TestPassword(t *testing.T) {
	b := newBed(t, func(c *Config, _ *inspect.Options) { c.Addr, c.Auth = "0.0.0.0:0", "me:let me: in" })
	port := b.url[strings.LastIndexByte(b.url, ':')+1:]
	b.url = "http://127.0.0.1:" + port
	basic := func(user, pass string) []string {
		r, _ := http.NewRequest("GET", b.url, nil)
		r.SetBasicAuth(user, pass)
		return []string{"Authorization", r.Header.Get("Authorization")}
	}
	for _, path := range []string{"/", "/static/js/main.js", "/api/tunnels", "/_ws"} {
		if status, _ := b.call("GET", path, ""); status != 401 {
			t.Errorf("%s without password: %d, want 401", path, status)
		}
	}
	if status, _ := b.call("GET", "/api/tunnels", "", basic("me", "wrong")...); status != 401 {
		t.Errorf("a wrong password: %d, want 401", status)
	}
	req, _ := http.NewRequest("GET", b.url, nil)
	req.SetBasicAuth("me", "let me: in")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("the right password: %v %v", res, err)
	}
	res.Body.Close()
	// Browsers that keep the password from websockets send the cookie of that path.
	cookies := res.Cookies()
	if len(cookies) != 1 || cookies[0].Path != socketPath || !cookies[0].HttpOnly {
		t.Fatalf("cookies are %v", cookies)
	}
	cookie := cookies[0].Name + "=" + cookies[0].Value
	conn, _, err := websocket.DefaultDialer.Dial("ws://127.0.0.1:"+port+"/_ws", http.Header{"Cookie": {cookie}})
	if err != nil {
		t.Fatalf("the websocket with the cookie: %v", err)
	}
	conn.Close()
	if status, _ := b.call("GET", "/api/tunnels", "", "Cookie", cookie); status != 401 {
		t.Errorf("the cookie opens more than the websocket: %d", status)
	}
	for range guessBurst + 1 {
		b.call("GET", "/", "", basic("me", "guess")...)
	}
	if status, _ := b.call("GET", "/", "", basic("me", "guess")...); status != 429 {
		t.Errorf("guessing on: %d, want 429", status)
	}
}

func TestListen(t *testing.T) {
	newServer := func(addr, auth string) (*Server, error) {
		return New(Config{Addr: addr, Auth: auth, Client: newPlayedClient(), Store: inspect.New(inspect.Options{}), Assets: emptyAssets{}})
	}
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
		s, err := newServer(addr, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Listen(); err == nil || !strings.Contains(err.Error(), "inspect_auth") {
			s.Close()
			t.Errorf("%s without a password: %v, want an error that names inspect_auth", addr, err)
		}
	}
	for _, auth := range []string{"me", "me:", ":secret"} {
		if _, err := newServer("127.0.0.1:0", auth); err == nil || !strings.Contains(err.Error(), "user:password") {
			t.Errorf("inspect_auth %q: %v", auth, err)
		}
	}
	for _, addr := range []string{"4040", "localhost", "http://localhost:4040"} {
		s, err := newServer(addr, "")
		if err == nil {
			err = s.Listen()
		}
		if err == nil || !strings.Contains(err.Error(), "inspect_addr") {
			t.Errorf("address %q: %v, want an error that names inspect_addr", addr, err)
		}
	}

	// The first takes 4040 unless this machine uses it, the second what is free after.
	var taken []string
	for range 2 {
		s, err := newServer("", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Listen(); err != nil {
			t.Skipf("this machine uses the ports of the inspector: %v", err)
		}
		defer s.Close()
		taken = append(taken, s.Addr().String())
	}
	if taken[0] >= taken[1] || taken[0] < "127.0.0.1:4040" || taken[1] > "127.0.0.1:4050" {
		t.Errorf("bound %q, want two ports from 4040 to 4050 in their order", taken)
	}
	s, err := newServer(strings.Replace(taken[1], "127.0.0.1", "localhost", 1), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err == nil {
		s.Close()
		t.Errorf("an address of the configuration that is in use was replaced by %s", s.Addr())
	}
}

// emptyAssets is a page without files.
type emptyAssets struct{ fs.FS }

func FuzzSplitHost(f *testing.F) {
	for _, s := range []string{"localhost:4040", "[::1]:4040", "a.example", "a@b", "a%2eb", "[fe80::1%25eth0]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host, port, ok := splitHost(s)
		if !ok {
			return
		}
		if host == "" || strings.ContainsAny(host, "/@?#[] ") || host != strings.ToLower(host) {
			t.Fatalf("%q gives host %q", s, host)
		}
		for _, c := range port {
			if c < '0' || c > '9' {
				t.Fatalf("%q gives port %q", s, port)
			}
		}
	})
}
