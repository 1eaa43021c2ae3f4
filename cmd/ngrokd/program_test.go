//go:build unix

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ngrok/conn/conntest"
	"ngrok/msg"
	"ngrok/server"
	"ngrok/server/auth"
)

// asProgram makes the test's binary be ngrokd.
const asProgram = "NGROKD_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// patience bounds each wait for another process, in generous measure.
const patience = 60 * time.Second

// process is a running ngrokd.
type process struct {
	*exec.Cmd
	dir, addr string        // data directory, tunnel port
	ended     chan struct{} // closed when it has ended and all its output was read

	mu     sync.Mutex
	output strings.Builder
	more   chan struct{} // closed and renewed when there is more output
}

// startProcess starts ngrokd and waits until it says where it listens.
func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	return startProcessAs(t, func(*exec.Cmd) {}, args...)
}

// startProcessAs is startProcess for a command that edit changes.
func startProcessAs(t *testing.T, edit func(*exec.Cmd), args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{dir: filepath.Join(t.TempDir(), "data"), ended: make(chan struct{}), more: make(chan struct{})}
	p.Cmd = exec.Command(exe, append([]string{"-httpAddr=127.0.0.1:0", "-httpsAddr=127.0.0.1:0", "-tunnelAddr=127.0.0.1:0", "-dataDir=" + p.dir}, args...)...)
	p.Env = append(os.Environ(), asProgram+"=1")
	edit(p.Cmd)
	r, w := io.Pipe()
	p.Stdout, p.Stderr = w, w
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	collected := make(chan struct{})
	go func() { p.collect(r); close(collected) }()
	go func() {
		_ = p.Wait()
		w.Close()
		<-collected
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("ngrokd printed:\n%s", p.text())
		}
	})
	const listening = `msg="listening" for=clients addr=`
	p.waitFor(t, listening)
	_, rest, _ := strings.Cut(p.text(), listening)
	p.addr = strings.Fields(rest)[0]
	return p
}

func (p *process) collect(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		p.mu.Lock()
		p.output.WriteString(line)
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// waitFor returns once text was printed.
func (p *process) waitFor(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		p.mu.Lock()
		found, more := strings.Contains(p.output.String(), text), p.more
		p.mu.Unlock()
		if found {
			return
		}
		select {
		case <-more:
		case <-p.ended:
			if strings.Contains(p.text(), text) {
				continue
			}
			t.Fatalf("ngrokd ended before it printed %q", text)
		case <-timeout:
			t.Fatalf("%q was not printed", text)
		}
	}
}

// end returns the exit code once the process has ended.
func (p *process) end(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatal("ngrokd does not end")
	}
	return p.ProcessState.ExitCode()
}

// login opens a control connection and returns it with the answer to Auth.
func (p *process) login(t *testing.T, token string) (net.Conn, *msg.AuthResp) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// The certificate is the business of other tests.
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	c, err := dialer.DialContext(ctx, "tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	if err := msg.Write(c, &msg.Auth{Version: msg.ProtocolVersion, User: token}); err != nil {
		t.Fatal(err)
	}
	m, err := msg.Read(c, msg.MaxAfterAuth)
	if err != nil {
		t.Fatal(err)
	}
	answer, ok := m.(*msg.AuthResp)
	if !ok {
		t.Fatalf("answer to Auth: %T", m)
	}
	return c, answer
}

func TestProgramFromFirstTokenToRevocation(t *testing.T) {
	p := startProcess(t, "-open=false", "-domain=tunnel.example.com")
	p.waitFor(t, "--- end")
	_, rest, _ := strings.Cut(p.text(), "auth_token: ")
	token, _, _ := strings.Cut(rest, "\n")
	_, port, err := net.SplitHostPort(p.addr)
	if err != nil {
		t.Fatal(err)
	}
	if want := "server_addr: tunnel.example.com:" + port + "\n"; !strings.Contains(p.text(), want) {
		t.Errorf("clients are not told where the server listens: %s", want)
	}

	if _, answer := p.login(t, ""); !strings.Contains(answer.Error, "wants a token") {
		t.Errorf("no token: %q", answer.Error)
	}
	if _, answer := p.login(t, "ngt_guess"); !strings.Contains(answer.Error, "does not know the token") {
		t.Errorf("guessed token: %q", answer.Error)
	}
	control, answer := p.login(t, token)
	if answer.Error != "" {
		t.Fatalf("the printed token: %q", answer.Error)
	}

	var stderr strings.Builder
	editor := program{env: os.Getenv, stdout: io.Discard, stderr: &stderr}
	if code := editor.run(t.Context(), []string{"token", "revoke", "first", "-dataDir=" + p.dir}); code != 0 {
		t.Fatalf("revoke: %d %s", code, stderr.String())
	}
	start := time.Now()
	control.SetDeadline(start.Add(patience))
	if _, err := io.Copy(io.Discard, control); err != nil && time.Since(start) >= patience {
		t.Fatalf("the revoked token's session goes on: %v", err)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("the session ended after %v, want a few seconds", d)
	}
	if _, answer := p.login(t, token); answer.Error == "" {
		t.Error("the revoked token is still admitted")
	}
	if strings.Count(p.text(), token) != 1 {
		t.Error("the token was printed more than once")
	}
}

