//go:build unix

package run

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"
)

// Not parallel: signals are the process's own.

func send(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), sig); err != nil {
		t.Fatal(err)
	}
}

func receive[T any](t *testing.T, ch <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(60 * time.Second):
		t.Fatal("waited in vain for ", what)
	}
	return v
}

func TestFirstStopsSecondAborts(t *testing.T) {
	stopping := make(chan os.Signal, 1)
	aborted := make(chan int, 1)
	ctx, stop := Signals{
		Stopping: func(s os.Signal) { stopping <- s },
		Abort:    func(code int) { aborted <- code },
	}.Context(t.Context())
	defer stop()

	send(t, syscall.SIGTERM)
	if s := receive(t, stopping, "Stopping"); s != syscall.SIGTERM {
		t.Errorf("Stopping(%v)", s)
	}
	receive(t, ctx.Done(), "the end of the context")
	select {
	case <-aborted:
		t.Fatal("the first signal aborted")
	default:
	}
	send(t, syscall.SIGINT)
	if code := receive(t, aborted, "Abort"); code != 130 {
		t.Errorf("Abort(%d), want 130", code)
	}
}

func TestHangup(t *testing.T) {
	hung := make(chan bool, 1)
	ctx, stop := Signals{Hangup: func() { hung <- true }}.Context(t.Context())
	defer stop()
	send(t, syscall.SIGHUP)
	receive(t, hung, "Hangup")
	if ctx.Err() != nil {
		t.Error("SIGHUP stopped a program that wants to go on")
	}
}

func TestHangupStops(t *testing.T) {
	ctx, stop := Signals{}.Context(t.Context())
	defer stop()
	send(t, syscall.SIGHUP)
	receive(t, ctx.Done(), "the end of the context")
}

func TestStopEndsContext(t *testing.T) {
	ctx, stop := Signals{}.Context(t.Context())
	stop()
	stop()
	receive(t, ctx.Done(), "the end of the context")
}

// Who quits in another way and then loses patience needs one signal only.
func TestSignalAfterCancelAborts(t *testing.T) {
	aborted := make(chan int, 1)
	parent, cancel := context.WithCancel(t.Context())
	_, stop := Signals{Abort: func(code int) { aborted <- code }}.Context(parent)
	defer stop()
	cancel()
	send(t, syscall.SIGTERM)
	if code := receive(t, aborted, "Abort"); code != 143 {
		t.Errorf("Abort(%d), want 143", code)
	}
}
