//go:build linux

package programs

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ngrok/conn/conntest"
	"ngrok/msg"
)

// A log that can't be written costs lines, never traffic.
func TestProgramsLogStuck(t *testing.T) {
	for _, c := range []struct {
		name string
		log  string
		edit func(t testing.TB) func(*exec.Cmd)
	}{
		{"full disk", "/dev/full", func(testing.TB) func(*exec.Cmd) { return nil }},
		{"full disk as standard output", "stdout", func(t testing.TB) func(*exec.Cmd) {
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { full.Close() })
			return func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = full, full }
		}},
		{"pipe that nobody reads", "stdout", func(t testing.TB) func(*exec.Cmd) {
			pipe := fullPipe(t)
			return func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = pipe, pipe }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := named(t, "goes on")
			s := &site{t: t, tunnelAddr: conntest.Reserve(t), httpAddr: conntest.Reserve(t)}
			server := s.programIn(t.TempDir(), c.edit(t), "ngrokd", "-domain=localhost", "-dataDir="+t.TempDir(), "-httpsAddr=",
				"-tunnelAddr="+s.tunnelAddr, "-httpAddr="+s.httpAddr, "-log="+c.log, "-log-level=DEBUG", "-grace=1h")
			client := s.programIn(t.TempDir(), c.edit(t), "ngrok", "-server-addr="+s.tunnelAddr, "-inspect-addr=disabled",
				"-subdomain=stuck", "-proto=http", "-grace=1h", "-log="+c.log, "-log-level=DEBUG", addr)
			visitor := local(t)
			visitor.Transport.(*http.Transport).DisableKeepAlives = true
			url := "http://stuck.localhost:" + s.httpAddr[len("127.0.0.1:"):]
			eventually(t, "the tunnel is open", func() bool { return answers(visitor, url, "goes on") })
			for i := range sized(500, 20000) {
				if !answers(visitor, url, "goes on") {
					t.Fatalf("request %d has no answer", i)
				}
			}
			for _, p := range []*process{client, server} {
				p.signal(t, syscall.SIGTERM)
				if code := p.end(t); code != 0 {
					t.Errorf("%s: exit code %d\n%s", p.name, code, p.text())
				}
			}
		})
	}
}

// No credential is in any log, however much is logged and whatever goes wrong.
func TestProgramsKeepSecrets(t *testing.T) {
	const canary = "kanarienvogel"
	secret := func(what string) string { return what + "-" + canary }

	s := newSite(t, "-open", "-log-level=DEBUG")
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: secret("set")})
		w.Header().Set("Authorization", secret("returned"))
		if r.URL.Path == "/garbage" {
			conn, _, _ := w.(http.Hijacker).Hijack()
			io.WriteString(conn, secret("no http")+"\r\n\r\n")
			conn.Close()
			return
		}
		io.WriteString(w, secret("body"))
	}))
	defer service.Close()

	// The way out is a proxy that wants a password.
	proxy := httptest.NewServer(connectProxy(t))
	defer proxy.Close()
	dir := t.TempDir()
	logFile := filepath.Join(dir, "ngrok.log")
	config := write(t, dir, "ngrok.yml", fmt.Sprintf("server_addr: %s\nhttp_proxy: %s\ninspect_addr: disabled\nauth_token: %s\ntunnels:\n  web:\n    auth: \"%s:%s\"\n    proto: {http: \"%s\"}\n",
		s.tunnelAddr, strings.Replace(proxy.URL, "://", "://user:"+secret("proxy")+"@", 1), secret("token"), secret("name"), secret("pass"), service.Listener.Addr()))
	c := &tunnel{s.program("ngrok", "-config="+config, "-log="+logFile, "-log-level=DEBUG", "start", "web"), t}
	visitor := local(t)
	for _, path := range []string{"/", "/?token=" + canary, "/garbage"} {
		for _, auth := range []string{"", "Basic " + base64.StdEncoding.EncodeToString([]byte(secret("name")+":"+secret("pass"))), "Basic " + secret("wrong"), "Bearer " + secret("bearer")} {
			req, _ := http.NewRequest("POST", c.url("http")+path, strings.NewReader(secret("sent")))
			if auth != "" {
				req.Header.Set("Authorization", auth)
			}
			req.Header.Set("Cookie", "a="+canary)
			if resp, err := visitor.Do(req); err == nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		}
	}
	// Requests that are refused before any tunnel sees them.
	for _, raw := range []string{
		"GET / HTTP/1.1\r\nHost: " + canary + "\r\nAuthorization: " + canary + "\r\n\r\n",
		"GET / HTTP/1.1\r\nAuthorization : " + canary + "\r\n\r\n",
		canary + "\r\n\r\n",
	} {
		exchange(t, s.httpAddr, raw)
	}
	// A session of our own, whose id we know.
	id := sessionID(t, s.tunnelAddr, secret("other token"))
	s.server.find(t, "client offline")

	home := t.TempDir()
	anonymous := &tunnel{s.programIn(home, nil, "ngrok", "-server-addr="+s.tunnelAddr, "-inspect-addr=disabled", "-log=stdout", "-log-level=DEBUG", service.Listener.Addr().String()), t}
	anonymous.find(t, "started tunnel")
	identity, err := os.ReadFile(filepath.Join(home, "state", "ngrok", "identity"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*process{c.process, anonymous.process, s.server} {
		p.signal(t, syscall.SIGTERM)
		p.end(t)
	}
	logged, err := os.ReadFile(logFile)
	if err != nil || len(logged) == 0 {
		t.Fatalf("no log: %v", err)
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(secret("name") + ":" + secret("pass")))
	for where, text := range map[string]string{"ngrokd": s.server.text(), "ngrok's file": string(logged), "ngrok": c.text(), "ngrok without a token": anonymous.text()} {
		for _, bad := range []string{canary, encoded, id, strings.TrimSpace(string(identity))} {
			for line := range strings.Lines(text) {
				if strings.Contains(line, bad) {
					t.Errorf("%s tells %q: %s", where, bad, line)
				}
			}
		}
	}
	// What is there to be hidden was logged about.
	connected := `lvl=dbug msg="visitor connected"`
	if public, _, _ := strings.Cut(id, "."); !strings.Contains(s.server.text(), "session="+public+" ") || !strings.Contains(s.server.text(), connected) || !strings.Contains(string(logged), connected) {
		t.Errorf("ngrokd has not logged the session %s, or one of both no visitors", public)
	}
}

// exchange sends raw bytes and reads until the end.
func exchange(t testing.TB, addr, raw string) string {
	t.Helper()
	nc := dial(t, addr)
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	io.WriteString(nc, raw)
	nc.CloseWrite()
	b, _ := io.ReadAll(nc)
	return string(b)
}

// sessionID logs in and returns the credential that the server gave.
func sessionID(t testing.TB, addr, token string) string {
	t.Helper()
	nc := tls.Client(dial(t, addr), &tls.Config{InsecureSkipVerify: true})
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	if err := msg.Write(nc, &msg.Auth{Version: msg.ProtocolVersion, User: token}); err != nil {
		t.Fatal(err)
	}
	m, err := msg.Read(nc, msg.MaxAfterAuth)
	if err != nil {
		t.Fatal(err)
	}
	return m.(*msg.AuthResp).ClientId
}

// connectProxy is a proxy that wants credentials.
func connectProxy(t testing.TB) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") == "" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		there := dial(t, r.Host)
		defer there.Close()
		here, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer here.Close()
		io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			io.Copy(there, here)
			there.CloseWrite()
		}()
		io.Copy(here, there)
	})
}

func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return nc.(*net.TCPConn)
}
