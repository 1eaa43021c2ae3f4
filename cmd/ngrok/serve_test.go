package main

import (
	"context"
	"errors"
	"net"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/cmd/internal/logging"
)

func TestTunnelOfTheCommandLine(t *testing.T) {
	both := map[string]string{"http": "127.0.0.1:8080", "https": "127.0.0.1:8080"}
	tests := map[string]client.Tunnel{
		"8080":                              {Local: both},
		"-subdomain example 8080":           {Local: both, Subdomain: "example"},
		"8080 --subdomain=example":          {Local: both, Subdomain: "example"},
		"-hostname=a.b -- 8080":             {Local: both, Hostname: "a.b"},
		"-httpauth=user:pass:word :8080":    {Local: both, HTTPAuth: "user:pass:word"},
		"-proto=http box:80":                {Local: map[string]string{"http": "box:80"}},
		"-proto=tcp 22":                     {Local: map[string]string{"tcp": "127.0.0.1:22"}},
		"http 8080 -region=eu":              {Local: map[string]string{"http": "127.0.0.1:8080"}},
		"https -subdomain=x 8080":           {Local: map[string]string{"https": "127.0.0.1:8080"}, Subdomain: "x"},
		"tcp --remote-port 2222 [::1]:22":   {Local: map[string]string{"tcp": "[::1]:22"}, RemotePort: 2222},
		"--region=us tcp 22 -remote-port=1": {Local: map[string]string{"tcp": "127.0.0.1:22"}, RemotePort: 1},
	}
	for args, want := range tests {
		s := newSetup(t, nil, ends)
		if code := s.run(strings.Fields(args)); code != 0 {
			t.Errorf("%s: exit code %d, %s", args, code, s.err.String())
			continue
		}
		want.Name = "command_line"
		if got := s.client.cfg.Tunnels; len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%s: %+v, want %+v", args, got, want)
		}
	}
}

