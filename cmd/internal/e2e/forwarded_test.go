package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ngrok/client"
	"ngrok/conn/conntest"
	"ngrok/server"
)

// echoHeads is a service that tells what it was sent, and takes upgrades to "tcp": then it
// sends back what it receives.
func echoHeads(t testing.TB) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "tcp" && r.URL.Path == "/up" {
			nc, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nServer: secret\r\n\r\n")
			io.Copy(nc, rw)
			return
		}
		w.Header().Set("Server", "secret")
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "host=%s for=%v proto=%v fhost=%v forwarded=%v real=%v key=%v body=%d", r.Host, r.Header["X-Forwarded-For"],
			r.Header["X-Forwarded-Proto"], r.Header["X-Forwarded-Host"], r.Header["Forwarded"], r.Header["X-Real-Ip"], r.Header["X-Key"], len(body))
	}))
	t.Cleanup(s.Close)
	return s
}

// tapRecord keeps what a tap is offered.
type tapRecord struct {
	mu                sync.Mutex
	request, response []byte
}

func (r *tapRecord) Open(client.ConnInfo) client.ConnTap { return r }
func (r *tapRecord) Request(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.request = append(r.request, p...)
}
func (r *tapRecord) Response(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.response = append(r.response, p...)
}
func (r *tapRecord) Deliver()          {}
func (r *tapRecord) RequestEnd(error)  {}
func (r *tapRecord) ResponseEnd(error) {}
func (r *tapRecord) Close()            {}

func (r *tapRecord) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.request) + "|" + string(r.response)
}

const spoofed = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n"

func TestForwardedHeaders(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		service := echoHeads(t)
		w := newWorld(t, nil)
		tap := new(tapRecord)
		w.runClient(func(c *client.Config) {
			if edit != nil {
				edit(c)
			}
			c.Tap = tap
		}, httpTunnel("told", service.Listener.Addr()))
		v := dialRaw(t, w.listen.HTTP.Addr())
		for i := range 3 {
			v.send("POST / HTTP/1.1\r\nHost: told.localhost\r\n" + spoofed + "Connection: keep-alive, X-Forwarded-For\r\nContent-Length: 3\r\n\r\nabc")
			_, body := v.answer("POST")
			if want := "host=told.localhost for=[127.0.0.1] proto=[http] fhost=[told.localhost] forwarded=[] real=[] key=[] body=3"; body != want {
				t.Errorf("request %d: service saw %s", i, body)
			}
		}
		conntest.Eventually(t, "the tap has all", func() bool { return strings.Count(tap.String(), "body=3") == 3 })
		if s := tap.String(); strings.Contains(s, "6.6.6.6") || strings.Count(s, "X-Forwarded-For: 127.0.0.1\r\n") != 3 {
			t.Errorf("tap saw %s", s)
		}
	})
}

// TestForwardedHeadersOff keeps every byte as it is.
func TestForwardedHeadersOff(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		got := make(chan string, 1)
		const answer = "HTTP/1.1 200 OK\r\ncontent-LENGTH:   2\r\n\r\nok"
		request := "GET /%41 HTTP/1.1\r\nhOsT:bare.localhost\r\n" + spoofed + "Odd:\tspaces \t\r\n\r\n"
		go func() {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, len(request))
			io.ReadFull(nc, b)
			got <- string(b)
			io.WriteString(nc, answer)
			nc.Close()
		}()
		w := newWorld(t, nil)
		tun := httpTunnel("bare", l.Addr())
		tun.NoForwardedHeaders = true
		w.runClient(edit, tun)
		v := dialRaw(t, w.listen.HTTP.Addr())
		v.send(request)
		b := make([]byte, len(answer))
		if _, err := io.ReadFull(v.r, b); err != nil || string(b) != answer {
			t.Errorf("visitor got %q, %v", b, err)
		}
		if b := <-got; b != request {
			t.Errorf("service got %q", b)
		}
	})
}

