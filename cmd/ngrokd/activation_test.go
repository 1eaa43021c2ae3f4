//go:build unix

package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
)

// sockets are listeners as systemd would open and keep them, in the order in which they
// are passed.
type sockets struct {
	files []*os.File
	addrs []string
	names string // FileDescriptorNames; empty if there are none
}

func newSockets(t *testing.T, names string, addrs ...string) *sockets {
	t.Helper()
	s := &sockets{names: names}
	for _, addr := range addrs {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		s.addrs = append(s.addrs, l.Addr().String())
		l.Close()
		t.Cleanup(func() { f.Close() })
		s.files = append(s.files, f)
	}
	return s
}

// under makes the program be started with the sockets. Its own number is known to the
// shell only, before that becomes the program.
func (s *sockets) under(cmd *exec.Cmd) {
	script := `LISTEN_PID=$$; export LISTEN_PID; exec "$0" "$@"`
	cmd.Args = append([]string{"/bin/sh", "-c", script, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.ExtraFiles = s.files
	cmd.Env = append(cmd.Env, "LISTEN_FDS="+strconv.Itoa(len(s.files)))
	if s.names != "" {
		cmd.Env = append(cmd.Env, "LISTEN_FDNAMES="+s.names)
	}
}

// ask sends a request and leaves the answer unread.
func ask(t *testing.T, addr string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(nc, "GET / HTTP/1.1\r\nHost: web.localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return nc
}

func answer(t *testing.T, nc net.Conn) (status int, body string) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// Systemd holds the sockets: who comes before ngrokd runs, or between two of its lives,
// waits in them and is served.
func TestSocketActivation(t *testing.T) {
	for name, order := range map[string]struct {
		names        string
		tunnel, http int
	}{
		"named":          {"https:tunnel:http", 1, 2},
		"in order":       {"", 0, 1},
		"named for unit": {"ngrokd.socket:ngrokd.socket:ngrokd.socket", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSockets(t, order.names, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "here") }))
			t.Cleanup(web.Close)
			early := ask(t, s.addrs[order.http])
			p := startProcessAs(t, s.under, "-grace=1s")
			if p.addr != s.addrs[order.tunnel] || p.listening(t, "http visitors") != s.addrs[order.http] {
				t.Fatalf("it does not listen on the sockets %v:\n%s", s.addrs, p.text())
			}
			if status, body := answer(t, early); status != http.StatusNotFound {
				t.Errorf("a visitor from before the start: %d %s", status, body)
			}
			p.startClient(t, client.Tunnel{Name: "web", Subdomain: "web", Local: map[string]string{"http": web.Listener.Addr().String()}})
			if status, body := answer(t, ask(t, s.addrs[order.http])); status != 200 || body != "here" {
				t.Errorf("%d %s", status, body)
			}

			pid := p.replace(t, p.Process.Pid, 1)
			if status, body := answer(t, ask(t, s.addrs[order.http])); status != 200 || body != "here" {
				t.Errorf("after a replacement: %d %s", status, body)
			}
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			p.end(t)

			between := ask(t, s.addrs[order.http])
			p = startProcessAs(t, func(cmd *exec.Cmd) { s.under(cmd); useDir(cmd, p.dir) })
			if status, body := answer(t, between); status != 200 || body != "here" {
				t.Errorf("a visitor between two lives: %d %s", status, body)
			}
		})
	}
}

// useDir makes it another life of the server that had the data directory.
func useDir(cmd *exec.Cmd, dir string) {
	for i, arg := range cmd.Args {
		if strings.HasPrefix(arg, "-dataDir=") {
			cmd.Args[i] = "-dataDir=" + dir
		}
	}
}

// A socket that strangers reach makes the server one that wants tokens, whatever address
// the flags name.
func TestPublicSocketWantsTokens(t *testing.T) {
	p := startProcessAs(t, newSockets(t, "", "0.0.0.0:0").under, "-tunnelAddr=127.0.0.1:4443", "-domain=tunnel.example.com")
	_, port, _ := net.SplitHostPort(p.addr)
	p.addr = "127.0.0.1:" + port
	if _, answer := p.login(t, ""); !strings.Contains(answer.Error, "wants a token") {
		t.Errorf("a stranger: %q", answer.Error)
	}
	p.waitFor(t, "server_addr: tunnel.example.com:"+port+"\n")
}

func TestSocketsThatCannotBeUsed(t *testing.T) {
	tcp := func(t *testing.T, n int) []*os.File {
		addrs := make([]string, n)
		for i := range addrs {
			addrs[i] = "127.0.0.1:0"
		}
		return newSockets(t, "", addrs...).files
	}
	for name, test := range map[string]struct {
		names string
		files func(t *testing.T) []*os.File
		want  string
	}{
		"one too many": {"tunnel:http:https:smtp", func(t *testing.T) []*os.File { return tcp(t, 4) },
			`the socket "smtp" is none of tunnel, http, https: set FileDescriptorName`},
		"two of a name": {"http:http", func(t *testing.T) []*os.File { return tcp(t, 2) },
			"more than one socket http"},
		"not TCP": {"tunnel", func(t *testing.T) []*os.File {
			c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			f, err := c.File()
			if err != nil {
				t.Fatal(err)
			}
			return []*os.File{f}
		}, "the socket tunnel: "},
	} {
		t.Run(name, func(t *testing.T) {
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(exe, "-httpAddr=", "-httpsAddr=", "-tunnelAddr=127.0.0.1:0", "-dataDir="+t.TempDir(), "-log=none")
			cmd.Env = append(os.Environ(), asProgram+"=1")
			s := &sockets{files: test.files(t), names: test.names}
			defer func() {
				for _, f := range s.files {
					f.Close()
				}
			}()
			s.under(cmd)
			out, _ := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), test.want) {
				t.Errorf("exit code %d: %s", cmd.ProcessState.ExitCode(), out)
			}
		})
	}
}

// The variables of another process are not for this one: it opens its own listeners.
func TestSocketsOfAnotherProcess(t *testing.T) {
	s := newSockets(t, "tunnel", "127.0.0.1:0")
	p := startProcessAs(t, func(cmd *exec.Cmd) {
		cmd.ExtraFiles = s.files
		cmd.Env = append(cmd.Env, "LISTEN_PID=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=tunnel")
	})
	if p.addr == s.addrs[0] {
		t.Error("it took them")
	}
	conntest.Eventually(t, "it serves", func() bool { _, answer := p.login(t, ""); return answer.Error == "" })
}