func TestTunnelsOfTheFile(t *testing.T) {
	for args, want := range map[string]string{
		"start ssh":         "ssh",
		"start ssh www ssh": "ssh www",
		"start-all":         "www ssh",
		"start --all":       "www ssh",
		"start --none":      "",
		"start --none --log=stdout --config=$D/.ngrok --region=us": "",
	} {
		s := newSetup(t, map[string]string{".ngrok": twoTunnels}, ends)
		if code := s.run(strings.Fields(strings.ReplaceAll(args, "$D", s.dir))); code != 0 {
			t.Errorf("%s: exit code %d, %s", args, code, s.err.String())
			continue
		}
		var names []string
		for _, tun := range s.client.cfg.Tunnels {
			names = append(names, tun.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s starts %q, want %q", args, got, want)
		}
	}
}

func TestPriorities(t *testing.T) {
	file := map[string]string{".ngrok": "server_addr: file:1\nauth_token: filetoken\n"}
	tests := []struct {
		name, args  string
		files       map[string]string
		env         string
		addr, token string
	}{
		{"default", "80", nil, "", "127.0.0.1:4443", ""},
		{"file", "80", file, "", "file:1", "filetoken"},
		{"environment", "80", file, "env:2", "env:2", "filetoken"},
		{"flag", "80 -server-addr=flag -authtoken=flagtoken", file, "env:2", "flag:4443", "flagtoken"},
	}
	for _, tt := range tests {
		s := newSetup(t, tt.files, ends)
		s.env["NGROK_SERVER_ADDR"] = tt.env
		if code := s.run(strings.Fields(tt.args)); code != 0 {
			t.Errorf("%s: exit code %d, %s", tt.name, code, s.err.String())
		} else if cfg := s.client.cfg; cfg.ServerAddr != tt.addr || cfg.AuthToken != tt.token || (cfg.Identity == "") != (tt.token != "") {
			t.Errorf("%s: server %q, token %q, identity %q", tt.name, cfg.ServerAddr, cfg.AuthToken, cfg.Identity)
		}
	}
	s := newSetup(t, nil, ends)
	s.env["NGROK_SERVER_ADDR"] = "h:x"
	if code := s.run([]string{"80"}); code != 1 || !strings.Contains(s.err.String(), "NGROK_SERVER_ADDR: ") {
		t.Errorf("a bad address in the environment: exit code %d, %s", code, s.err.String())
	}
}

func TestProxy(t *testing.T) {
	tests := []struct {
		name, file string
		env        map[string]string
		want       string // as a URL
	}{
		{"none", "", nil, ""},
		{"http_proxy", "", map[string]string{"http_proxy": "http://me:pw@p:3128"}, "http://me:pw@p:3128"},
		{"bare", "", map[string]string{"HTTPS_PROXY": "p:3128"}, "http://p:3128"},
		{"socks", "", map[string]string{"all_proxy": "socks5://p:1080"}, "socks5://p:1080"},
		{"no_proxy", "", map[string]string{"http_proxy": "http://p:3128", "no_proxy": "other, .example.com"}, ""},
		{"file wins", "http_proxy: http://f:1\n", map[string]string{"http_proxy": "http://p:3128", "no_proxy": "*"}, "http://f:1"},
	}
	for _, tt := range tests {
		s := newSetup(t, map[string]string{".ngrok": "server_addr: tunnel.example.com:4443\n" + tt.file}, ends)
		for k, v := range tt.env {
			s.env[k] = v
		}
		if code := s.run([]string{"80"}); code != 0 {
			t.Errorf("%s: %s", tt.name, s.err.String())
			continue
		}
		got := ""
		if s.client.cfg.Proxy != nil {
			got = s.client.cfg.Proxy.String()
		}
		if got != tt.want {
			t.Errorf("%s: proxy %q, want %q", tt.name, got, tt.want)
		}
	}
	s := newSetup(t, nil, ends) // a server on this machine is reached directly
	s.env["http_proxy"] = "http://p:3128"
	if code := s.run([]string{"80"}); code != 0 || s.client.cfg.Proxy != nil {
		t.Errorf("loopback: exit code %d, %v", code, s.client.cfg.Proxy)
	}
	s = newSetup(t, nil, ends)
	s.env["http_proxy"] = "ftp://me:secret@p"
	if code := s.run([]string{"80"}); code != 1 || !strings.Contains(s.err.String(), "http_proxy: ") || strings.Contains(s.err.String(), "secret") {
		t.Errorf("bad proxy: exit code %d, %s", code, s.err.String())
	}
}

// Where the log goes to standard output, it is all that stands there.
func TestLogOnStdout(t *testing.T) {
	for format, start := range map[string]string{"logfmt": "t=", "json": `{"t":"`} {
		s := newSetup(t, nil, func(_ context.Context, f *fakeClient) error {
			f.online(1)
			f.cfg.Logger.Info("client session established", "obj", "tunnels.session")
			return nil
		})
		if code := s.run([]string{"start", "--none", "--log=stdout", "--log-format=" + format}); code != 0 || s.err.String() != "" {
			t.Errorf("exit code %d, %s", code, s.err.String())
		}
		for line := range strings.Lines(s.out.String()) {
			if !strings.HasPrefix(line, start) || !strings.Contains(line, "client session established") {
				t.Errorf("%s: line %q", format, line)
			}
		}
	}
}

func TestPlainLines(t *testing.T) {
	step := make(chan client.State)
	s := newSetup(t, nil, func(ctx context.Context, f *fakeClient) error {
		f.set(client.State{Status: client.Connecting})
		for {
			select {
			case st := <-step:
				f.set(st)
			case <-ctx.Done():
				return nil
			}
		}
	})
	wait := s.start("8080")
	s.out.waitFor(t, "Connecting to 127.0.0.1:4443\n")
	step <- client.State{Status: client.Connecting, LastError: "no\x1b[0m route\nat all"}
	s.out.waitFor(t, "  no\\x1b[0m route; at all\n")
	granted := []client.TunnelState{{Name: "command_line", Protocol: "http", PublicURL: "http://a.localhost:8080", LocalAddr: "127.0.0.1:8080"}}
	step <- client.State{Status: client.Online, Since: time.Unix(1, 0), ServerVersion: "1.7", Tunnels: granted}
	s.out.waitFor(t, "Forwarding http://a.localhost:8080 -> 127.0.0.1:8080\n")
	step <- client.State{Status: client.Reconnecting, Since: time.Unix(2, 0), LastError: "reset"}
	s.out.waitFor(t, "  reset\n")
	step <- client.State{Status: client.Reconnecting, Since: time.Unix(2, 0)} // the next attempt
	step <- client.State{Status: client.Reconnecting, Since: time.Unix(2, 0), LastError: "reset"}
	step <- client.State{Status: client.Online, Since: time.Unix(3, 0), ServerVersion: "1.7"}
	s.out.waitFor(t, "Closed http://a.localhost:8080\n")
	s.stop()
	if code := wait(); code != 0 {
		t.Fatalf("exit code %d, %s", code, s.err.String())
	}
	want := "Connecting to 127.0.0.1:4443\n  no\\x1b[0m route; at all\nOnline, server 1.7\nForwarding http://a.localhost:8080 -> 127.0.0.1:8080\n" +
		"Connection lost, reconnecting to 127.0.0.1:4443\n  reset\nOnline, server 1.7\nClosed http://a.localhost:8080\n"
	if got := s.out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestClientFails(t *testing.T) {
	s := newSetup(t, nil, func(context.Context, *fakeClient) error { return errors.New("the token is unknown:\nget \x1b[31mone") })
	if code := s.run([]string{"8080", "--log=stdout"}); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if got := s.err.String(); got != "ngrok: the token is unknown:\nget \\x1b[31mone\n" {
		t.Errorf("stderr %q", got)
	}
	if got := s.out.String(); !strings.Contains(got, `lvl=crit msg="the client ends" err="the token is unknown:\nget \x1b[31mone"`) {
		t.Errorf("log %q", got)
	}
}

// An error that is no more than the wish to end is none.
func TestClientStopped(t *testing.T) {
	s := newSetup(t, nil, func(ctx context.Context, _ *fakeClient) error {
		<-ctx.Done()
		return ctx.Err()
	})
	s.stop()
	if code := s.run([]string{"8080"}); code != 0 || s.err.String() != "" {
		t.Errorf("exit code %d, %s", code, s.err.String())
	}
}

func TestTokenSavedOnceAccepted(t *testing.T) {
	const before = "# mine\nauth_token: old\n"
	s := newSetup(t, map[string]string{".ngrok": before}, func(ctx context.Context, f *fakeClient) error {
		f.set(client.State{Status: client.Connecting})
		return errors.New("refused")
	})
	if code := s.run([]string{"-authtoken", "new", "8080"}); code != 1 || s.file(t, ".ngrok") != before {
		t.Errorf("a refused token: exit code %d, file %q", code, s.file(t, ".ngrok"))
	}

	s = newSetup(t, map[string]string{".ngrok": before}, func(ctx context.Context, f *fakeClient) error {
		f.set(client.State{Status: client.Closed, ServerVersion: "1.7"}) // accepted, then no tunnel was granted
		return errors.New("the name is taken")
	})
	if code := s.run([]string{"-authtoken", "new", "8080"}); code != 1 || s.file(t, ".ngrok") != "# mine\nauth_token: new\n" {
		t.Errorf("an accepted token: exit code %d, file %q", code, s.file(t, ".ngrok"))
	}
	if strings.Contains(s.out.String()+s.err.String(), "new") {
		t.Errorf("the token is shown: %q %q", s.out.String(), s.err.String())
	}
}

func TestTokenNotSaved(t *testing.T) {
	var s *setup
	s = newSetup(t, nil, func(_ context.Context, f *fakeClient) error {
		if err := os.Mkdir(s.path(".ngrok"), 0o700); err != nil {
			return err
		}
		f.online(1)
		return nil
	})
	if code := s.run([]string{"8080", "-authtoken=new"}); code != 0 || !strings.Contains(s.err.String(), "warning: the token could not be saved: ") {
		t.Errorf("exit code %d, %s", code, s.err.String())
	}
}

// A first attempt that fails lost no connection.
func TestPlainNeverOnline(t *testing.T) {
	s := newSetup(t, nil, func(ctx context.Context, f *fakeClient) error {
		f.set(client.State{Status: client.Reconnecting, LastError: "refused"})
		<-ctx.Done()
		return nil
	})
	wait := s.start("8080")
	s.out.waitFor(t, "No connection yet, trying again to reach 127.0.0.1:4443\n  refused\n")
	s.stop()
	wait()
}

// A second signal cuts what the first one waits for.
func TestSecondSignal(t *testing.T) {
	s := newSetup(t, nil, func(ctx context.Context, f *fakeClient) error {
		f.set(client.State{Status: client.Online, Metrics: client.Metrics{OpenConns: 2}})
		<-ctx.Done()
		<-f.cfg.Hurry.Done()
		return nil
	})
	wait := s.start("8080", "-grace=1h")
	s.out.waitFor(t, "Online")
	s.sig.Stopping(os.Interrupt)
	s.stop()
	s.err.waitFor(t, "Waiting for 2 open connections, for up to 1h0m0s. Press Ctrl+C again to end now.\n")
	s.sig.Abort(130)
	if code := wait(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if s.client.cfg.Grace != time.Hour {
		t.Errorf("grace %v", s.client.cfg.Grace)
	}
}

func TestWarningsOfTheFile(t *testing.T) {
	s := newSetup(t, map[string]string{".ngrok": "console_ui: false\n"}, ends)
	if code := s.run([]string{"8080"}); code != 0 || !strings.Contains(s.err.String(), "warning: "+s.path(".ngrok")+":1: console_ui has no effect") {
		t.Errorf("exit code %d, %s", code, s.err.String())
	}
	// Programs that read the log take a word on standard error for a failure.
	s = newSetup(t, map[string]string{".ngrok": "console_ui: false\n"}, ends)
	if code := s.run([]string{"8080", "-log=stdout"}); code != 0 || s.err.String() != "" || !strings.Contains(s.out.String(), `lvl=warn msg="warning" err=`) {
		t.Errorf("exit code %d, %s, log %s", code, s.err.String(), s.out.String())
	}
}

func TestHangupReopensLog(t *testing.T) {
	s := newSetup(t, nil, nil)
	wait := s.start("8080", "-log", s.path("n.log"))
	waitUntil(t, s.started.Load, "the client")
	if err := os.Rename(s.path("n.log"), s.path("old.log")); err != nil {
		t.Skip("an open file can't be moved here:", err)
	}
	s.sig.Hangup()
	s.client.cfg.Logger.Info("a line")
	waitUntil(t, func() bool {
		b, _ := os.ReadFile(s.path("n.log"))
		return strings.Contains(string(b), "a line")
	}, "lines in the new log")
	s.stop()
	if code := wait(); code != 0 {
		t.Errorf("exit code %d, %s", code, s.err.String())
	}
}

// fakePage is an inspector's page.
type fakePage struct {
	listenErr, serveErr error
	closed              atomic.Bool
}

func (p *fakePage) Listen() error  { return p.listenErr }
func (p *fakePage) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4041} }
func (p *fakePage) Close() error   { p.closed.Store(true); return nil }
func (p *fakePage) Serve(ctx context.Context) error {
	if p.serveErr == nil {
		<-ctx.Done()
	}
	return p.serveErr
}

// fakeScreen is a terminal screen; a value on quit is Ctrl+C.
type fakeScreen struct {
	webURL string
	err    error
	quit   chan bool
}

func (f *fakeScreen) Restore() {}
func (f *fakeScreen) Run(ctx context.Context) error {
	if f.err != nil {
		return f.err
	}
	select {
	case <-f.quit:
	case <-ctx.Done():
	}
	return nil
}

// withViews gives s a page and a screen.
func (s *setup) withViews(p *fakePage, f *fakeScreen) {
	s.terminal = true
	s.newViews = func(*settings, *logging.Log) (*views, error) {
		return &views{
			page:   func(tunnelClient) (page, error) { return p, nil },
			screen: func(_ source, webURL string) (screen, error) { f.webURL = webURL; return f, nil },
		}, nil
	}
}

func TestScreenQuits(t *testing.T) {
	s := newSetup(t, nil, nil)
	f := &fakeScreen{quit: make(chan bool, 1)}
	s.withViews(&fakePage{}, f)
	f.quit <- true
	if code := s.run([]string{"8080"}); code != 0 || s.out.String() != "" || s.err.String() != "" {
		t.Errorf("exit code %d, %q, %q", code, s.out.String(), s.err.String())
	}
	if f.webURL != "http://127.0.0.1:4041" {
		t.Errorf("the screen shows the page at %q", f.webURL)
	}
}

// A screen that can't be drawn is replaced by lines.
func TestScreenFails(t *testing.T) {
	s := newSetup(t, nil, nil)
	s.withViews(&fakePage{}, &fakeScreen{err: errors.New("terminal unknown")})
	wait := s.start("8080")
	s.out.waitFor(t, "Forwarding http://x.example -> 127.0.0.1:8080\n")
	s.out.waitFor(t, "Web Interface http://127.0.0.1:4041\n")
	s.stop()
	if code := wait(); code != 0 {
		t.Errorf("exit code %d, %s", code, s.err.String())
	}
}

// Where the log is on the terminal, no screen covers it.
func TestNoScreenOverLog(t *testing.T) {
	for _, to := range []string{"stdout", "stderr"} {
		s := newSetup(t, nil, nil)
		f := &fakeScreen{quit: make(chan bool)}
		s.withViews(&fakePage{}, f)
		wait := s.start("8080", "-log="+to)
		out := map[string]*buffer{"stdout": &s.out, "stderr": &s.err}[to]
		waitUntil(t, s.started.Load, "the client")
		s.client.cfg.Logger.Info("a line")
		out.waitFor(t, "a line")
		s.stop()
		if code := wait(); code != 0 || f.webURL != "" {
			t.Errorf("%s: exit code %d, screen %q", to, code, f.webURL)
		}
	}
}

func TestPageFails(t *testing.T) {
	s := newSetup(t, nil, ends)
	s.withViews(&fakePage{listenErr: errors.New("in use")}, nil)
	if code := s.run([]string{"8080"}); code != 1 || s.err.String() != "ngrok: in use\n" {
		t.Errorf("exit code %d, %q", code, s.err.String())
	}
	// One that ends later takes no tunnel with it.
	s = newSetup(t, nil, nil)
	s.withViews(&fakePage{serveErr: errors.New("broken")}, nil)
	wait := s.start("8080", "-log=stdout")
	s.out.waitFor(t, "the tunnels go on")
	s.stop()
	if code := wait(); code != 0 {
		t.Errorf("exit code %d, %s", code, s.err.String())
	}
}

// Output that nobody reads keeps nothing waiting for long.
func TestStuckStdout(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, arg := range []string{"-log=stdout", "-log=none"} {
		s := newSetup(t, nil, func(ctx context.Context, f *fakeClient) error {
			for i := range int64(20_000) {
				f.online(i)
				f.cfg.Logger.Info("a line of some length that fills the pipe quickly enough for this test")
			}
			return nil
		})
		s.stdout = w
		start := time.Now()
		if code := s.run([]string{"8080", arg}); code != 0 {
			t.Errorf("exit code %d, %s", code, s.err.String())
		}
		if d := time.Since(start); d > 40*time.Second {
			t.Errorf("%s: the end took %v", arg, d)
		}
	}
}

func TestPageURL(t *testing.T) {
	for want, ip := range map[string]net.IP{"http://localhost:4040": net.IPv6unspecified, "http://127.0.0.1:4040": net.IPv4(127, 0, 0, 1), "http://[::1]:4040": net.IPv6loopback} {
		if got := pageURL(&net.TCPAddr{IP: ip, Port: 4040}); got != want {
			t.Errorf("%v: %s, want %s", ip, got, want)
		}
	}
}