func TestProgramKeepsToTheRightsOfTheFile(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "ngrokd.yml")
	text := "domain: tunnel.example.com\nvhost: tunnel.example.com\nreserved: [www]\ntcp_ports: 20000-20100\ntokens:\n" +
		"  - {name: alice, hash: " + auth.HashToken("a").String() + ", subdomains: [alice], max_tunnels: 2, ports: none}\n" +
		"  - {name: bob, hash: " + auth.HashToken("b").String() + "}\n"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, "-config="+settings)
	alice, _ := p.login(t, "a")
	bob, _ := p.login(t, "b")
	tests := []struct {
		name string
		who  net.Conn
		ask  msg.ReqTunnel
		want string // in the URL or the error
	}{
		{"her name", alice, msg.ReqTunnel{Protocol: "http", Subdomain: "alice"}, "http://alice.tunnel.example.com"},
		{"a free name that is not hers", alice, msg.ReqTunnel{Protocol: "http", Subdomain: "carol"}, "your token does not allow"},
		{"no tcp for her", alice, msg.ReqTunnel{Protocol: "tcp"}, "tcp tunnels are not allowed"},
		{"a random name", alice, msg.ReqTunnel{Protocol: "https"}, "https://"},
		{"one too many", alice, msg.ReqTunnel{Protocol: "http"}, "all of your 2 tunnels are in use"},
		{"her name for another", bob, msg.ReqTunnel{Protocol: "http", Subdomain: "alice"}, "is reserved"},
		{"below her name for another", bob, msg.ReqTunnel{Protocol: "http", Subdomain: "x.alice"}, "is reserved"},
		{"a reserved name", bob, msg.ReqTunnel{Protocol: "http", Subdomain: "www"}, "is reserved"},
		{"any other name", bob, msg.ReqTunnel{Protocol: "http", Subdomain: "carol"}, "http://carol.tunnel.example.com"},
		{"a port outside", bob, msg.ReqTunnel{Protocol: "tcp", RemotePort: 9}, "this server allows 20000-20100"},
		{"a random port", bob, msg.ReqTunnel{Protocol: "tcp"}, "tcp://tunnel.example.com:20"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.ask.ReqId = tt.name
			if err := msg.Write(tt.who, &tt.ask); err != nil {
				t.Fatal(err)
			}
			for {
				m, err := msg.Read(tt.who, msg.MaxAfterAuth)
				if err != nil {
					t.Fatal(err)
				}
				if answer, ok := m.(*msg.NewTunnel); ok {
					if got := answer.Url + answer.Error; !strings.Contains(got, tt.want) {
						t.Errorf("got %q, want %q", got, tt.want)
					}
					return
				}
			}
		})
	}
}

func TestProgramReloadsOnHangup(t *testing.T) {
	p := startProcess(t)
	control, answer := p.login(t, "")
	if answer.Error != "" {
		t.Fatalf("on loopback alone: %q", answer.Error)
	}
	goesOn := func() bool {
		if msg.Write(control, &msg.Ping{}) != nil {
			return false
		}
		for {
			m, err := msg.Read(control, msg.MaxAfterAuth)
			if _, ok := m.(*msg.Pong); ok || err != nil {
				return ok
			}
		}
	}
	reload := func(text, want string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(p.dir, "ngrokd.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		p.waitFor(t, want)
	}
	reload("tokns: []\n", "did you mean tokens?")
	if _, answer := p.login(t, ""); answer.Error != "" {
		t.Errorf("a broken file closed the server: %q", answer.Error)
	}
	reload("limits: {max_tunnels: 7}\n", "settings reloaded")
	if !goesOn() {
		t.Error("a session was dropped though it may go on")
	}
	reload("tokens: []\n", "who is admitted has changed")
	conntest.Eventually(t, "a list of tokens, though empty, closes the server", func() bool {
		_, answer := p.login(t, "")
		return answer.Error != ""
	})
}

func TestProgramEndsOnSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			p := startProcess(t)
			p.login(t, "")
			if err := p.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if code := p.end(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if !strings.Contains(p.text(), "a second signal ends it now") {
				t.Error("it did not say what a second signal does")
			}
		})
	}
}

func TestProgramExplainsAPortInUse(t *testing.T) {
	first := startProcess(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	second := exec.Command(exe, "-httpAddr=", "-httpsAddr=", "-tunnelAddr="+first.addr, "-dataDir="+t.TempDir(), "-log=none")
	second.Env = append(os.Environ(), asProgram+"=1")
	out, err := second.CombinedOutput()
	if second.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "choose -tunnelAddr=") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestSecondSignalCutsWhatFlows(t *testing.T) {
	s := newScript(t)
	interrupt := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
	s.listen = func(server.Config) (serveFunc, error) {
		return func(ctx, hurry context.Context) error {
			interrupt()
			<-ctx.Done()
			if hurry.Err() != nil {
				t.Error("the first signal cut what flows")
			}
			interrupt()
			<-hurry.Done()
			return nil
		}, nil
	}
	code, _, stderr := s.do(t, "-open", "-log=none", "-dataDir="+t.TempDir())
	if code != 128+int(syscall.SIGTERM) || strings.Contains(stderr, "second signal") {
		t.Errorf("%d %q", code, stderr)
	}
}
