package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"ngrok/client/inspect"
	inspector "ngrok/client/web"
	"ngrok/conn/conntest"
)

// agentAPI is the API of a running client.
type agentAPI struct {
	t   *testing.T
	url string
}

// runAgentAPI serves the API of c, which ends before the test does.
func runAgentAPI(t *testing.T, c *runningClient) *agentAPI {
	t.Helper()
	page, err := inspector.New(inspector.Config{Addr: "127.0.0.1:0", Client: c, Store: inspect.New(inspect.Options{}), Assets: fstest.MapFS{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := page.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- page.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &agentAPI{t, "http://" + page.Addr().String()}
}

// answer is what the API says: a tunnel or an error.
type answer struct {
	Name      string
	PublicURL string `json:"public_url"`
	ErrorCode int    `json:"error_code"`
	Details   struct{ Err string }
}

// open asks for a tunnel.
func (a *agentAPI) open(body string) (int, answer) {
	a.t.Helper()
	return a.call("POST", "/api/tunnels", body)
}

func (a *agentAPI) call(method, path, body string) (int, answer) {
	a.t.Helper()
	req, err := http.NewRequest(method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	var v answer
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil && err != io.EOF {
		a.t.Fatal(err)
	}
	return resp.StatusCode, v
}

// TestTunnelsOfTheAPI asks for tunnels as wrappers do, and sees by their visitors that
// each option has reached who it is for.
func TestTunnelsOfTheAPI(t *testing.T) {
	conntest.NoLeak(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Server", "secret")
		io.WriteString(w, "host="+r.Host+" key="+r.Header.Get("X-Key")+" for="+r.Header.Get("X-Forwarded-For"))
	}))
	defer service.Close()
	addr := service.Listener.Addr().String()
	w := newWorld(t, nil)
	api := runAgentAPI(t, w.runClient(nil))
	v := w.visitor()
	ask := func(method, url, body string, user ...string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequest(method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if len(user) == 2 {
			req.SetBasicAuth(user[0], user[1])
		}
		resp, err := v.Transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(b)
	}
	opened := func(body string) string {
		t.Helper()
		status, got := api.open(strings.ReplaceAll(body, "ADDR", addr))
		if status != http.StatusCreated {
			t.Fatalf("%s: %d %+v", body, status, got)
		}
		return got.PublicURL
	}

	url := opened(`{"name":"users","proto":"http","addr":"ADDR","bind_tls":false,"basic_auth":["ann:1","bob:2"],"region":"eu"}`)
	for _, user := range [][]string{{"ann", "1"}, {"bob", "2"}} {
		if resp, _ := ask("GET", url, "", user...); resp.StatusCode != 200 {
			t.Errorf("%s: %d", user, resp.StatusCode)
		}
	}
	if resp, _ := ask("GET", url, "", "ann", "2"); resp.StatusCode != 401 {
		t.Errorf("a wrong password: %d", resp.StatusCode)
	}

	url = opened(`{"name":"edited","proto":"http","addr":"ADDR","bind_tls":true,"max_body":3,"host_header":"inner.example","forwarded_headers":false,
		"request_header":{"add":["X-Key: abc"]},"response_header":{"add":["X-Frame-Options: DENY"],"remove":["Server"]}}`)
	resp, body := ask("POST", url, "abc")
	if body != "host=inner.example key=abc for=" || resp.Header.Get("X-Frame-Options") != "DENY" || resp.Header.Get("Server") != "" {
		t.Errorf("edited: %q %v", body, resp.Header)
	}
	if resp, _ := ask("POST", url, "abcd"); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("4 bytes where 3 are allowed: %d", resp.StatusCode)
	}

	url = opened(`{"name":"allowed","proto":"http","addr":"ADDR","bind_tls":false,"allow_cidrs":["192.0.2.0/24"]}`)
	if resp, _ := ask("GET", url, ""); resp.StatusCode != 403 {
		t.Errorf("not allowed: %d", resp.StatusCode)
	}
	url = opened(`{"name":"denied","proto":"http","addr":"ADDR","bind_tls":false,"deny_cidrs":["127.0.0.0/8","::1"]}`)
	if resp, _ := ask("GET", url, ""); resp.StatusCode != 403 {
		t.Errorf("denied: %d", resp.StatusCode)
	}
	url = opened(`{"name":"secure","proto":"http","addr":"ADDR","https_redirect":true}`)
	plain := strings.Replace(strings.Replace(url, "https:", "http:", 1), portOf(w.listen.HTTPS), portOf(w.listen.HTTP), 1)
	if resp, _ := ask("GET", plain+"/x", ""); resp.StatusCode != 307 || resp.Header.Get("Location") != url+"/x" {
		t.Errorf("redirection: %d %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	if got := opened(`{"name":"own","proto":"tls","addr":"ADDR","subdomain":"own"}`); got != "tls://own.localhost:"+portOf(w.listen.HTTPS) {
		t.Errorf("a tls tunnel has %q", got)
	}
}

func TestProxyHeaderOfTheAPI(t *testing.T) {
	conntest.NoLeak(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := newWorld(t, nil)
	api := runAgentAPI(t, w.runClient(nil))
	status, got := api.open(`{"name":"mail","proto":"tcp","addr":"` + l.Addr().String() + `","proxy_proto":1}`)
	if status != http.StatusCreated {
		t.Fatalf("%d %+v", status, got)
	}
	visitor := dialTCP(t, got.PublicURL)
	leg, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer leg.Close()
	_, port, _ := net.SplitHostPort(visitor.LocalAddr().String())
	line, err := bufio.NewReader(leg).ReadString('\n')
	if want := "PROXY TCP4 127.0.0.1 127.0.0.1 " + port + " "; err != nil || !strings.HasPrefix(line, want) {
		t.Errorf("the service was told %q, %v, want %q…", line, err, want)
	}
}

// TestSameNameTwice asks for what another tunnel of the client has: the one that was there
// first must stay.
func TestSameNameTwice(t *testing.T) {
	conntest.NoLeak(t)
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "first") }))
	defer first.Close()
	w := newWorld(t, nil)
	tcp := tcpTunnel("tcp", first.Listener.Addr())
	c := w.runClient(identity("user"), httpTunnel("shop", first.Listener.Addr()), tcp)
	api := runAgentAPI(t, c)
	port := c.url("tcp")[strings.LastIndexByte(c.url("tcp"), ':')+1:]

	for name, tt := range map[string]struct {
		body, want   string
		status, code int
	}{
		"name":      {`{"name":"shop","proto":"http","addr":1,"subdomain":"other"}`, `tunnel "shop" already exists`, 400, 102},
		"http name": {`{"name":"shop (http)","proto":"tcp","addr":1}`, `tunnel "shop (http)" already exists`, 400, 102},
		"subdomain": {`{"name":"b","proto":"http","addr":1,"subdomain":"shop"}`, `the subdomain "shop", which the tunnel "shop" has already`, 400, 102},
		// That these are the same only the server knows.
		"hostname": {`{"name":"b","proto":"http","addr":1,"hostname":"SHOP.localhost"}`, "another tunnel of this ngrok has the name shop.localhost", 502, 103},
		"port":     {`{"name":"b","proto":"tcp","addr":1,"remote_addr":"` + port + `"}`, "another tunnel of this ngrok has the port " + port, 502, 103},
	} {
		t.Run(name, func(t *testing.T) {
			status, got := api.open(tt.body)
			if status != tt.status || got.ErrorCode != tt.code || !strings.Contains(got.Details.Err, tt.want) {
				t.Errorf("%d %+v, want %d and %q", status, got, tt.status, tt.want)
			}
			if n := len(c.State().Tunnels); n != 3 {
				t.Errorf("%d tunnels, want 3", n)
			}
			for _, scheme := range []string{"http", "https"} {
				if _, body := get(t, w.visitor(), c.url(scheme)); body != "first" {
					t.Errorf("visitors of %s get %q", c.url(scheme), body)
				}
			}
			if _, body := get(t, w.visitor(), "http://localhost:"+port); body != "first" {
				t.Errorf("visitors of the port get %q", body)
			}
		})
	}
	// What was refused has left nothing behind.
	if status, got := api.open(`{"name":"b","proto":"http","addr":1,"subdomain":"free"}`); status != http.StatusCreated {
		t.Errorf("then: %d %+v", status, got)
	}
}

