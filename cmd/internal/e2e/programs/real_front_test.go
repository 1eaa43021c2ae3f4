//go:build linux

package programs

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ngrok/conn/conntest"
)

// A reverse proxy that pools its connections sends requests for different tunnels down
// the same one. None may reach another tenant or pass a password, and no tenant may
// answer for another, whatever it sends.
func TestRealFront(t *testing.T) {
	for _, front := range []struct {
		name  string
		start func(t testing.TB, port, backend string) *process
	}{
		{"nginx", nginxInFront},
		{"haproxy", haproxyInFront},
	} {
		t.Run(front.name, func(t *testing.T) {
			// Visitors of all come from one address here.
			s := newSite(t)
			port := conntest.ReservePort(t)
			front.start(t, port, s.httpAddr)
			tenants := newTenants(t, s, "http://%s.localhost:"+port)
			t.Run("honest", func(t *testing.T) { tenants.visit(t, sized(2000, 20000), "open", "locked") })
			t.Run("hostile", func(t *testing.T) { tenants.visit(t, sized(2000, 20000), "open", "locked", "hostile") })
		})
	}
}

func nginxInFront(t testing.TB, port, backend string) *process {
	return startNginx(t, port, fmt.Sprintf(`
	upstream ngrokd { server %s; keepalive 8; }
	server {
		listen 127.0.0.1:%s;
		client_max_body_size 0;
		location / {
			proxy_pass http://ngrokd;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $http_host;
			proxy_request_buffering off;
			proxy_buffering off;
		}
	}`, backend, port))
}

func haproxyInFront(t testing.TB, port, backend string) *process {
	haproxy := need(t, "haproxy", "haproxy")[0]
	config := write(t, t.TempDir(), "haproxy.cfg", fmt.Sprintf(`
global
	maxconn 1000
defaults
	mode http
	timeout connect 10s
	timeout client 60s
	timeout server 60s
	http-reuse always
frontend visitors
	bind 127.0.0.1:%s
	default_backend ngrokd
backend ngrokd
	server ngrokd %s
`, port, backend))
	p := run(t, nil, haproxy, "-db", "-f", config)
	p.await(t, port)
	return p
}

// tenants are three services behind tunnels of their own.
type tenants struct {
	urls     string // with a verb for the name
	breaches atomic.Int64
}

const password = "visitor:secret"

func newTenants(t testing.TB, s *site, urls string) *tenants {
	ts := &tenants{urls: urls}
	for _, name := range []string{"open", "locked"} {
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { ts.serve(w, r, name) }))
		t.Cleanup(service.Close)
		args := []string{"-subdomain=" + name, service.Listener.Addr().String()}
		if name == "locked" {
			args = append([]string{"-httpauth=" + password}, args...)
		}
		s.client(args...)
	}
	s.client("-subdomain=hostile", hostileService(t))
	return ts
}

// serve answers with who was asked and what.
func (ts *tenants) serve(w http.ResponseWriter, r *http.Request, name string) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return
	}
	user, pass, _ := r.BasicAuth()
	if !strings.HasPrefix(r.Host, name+".") || name == "locked" && user+":"+pass != password {
		ts.breaches.Add(1)
	}
	w.Header().Set("Tenant", name)
	w.Header().Set("Id", r.Header.Get("Id"))
	fmt.Fprintf(w, "%s %s %s %d", name, r.Header.Get("Id"), r.Method, n)
}

// visit sends n mixed requests to the tenants and checks every answer.
func (ts *tenants) visit(t *testing.T, n int, names ...string) {
	visitor := local(t)
	// The front may hang up after an early 401, and then a POST that reuses the
	// connection fails; what is of interest is the pool behind the front.
	visitor.Transport.(*http.Transport).DisableKeepAlives = true
	var next, refused, answered, failed, fromHostile atomic.Int64
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for {
				id := next.Add(1)
				if id > int64(n) || t.Failed() {
					return
				}
				name := names[rand.IntN(len(names))]
				req, want := ts.request(name, id)
				resp, err := visitor.Do(req)
				if err != nil && name == "hostile" {
					continue
				}
				if err != nil { // the front's 502 came before the request was sent
					failed.Add(1)
					continue
				}
				b, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				got, locked := string(b), name == "locked" && req.Header.Get("Authorization") == ""
				switch {
				case name == "hostile":
					fromHostile.Add(1)
				case strings.Contains(got, "evil") || resp.Header.Get("Evil") != "":
					t.Errorf("%s %s for %s: the hostile tenant answered: %s %q", req.Method, req.URL.Path, name, resp.Status, got)
				case resp.StatusCode >= 500 && resp.Header.Get("Tenant") == "":
					failed.Add(1) // honest, though no success: reported below
				case locked && resp.StatusCode == 401 && resp.Header.Get("Tenant") == "":
					refused.Add(1)
				case locked:
					t.Errorf("%s %s without the password: %s %q", req.Method, req.URL, resp.Status, got)
				case err != nil || resp.StatusCode != 200 || got != want || resp.Header.Get("Tenant") != name || resp.Header.Get("Id") != fmt.Sprint(id):
					t.Errorf("%s %s for %s: %s %q of %s, %v; want %q", req.Method, req.URL, name, resp.Status, got, resp.Header.Get("Tenant"), err, want)
				default:
					answered.Add(1)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d requests: %d answered by whom they were for, %d refused without the password, %d failed; the hostile one answered %d",
		n, answered.Load(), refused.Load(), failed.Load(), fromHostile.Load())
	if b := ts.breaches.Load(); b > 0 {
		t.Errorf("%d requests reached another tenant, or passed without the password", b)
	}
	// Beside a hostile tenant, the front may send down a connection that is just ended
	// for what it has answered; without one nothing may fail.
	most := 0
	if len(names) == 3 {
		most = n / 20
	}
	if f := int(failed.Load()); f > most {
		t.Errorf("%d requests failed, more than %d", f, most)
	}
}

// request returns one of the mix, and what its body in the answer should be.
func (ts *tenants) request(name string, id int64) (req *http.Request, want string) {
	n := rand.IntN(100)
	if rand.IntN(4) == 0 {
		n = rand.IntN(200_000)
	}
	body := bytes.Repeat([]byte("b"), n)
	url := fmt.Sprintf(ts.urls, name) + hostileWays[rand.IntN(len(hostileWays))]
	switch rand.IntN(4) {
	case 0:
		req, _ = http.NewRequest("GET", url, nil)
		n = 0
	case 1:
		req, _ = http.NewRequest("HEAD", url, nil)
	case 2:
		req, _ = http.NewRequest("POST", url, bytes.NewReader(body))
	case 3:
		req, _ = http.NewRequest("POST", url, io.NopCloser(bytes.NewReader(body))) // chunked
	}
	req.Header.Set("Id", fmt.Sprint(id))
	if name == "locked" && rand.IntN(2) == 0 {
		user, pass, _ := strings.Cut(password, ":")
		req.SetBasicAuth(user, pass)
	}
	if req.Method != "HEAD" {
		want = fmt.Sprintf("%s %d %s %d", name, id, req.Method, n)
	}
	return req, want
}
