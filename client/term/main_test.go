package term

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ngrok/client"
)

// The tests on a pseudo-terminal run this test binary again as the program that shows
// the screen; the environment variable names what it does.
const programEnv = "TERM_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if name := os.Getenv(programEnv); name != "" {
		os.Exit(program(name))
	}
	os.Exit(m.Run())
}

// program shows a screen as cmd/ngrok does. It tells the test its process id and what
// Run returned on file descriptor 3.
func program(name string) int {
	report := os.NewFile(3, "report")
	fmt.Fprintln(report, os.Getpid())

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	src := &fakeSource{state: demoState(), requests: demoRequests()}
	c := Config{Source: src, Requests: src, WebURL: "http://127.0.0.1:4040"}
	switch name {
	case "panic":
		frames := 0
		src.onState = func() {
			if frames++; frames > 1 {
				panic("deliberate")
			}
		}
	case "picture":
		src.requests = pictureRequests()
	case "stalled":
		frames := make(chan struct{})
		src.onState = func() {
			src.requests = nil
			for i := range 60 {
				src.requests = append(src.requests, Request{Path: strings.Repeat(fmt.Sprint(time.Now().UnixNano()+int64(i)), 20)})
			}
			frames <- struct{}{}
		}
		go reportStall(report, src, frames)
	case "nohup":
		signal.Ignore(syscall.SIGHUP)
	case "reconnecting":
		src.state.Status, src.state.RetryAt = client.Reconnecting, time.Now().Add(3*time.Second)
		src.state.LastError = "connection refused\x1b[2J"
	}
	s, err := New(c)
	if err != nil {
		fmt.Fprintln(report, err)
		return 1
	}
	if name == "restore" {
		var frames atomic.Int32
		src.onState = func() {
			if frames.Add(1) == 2 {
				go func() {
					s.Restore()
					fmt.Println("fatal: restored by hand")
					os.Exit(3)
				}()
			}
		}
	}
	if err := s.Run(ctx); err != nil {
		fmt.Fprintln(report, "run:", strings.ReplaceAll(err.Error(), "\n", " "))
		return 1
	}
	if name == "restore" {
		select {} // the other goroutine ends the program
	}
	if name == "twice" {
		fmt.Println("between")
		src.change(func(f *fakeSource) { f.state.ServerVersion = "second run" })
		if err := s.Run(ctx); err != nil {
			fmt.Fprintln(report, "second run:", err)
			return 1
		}
	}
	fmt.Fprintln(report, "run: <nil>")
	fmt.Println("goodbye")
	return 0
}

// reportStall keeps the screen drawing, and reports when it no longer does.
func reportStall(report *os.File, src *fakeSource, frames <-chan struct{}) {
	for {
		select {
		case <-frames:
			go src.change(func(*fakeSource) {})
		case <-time.After(10 * minInterval):
			fmt.Fprintln(report, "stalled")
			return
		}
	}
}