// A tunnel that another client has taken over is not listed any more; closing it must
// free its name nevertheless.
func TestLostTunnelIsClosedByTheAPI(t *testing.T) {
	conntest.NoLeak(t)
	service := httptest.NewServer(http.NotFoundHandler())
	defer service.Close()
	w := newWorld(t, nil)
	older := w.runClient(identity("user"), httpTunnel("shop", service.Listener.Addr()))
	api := runAgentAPI(t, older)
	w.runClient(identity("user"), httpTunnel("shop", service.Listener.Addr()))
	conntest.Eventually(t, "the older one has lost it", func() bool { return len(older.State().Tunnels) == 0 })

	again := `{"name":"shop","proto":"http","addr":1,"subdomain":"elsewhere"}`
	if status, got := api.open(again); status != 400 || got.ErrorCode != 102 {
		t.Errorf("before it is closed: %d %+v", status, got)
	}
	if status, _ := api.call("DELETE", "/api/tunnels/shop", ""); status != http.StatusNoContent {
		t.Errorf("DELETE: %d", status)
	}
	if status, got := api.open(again); status != http.StatusCreated {
		t.Errorf("after it was closed: %d %+v", status, got)
	}
	if status, _ := api.call("DELETE", "/api/tunnels/nobody", ""); status != http.StatusNotFound {
		t.Errorf("DELETE of nothing: %d", status)
	}
}
