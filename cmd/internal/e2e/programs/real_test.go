//go:build linux

package programs

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// need returns where the programs are, or skips the test. What they are in is the
// Debian package's name.
func need(t testing.TB, debian string, names ...string) []string {
	t.Helper()
	paths := make([]string, len(names))
	for i, name := range names {
		path, err := exec.LookPath(name)
		for _, dir := range []string{"/usr/sbin", "/sbin"} {
			if err != nil {
				path, err = exec.LookPath(filepath.Join(dir, name))
			}
		}
		if err != nil {
			t.Skipf("%s is not installed (Debian package %s; make prepare installs it)", name, debian)
		}
		paths[i] = path
	}
	return paths
}

// await returns once something accepts connections on the port.
func (p *process) await(t testing.TB, port string) {
	t.Helper()
	for limit := time.Now().Add(patience); ; {
		nc, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			nc.Close()
			return
		}
		select {
		case <-p.ended:
			t.Fatalf("%s ended: %v\n%s", p.name, p.ProcessState, tail(p.text()))
		default:
		}
		if time.Now().After(limit) {
			t.Fatalf("%s does not listen on port %s:\n%s", p.name, port, tail(p.text()))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// write writes a file and returns its path.
func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// in makes a command run in dir, with an environment that is the same on every machine.
func in(dir string, env ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		cmd.Dir = dir
		cmd.Env = append([]string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "LC_ALL=C"}, env...)
	}
}

// hostAndPort returns what stands between :// and the path of a URL.
func hostAndPort(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}