func TestForwardedHeadersBehindTrustedProxies(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		service := echoHeads(t)
		w := newWorld(t, trustLoopback)
		w.runClient(edit, httpTunnel("told", service.Listener.Addr()))
		v := dialRaw(t, w.listen.HTTP.Addr())
		// Two visitors on one connection that the proxy pools, then the proxy itself.
		for _, tt := range []struct{ fields, want string }{
			{"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n", "for=[192.0.2.1] proto=[https] fhost=[told.localhost]"},
			{"X-Forwarded-For: 192.0.2.2\r\nX-Forwarded-Host: shop.example\r\n", "for=[192.0.2.2] proto=[http] fhost=[shop.example]"},
			{"", "for=[127.0.0.1] proto=[http] fhost=[told.localhost]"},
		} {
			v.send("GET / HTTP/1.1\r\nHost: told.localhost\r\n" + tt.fields + "\r\n")
			if _, body := v.answer("GET"); !strings.Contains(body, tt.want) {
				t.Errorf("service saw %s, want %s", body, tt.want)
			}
		}
		v = dialRaw(t, w.listen.HTTP.Addr())
		v.send("PROXY TCP4 198.51.100.1 127.0.0.1 5 80\r\nGET / HTTP/1.1\r\nHost: told.localhost\r\n" + spoofed + "\r\n")
		if _, body := v.answer("GET"); !strings.Contains(body, "for=[198.51.100.1] proto=[http] fhost=[told.localhost] forwarded=[] real=[]") {
			t.Errorf("named by PROXY: service saw %s", body)
		}
	})
}

func TestHeaderChanges(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		service := echoHeads(t)
		w := newWorld(t, nil)
		tun := httpTunnel("changed", service.Listener.Addr())
		tun.HostHeader = "rewrite"
		tun.RequestHeaders = client.HeaderChanges{Add: []client.Header{{Name: "X-Key", Value: "k"}}, Remove: []string{"x-key"}}
		tun.ResponseHeaders = client.HeaderChanges{Add: []client.Header{{Name: "X-Frame-Options", Value: "DENY"}}, Remove: []string{"server"}}
		w.runClient(edit, tun)
		v := dialRaw(t, w.listen.HTTP.Addr())
		for _, method := range []string{"GET", "HEAD", "GET"} {
			v.send(method + " / HTTP/1.1\r\nHost: changed.localhost\r\nX-Key: guess\r\n\r\n")
			resp, body := v.answer(method)
			if want := "host=" + service.Listener.Addr().String() + " for=[127.0.0.1] proto=[http] fhost=[changed.localhost] forwarded=[] real=[] key=[k] body=0"; method == "GET" && body != want {
				t.Errorf("service saw %s", body)
			}
			if resp.Header.Get("Server") != "" || resp.Header.Get("X-Frame-Options") != "DENY" {
				t.Errorf("%s: visitor saw %v", method, resp.Header)
			}
		}
	})
}

// TestUpgradeBehindEditedHeads refuses one upgrade and takes the next, on one connection.
func TestUpgradeBehindEditedHeads(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		for _, changed := range []bool{false, true} {
			t.Run(fmt.Sprintf("responses changed %v", changed), func(t *testing.T) {
				conntest.NoLeak(t)
				service := echoHeads(t)
				w := newWorld(t, nil)
				tun := httpTunnel("up", service.Listener.Addr())
				if changed {
					tun.ResponseHeaders.Remove = []string{"Server"}
				}
				w.runClient(edit, tun)
				v := dialRaw(t, w.listen.HTTP.Addr())
				ask := func(path string) {
					v.send("GET " + path + " HTTP/1.1\r\nHost: up.localhost\r\n" + spoofed + "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
				}
				for range 2 {
					ask("/refused")
					if resp, body := v.answer("GET"); resp.StatusCode != 200 || !strings.Contains(body, "for=[127.0.0.1]") {
						t.Fatalf("refused upgrade: %d %s", resp.StatusCode, body)
					}
					v.send("GET / HTTP/1.1\r\nHost: up.localhost\r\n" + spoofed + "\r\n")
					if _, body := v.answer("GET"); !strings.Contains(body, "for=[127.0.0.1]") {
						t.Fatalf("the request behind it: %s", body)
					}
				}
				ask("/up")
				resp, err := http.ReadResponse(v.r, nil)
				if err != nil || resp.StatusCode != 101 || (resp.Header.Get("Server") == "") != changed {
					t.Fatalf("accepted upgrade: %v, %v", resp, err)
				}
				for _, s := range []string{"GET / HTTP/1.1\r\nHost: up.localhost\r\nX-Forwarded-For: 1\r\n\r\n", "l", "s\n", "\x00\xff"} {
					v.send(s)
					b := make([]byte, len(s))
					if _, err := io.ReadFull(v.r, b); err != nil || string(b) != s {
						t.Fatalf("sent %q, got back %q, %v", s, b, err)
					}
				}
			})
		}
	})
}

