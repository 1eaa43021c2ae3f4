//go:build linux

package programs

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"ngrok/conn/conntest"
	"ngrok/server/auth"
)

// canaries are secrets that must not come out anywhere, by what they are.
type canaries map[string]string

// put makes a secret of its own for a credential.
func (c canaries) put(what string) string {
	c[what] = "kanarie" + hex.EncodeToString([]byte(what))
	return c[what]
}

// look fails for each canary in text, plain or as Basic credentials have it.
func (c canaries) look(t testing.TB, where, text string) {
	t.Helper()
	for what, secret := range c {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%s tells the %s: …%s…", where, what, text[max(0, at-100):min(len(text), at+len(secret)+20)])
		}
	}
}

// TestProgramsCanaries puts a secret into every credential that there is, has everything go
// right and wrong, and looks for them in logs of both formats, on pages that either program
// makes, in what the inspector's API says of tunnels and state, and in the metrics there and
// in the server's report of them.
func TestProgramsCanaries(t *testing.T) {
	for _, format := range []string{"logfmt", "json"} {
		t.Run(format, func(t *testing.T) { testCanaries(t, format) })
	}
}

func testCanaries(t *testing.T, format string) {
	c := canaries{}
	for _, what := range []string{"token", "TSIG key", "proxy password", "inspect_auth", "password of ann", "password of bob", "wrong password", "bearer",
		"broken", "Proxy-Authorization", "path", "query", "body", "Host", "Cookie", "Set-Cookie", "userinfo", "added request header", "added response header"} {
		c.put(what)
	}
	basic := func(user, what string) string {
		pair := base64.StdEncoding.EncodeToString([]byte(user + ":" + c[what]))
		c[what+", encoded"] = pair
		return "Basic " + pair
	}
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	s := &site{t: t, tunnelAddr: conntest.Reserve(t), httpAddr: conntest.Reserve(t)}
	if code := s.program("ngrokd", "certs", "-domain", "127.0.0.1", "-out", dir).end(t); code != 0 {
		t.Fatal("no certificate for the authority that does not answer")
	}
	settings := write(t, dir, "ngrokd.yml", fmt.Sprintf("tokens: [{name: alice, hash: %q}]\n"+
		"acme:\n  directory: https://127.0.0.1:1/dir\n  ca: %s\n  dns: {provider: rfc2136, server: \"127.0.0.1:1\", key_name: x., key: %s, key_alg: hmac-sha256}\n",
		auth.HashToken(c["token"]).String(), filepath.Join(dir, "ca.crt"), c["TSIG key"]))
	s.server = s.program("ngrokd", "-config="+settings, "-domain=localhost", "-dataDir="+data, "-httpsAddr=",
		"-tunnelAddr="+s.tunnelAddr, "-httpAddr="+s.httpAddr, "-log=stdout", "-log-level=DEBUG", "-log-format="+format)
	s.server.find(t, `(cannot get a certificate)`)

	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: c["Set-Cookie"]})
		if r.URL.Path == "/garbage" {
			nc, _, _ := w.(http.Hijacker).Hijack()
			io.WriteString(nc, c["Set-Cookie"]+"\r\n\r\n")
			nc.Close()
		}
	}))
	defer service.Close()
	proxy := httptest.NewServer(connectProxy(t))
	defer proxy.Close()
	file := write(t, dir, "ngrok.yml", fmt.Sprintf(`server_addr: %s
http_proxy: %s
inspect_addr: 127.0.0.1:0
inspect_auth: "ins:%s"
auth_token: %s
tunnels:
  web:
    auth: ["ann:%s", "bob:%s"]
    max_body: 1000
    request_header: {add: ["X-Key: %s"]}
    response_header: {add: ["X-Answer: %s"]}
    proto: {http: "%s"}
  dead:
    auth: "ann:%s"
    proto: {http: "127.0.0.1:1"}
`, s.tunnelAddr, strings.Replace(proxy.URL, "://", "://user:"+c["proxy password"]+"@", 1), c["inspect_auth"], c["token"],
		c["password of ann"], c["password of bob"], c["added request header"], c["added response header"], service.Listener.Addr(), c["password of ann"]))
	logFile := filepath.Join(dir, "ngrok.log")
	client := &tunnel{s.program("ngrok", "-config="+file, "-log="+logFile, "-log-level=DEBUG", "-log-format="+format, "start-all"), t}
	page := client.find(t, `Web Interface (http://\S+)`)
	urls := []string{client.find(t, `Forwarding (http://web\S+) ->`), client.find(t, `Forwarding (http://dead\S+) ->`)}

	// Visitors with each of the credentials, or wrong ones, get pages of all kinds.
	var said strings.Builder
	visitor := local(t)
	ann := basic("ann", "password of ann")
	for _, authorization := range []string{"", ann, basic("bob", "password of bob"), basic("eve", "wrong password"), "Bearer " + c["bearer"], "Basic " + c["broken"]} {
		for _, url := range append(urls, "http://nobody.localhost:"+s.httpAddr[len("127.0.0.1:"):]) {
			for _, path := range []string{"/" + c["path"] + "?key=" + c["query"], "/garbage?key=" + c["query"]} {
				for _, size := range []int{0, 2000} {
					req, err := http.NewRequest("POST", url+path, strings.NewReader(c["body"]+strings.Repeat("x", size)))
					if err != nil {
						t.Fatal(err)
					}
					if authorization != "" {
						req.Header.Set("Authorization", authorization)
					}
					req.Header.Set("Accept", "text/html")
					req.Header.Set("Proxy-Authorization", c["Proxy-Authorization"])
					req.AddCookie(&http.Cookie{Name: "c", Value: c["Cookie"]})
					resp, err := visitor.Do(req)
					if err != nil {
						continue // reset, as it may be
					}
					b, _ := io.ReadAll(resp.Body)
					resp.Body.Close()
					fmt.Fprintf(&said, "%s %s\n", resp.Status, b)
					if resp.StatusCode != http.StatusOK {
						fmt.Fprintln(&said, resp.Header)
					}
				}
			}
		}
	}
	for _, raw := range []string{
		"GET / HTTP/1.1\r\nAuthorization : " + ann + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nCookie: " + c["Cookie"] + "\r\n\r\n",
		"GET http://u:" + c["userinfo"] + "@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: u:" + c["Host"] + "@nobody.localhost\r\n\r\n",
		"GET /" + c["path"] + " " + c["query"] + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /?" + c["query"] + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + c["Cookie"] + "\r\n folded\r\n\r\n",
	} {
		said.WriteString(exchange(t, s.httpAddr, raw))
	}
	pages := said.String()
	for _, status := range []string{"200", "400", "401", "404", "413", "502"} {
		if !strings.Contains(pages, status+" ") {
			t.Errorf("no page with %s among those that were looked at", status)
		}
	}
	c.look(t, "a page", pages)

	// What the inspector says of itself, with the password and without.
	for _, path := range []string{"/", "/api", "/api/status", "/api/tunnels", "/api/tunnels/web%20(http)", "/api/tunnels/web", "/api/page", "/api/nothing"} {
		for _, with := range []bool{false, true} {
			req, err := http.NewRequest("GET", page+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if with {
				req.SetBasicAuth("ins", c["inspect_auth"])
			}
			resp, err := visitor.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if !with && resp.StatusCode != http.StatusUnauthorized || with && len(b) == 0 {
				t.Errorf("%s with a password: %v: %s, %d bytes", path, with, resp.Status, len(b))
			}
			c.look(t, "the inspector's "+path, string(b)+fmt.Sprint(resp.Header))
		}
	}

	// Settings that are broken while the server runs.
	write(t, dir, "ngrokd.yml", fmt.Sprintf("tokens: [{name: alice, hash: %s}, {name: bob, token: %[1]s}]\nacme: {dns: {provider: x, key: [%s]}}\nlimits: %[2]s\n", c["token"], c["TSIG key"]))
	s.server.signal(t, syscall.SIGHUP)
	s.server.find(t, `(ngrokd\.yml:\d+)`)

	key, err := os.ReadFile(filepath.Join(data, "session.key"))
	if err != nil || len(key) < 16 {
		t.Fatalf("session key: %v", err)
	}
	c["server's session key"], c["server's session key in hex"] = strings.TrimSpace(string(key)), hex.EncodeToString(key)
	c["server's session key in base64"] = base64.StdEncoding.EncodeToString(key)
	for _, p := range []*process{client.process, s.server} {
		p.signal(t, syscall.SIGTERM)
		p.end(t)
	}
	checkReport(t, s.server.text(), format)
	logged, err := os.ReadFile(logFile)
	if err != nil || !strings.Contains(string(logged), "visitor connected") || !strings.Contains(s.server.text(), "visitor connected") {
		t.Errorf("a log does not tell of visitors: %v", err)
	}
	c.look(t, "ngrok's log", string(logged))
	c.look(t, "ngrok", client.text())
	c.look(t, "ngrokd", s.server.text())
}

