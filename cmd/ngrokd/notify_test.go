//go:build unix

package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// service is the end of systemd of a notification socket.
func service(t *testing.T) (path string, next func() string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return path, func() string {
		t.Helper()
		l.SetReadDeadline(time.Now().Add(patience))
		b := make([]byte, 1024)
		n, err := l.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestServiceManagerIsTold(t *testing.T) {
	path, next := service(t)
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "1500000")
	p := startProcess(t, "-grace=1s")
	if got, want := next(), "READY=1\nMAINPID="+strconv.Itoa(p.Process.Pid); got != want {
		t.Fatalf("%q, want %q", got, want)
	}
	for range 3 {
		if got := next(); got != "WATCHDOG=1" {
			t.Fatalf("%q, want WATCHDOG=1", got)
		}
	}
	pid := p.replace(t, p.Process.Pid, 1)
	var told []string
	for got := ""; !strings.HasPrefix(got, "READY=1"); told = append(told, got) {
		got = next()
	}
	main := "MAINPID=" + strconv.Itoa(pid)
	if all := strings.Join(told, "\n"); !strings.Contains(all, main+"\n") || !strings.HasSuffix(all, "READY=1\n"+main) {
		t.Errorf("on replacement: %q, want %s from the old process and then from the new", told, main)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for next() != "STOPPING=1" {
	}
	p.end(t)
}

// The variables of one process must not be taken for another's.
func TestWatchdogOfAnotherProcess(t *testing.T) {
	env := map[string]string{"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}
	if n := newNotifier(func(k string) string { return env[k] }); n.watchdog != 0 {
		t.Error(n.watchdog)
	}
	env["WATCHDOG_PID"] = strconv.Itoa(os.Getpid())
	if n := newNotifier(func(k string) string { return env[k] }); n.watchdog != time.Second {
		t.Error(n.watchdog)
	}
}

// A new binary that does not start leaves the old process in service.
func TestFailedReplacement(t *testing.T) {
	p := startProcess(t)
	settings := filepath.Join(p.dir, "ngrokd.yml")
	if err := os.WriteFile(settings, []byte("tokns: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	p.waitFor(t, "the next process failed, this one goes on")
	if _, answer := p.login(t, ""); answer.Error != "" {
		t.Error(answer.Error)
	}
}
