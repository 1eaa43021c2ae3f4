package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"ngrok/conn/conntest"
)

// TestMain lets the test's own program stand in for the two programs, by its name.
func TestMain(m *testing.M) {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	switch filepath.Base(os.Args[0]) {
	case "ngrokd":
		listener, err := net.Listen("tcp", flagValue("-tunnelAddr="))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if os.Getenv("NGROKD_ENDS") != "" {
			os.Exit(0)
		}
		<-interrupted.Done()
		listener.Close()
		os.Exit(0)
	case "ngrok":
		if os.Getenv("NGROK_FAILS") != "" {
			fmt.Println("the server is not believed")
			os.Exit(1)
		}
		fmt.Printf("Forwarding https://hello.localhost:8443 -> %s\nForwarding http://hello.localhost:8080 -> %[1]s\n", os.Args[len(os.Args)-1])
		<-interrupted.Done()
		os.Exit(0)
	}
	stop()
	os.Exit(m.Run())
}

func flagValue(prefix string) string {
	for _, arg := range os.Args {
		if value, found := strings.CutPrefix(arg, prefix); found {
			return value
		}
	}
	return ""
}

// screen collects what the demo prints.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func newDemo(t *testing.T) (*demo, *screen) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no program can be interrupted on windows")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for _, name := range []string{"ngrokd", "ngrok"} {
		if err := os.Symlink(self, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TMPDIR", t.TempDir())
	out := &screen{}
	return &demo{bin: bin, config: "x.yml", name: "hello", out: out,
		tunnelAddr: conntest.Reserve(t), httpAddr: conntest.Reserve(t), httpsAddr: conntest.Reserve(t)}, out
}

func TestRunPrintsTheURLAndLeavesNothing(t *testing.T) {
	d, out := newDemo(t)
	ctx, interrupt := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.run(ctx) }()
	sampleURL := regexp.MustCompile(`Open     http://hello\.localhost:8080\n  It is    (http://\S+)`)
	limit := time.Now().Add(time.Minute)
	for !sampleURL.MatchString(out.String()) {
		if time.Now().After(limit) {
			t.Fatalf("no URL:\n%s", out)
		}
		time.Sleep(5 * time.Millisecond)
	}
	url := sampleURL.FindStringSubmatch(out.String())[1]
	page, err := fetch(url)
	if err != nil || page == "" {
		t.Fatalf("the sample answers %q, %v", page, err)
	}
	interrupt(errors.New("as a signal does"))
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	case <-time.After(time.Minute):
		t.Fatalf("did not end:\n%s", out)
	}
	if _, err := net.Dial("tcp", d.tunnelAddr); err == nil {
		t.Error("ngrokd runs on")
	}
	if again, err := fetch(url); err == nil && again == page { // else the port is another's
		t.Error("the sample service runs on")
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// fetch returns what a GET of url brings.
func fetch(url string) (string, error) {
	response, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return string(b), err
}

// Ctrl-C reaches all programs of a terminal at once; the demo may be the last to notice.
func TestProgramsThatNoticeTheInterruptFirst(t *testing.T) {
	t.Setenv("NGROKD_ENDS", "1")
	d, out := newDemo(t)
	d.ended = make(chan struct{}, 2)
	ctx, interrupt := context.WithCancel(context.Background())
	go func() {
		<-d.ended
		interrupt()
	}()
	if err := d.run(ctx); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestRunSaysWhatFailed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name string
		edit func(*testing.T, *demo)
		want string
	}{
		{"a port is taken", func(_ *testing.T, d *demo) { d.httpAddr = taken.Addr().String() }, "is in use"},
		{"no port", func(_ *testing.T, d *demo) { d.service = "eighty" }, "PORT=eighty is no port"},
		{"port 0", func(_ *testing.T, d *demo) { d.service = "0" }, "port 0"},
		{"no programs", func(t *testing.T, d *demo) { d.bin = t.TempDir() }, "ngrokd has ended"},
		{"ngrokd ends by itself", func(t *testing.T, d *demo) { t.Setenv("NGROKD_ENDS", "1") }, "ngrokd has ended: it should run until it is interrupted"},
		{"ngrok fails", func(t *testing.T, d *demo) { t.Setenv("NGROK_FAILS", "1") }, "ngrok has ended: exit status 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, out := newDemo(t)
			c.edit(t, d)
			if err := d.run(context.Background()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v\n%s", err, out)
			}
			if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

func TestServiceAddr(t *testing.T) {
	for in, want := range map[string]string{"3000": "127.0.0.1:3000", ":3000": "127.0.0.1:3000", "box.lan:80": "box.lan:80", "[::1]:80": "[::1]:80"} {
		if got, err := serviceAddr(in); err != nil || got != want {
			t.Errorf("%s gave %s, %v", in, got, err)
		}
	}
}