// checkReport sees that a server has logged its metrics, and what it carried among them: at
// its end at the latest.
func checkReport(t *testing.T, log, format string) {
	t.Helper()
	at := strings.LastIndex(log, map[string]string{"logfmt": `msg="metrics" report=`, "json": `"msg":"metrics","report":`}[format])
	if at < 0 {
		t.Fatal("ngrokd has not reported its metrics")
	}
	report, _, _ := strings.Cut(log[at:], "\n")
	count := regexp.MustCompile(`http\.connections\W+count\W+([1-9]\d*)`).FindString(report)
	if count == "" || !regexp.MustCompile(`http\.bytes\.in\W+[1-9]`).MatchString(report) {
		t.Errorf("the report of the metrics tells of no visitors: %s", report)
	}
}

// TestProgramsBrokenSettings has secrets stand where they make the settings unusable. What is
// said of it must be of use, and not repeat them.
func TestProgramsBrokenSettings(t *testing.T) {
	c := canaries{}
	secret := c.put("secret")
	s := &site{t: t}
	for _, tt := range []struct{ name, program, text string }{
		{"token in place of its hash", "ngrokd", "tokens: [{name: a, hash: %s}]"},
		{"half a hash", "ngrokd", "tokens: [{name: a, hash: \"sha256:%s\"}]"},
		{"token under its own key", "ngrokd", "tokens: [{name: a, token: %s}]"},
		{"tokens as text", "ngrokd", "tokens: %s"},
		{"tokens as a list of text", "ngrokd", "tokens: [%s]"},
		{"key as a list", "ngrokd", "acme: {dns: {provider: rfc2136, key: [%s]}}"},
		{"password of the authority", "ngrokd", "domain: a.example\nacme: {directory: \"https://user:%s@a.example/dir\"}"},
		{"value for a variable", "ngrokd", "domain: a.example\nacme: {dns: {provider: exec, command: /bin/true, env: TOKEN=%s}}"},
		{"dns as text", "ngrokd", "acme: {dns: %s}"},
		{"dns that lacks a key", "ngrokd", "domain: a.example\nacme: {dns: {provider: rfc2136, key: %s}}"},
		{"no YAML", "ngrokd", "acme: {dns: {key: \"%s}"},
		{"token as a list", "ngrok", "auth_token: [%s]"},
		{"token with a line end", "ngrok", "auth_token: \"%s\\nx\""},
		{"token without an end", "ngrok", "auth_token: \"%s"},
		{"token with a colon", "ngrok", "auth_token: %s: x"},
		{"token under another key", "ngrok", "auth_tokens: %s"},
		{"proxy's port", "ngrok", "http_proxy: http://user:%s@a.example:bad"},
		{"proxy's password", "ngrok", "http_proxy: \"http://user:%s%%zz@a.example:80\""},
		{"proxy's kind", "ngrok", "http_proxy: gopher://user:%s@a.example:80"},
		{"private service with a password", "ngrok", "tunnels: {a: {proto: {http: \"http://user:%s@127.0.0.1:80\"}}}"},
		{"private service with a query", "ngrok", "tunnels: {a: {proto: {http: \"http://127.0.0.1:80/?key=%s\"}}}"},
		{"hostname with a password", "ngrok", "tunnels: {a: {hostname: \"user:%s@a.example\", proto: {http: 80}}}"},
		{"server with a password", "ngrok", "server_addr: \"user:%s@a.example:4443\"\ntunnels: {a: {proto: {http: 80}}}"},
		{"user without a password", "ngrok", "tunnels: {a: {auth: %s, proto: {http: 80}}}"},
		{"users, one without a password", "ngrok", "tunnels: {a: {auth: [\"u:p\", %s], proto: {http: 80}}}"},
		{"users as a map", "ngrok", "tunnels: {a: {auth: {u: %s}, proto: {http: 80}}}"},
		{"inspector's password alone", "ngrok", "inspect_auth: %s"},
		{"header without a name", "ngrok", "tunnels: {a: {request_header: {add: [\"%s\"]}, proto: {http: 80}}}"},
		{"header with a line end", "ngrok", "tunnels: {a: {request_header: {add: [\"X-A: %s\\r\\nB: c\"]}, proto: {http: 80}}}"},
		{"header that can't be changed", "ngrok", "tunnels: {a: {request_header: {add: [\"Content-Length: %s\"]}, proto: {http: 80}}}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, t.TempDir(), tt.program+".yml", fmt.Sprintf(tt.text, secret))
			args := []string{"-config=" + file, "start-all"}
			if tt.program == "ngrokd" {
				args = []string{"-config=" + file, "-dataDir=" + t.TempDir(), "-tunnelAddr=127.0.0.1:0", "-httpAddr=127.0.0.1:0", "-httpsAddr="}
			}
			p := s.program(tt.program, args...)
			if code := p.end(t); code == 0 || !strings.Contains(p.text(), filepath.Base(file)) {
				t.Errorf("exit code %d: %s", code, p.text())
			}
			c.look(t, tt.program, p.text())
		})
	}
}