// TestNginxBehind compares what a real server logs of visitors.
func TestNginxBehind(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	conntest.NoLeak(t)
	dir := t.TempDir()
	web, proxied := conntest.Reserve(t), conntest.Reserve(t)
	config := fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log stderr; worker_processes 1; events {}
http {
  log_format who '$remote_addr "$request" host=$host proto=$http_x_forwarded_proto key=$http_x_key';
  access_log %[1]s/log who;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  set_real_ip_from 127.0.0.1;
  server { listen %[2]s; real_ip_header X-Forwarded-For; location / { return 200 ok; } }
  server { listen %[3]s proxy_protocol; real_ip_header proxy_protocol; location / { return 200 proxied; } }
}`, dir, web, proxied)
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-c", filepath.Join(dir, "conf"), "-p", dir, "-e", "stderr")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() })
	conntest.Eventually(t, "nginx listens", func() bool {
		nc, err := net.Dial("tcp", web)
		if err != nil {
			return false
		}
		nc.Close()
		return true
	})

	w := newWorld(t, func(c *server.Config) { trustLoopback(c) })
	tun := client.Tunnel{Name: "ngx", Subdomain: "ngx", Local: map[string]string{"http": web}, HostHeader: "inner.example",
		RequestHeaders: client.HeaderChanges{Add: []client.Header{{Name: "X-Key", Value: "k"}}}}
	raw := client.Tunnel{Name: "raw", Local: map[string]string{"tcp": proxied}, ProxyProto: 2}
	raw1 := client.Tunnel{Name: "raw1", Local: map[string]string{"tcp": proxied}, ProxyProto: 1}
	c := w.runClient(nil, tun, raw, raw1)
	v := dialRaw(t, w.listen.HTTP.Addr())
	v.send("PROXY TCP4 192.0.2.1 127.0.0.1 5 80\r\nGET /one HTTP/1.1\r\nHost: ngx.localhost\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: x-forwarded-for\r\n\r\n")
	if resp, body := v.answer("GET"); resp.StatusCode != 200 || body != "ok" {
		t.Errorf("%d %q (%s)", resp.StatusCode, body, said.String())
	}
	for _, state := range c.State().Tunnels {
		if state.Protocol != "tcp" {
			continue
		}
		nc := dialTCP(t, state.PublicURL)
		io.WriteString(nc, "PROXY TCP6 2001:db8::1 ::1 5 80\r\nGET /"+state.Name+" HTTP/1.0\r\n\r\n")
		if b, err := io.ReadAll(nc); !strings.HasSuffix(string(b), "proxied") || err != nil {
			t.Errorf("%s: %q, %v", state.Name, b, err)
		}
	}
	log := func() string { b, _ := os.ReadFile(filepath.Join(dir, "log")); return string(b) }
	conntest.Eventually(t, "nginx has logged", func() bool { return strings.Count(log(), "\n") == 3 })
	for _, want := range []string{
		`192.0.2.1 "GET /one HTTP/1.1" host=inner.example proto=http key=k`,
		`2001:db8::1 "GET /raw HTTP/1.0"`,
		`2001:db8::1 "GET /raw1 HTTP/1.0"`,
	} {
		if !strings.Contains(log(), want) {
			t.Errorf("nginx logged\n%swhich lacks %s", log(), want)
		}
	}
}
