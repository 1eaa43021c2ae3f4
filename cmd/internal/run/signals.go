// Package run gives both programs the same answer to signals: the first one that
// asks to stop does it gracefully, a second one ends the program at once.
package run

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Signals says what else happens on signals. Its zero value is ready to use.
type Signals struct {
	// Stopping is called on the first signal to stop, before the context ends.
	// Nil does nothing.
	Stopping func(os.Signal)

	// Hangup is called on SIGHUP. Nil makes SIGHUP a signal to stop, as it is
	// for a program whose terminal went away; when the program was started with
	// SIGHUP ignored (nohup), it stays ignored.
	Hangup func()

	// Abort ends the program with the exit code that shells use for the signal,
	// 128 + its number. Nil is os.Exit. It should give the terminal back first.
	Abort func(code int)
}

// Context returns a context that ends with the first SIGINT or SIGTERM. A signal to
// stop that comes when it has ended, for this reason or with its parent, aborts. stop
// gives the signals their usual effect back and must be called.
func (s Signals) Context(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if s.Hangup != nil || !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	ch := make(chan os.Signal, 4) // a few, so that a busy moment loses none
	signal.Notify(ch, signals...)

	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { s.watch(ctx, ch, quit, cancel) })
	return ctx, sync.OnceFunc(func() {
		signal.Stop(ch)
		close(quit)
		wg.Wait()
		cancel()
	})
}

func (s Signals) watch(ctx context.Context, ch <-chan os.Signal, quit <-chan struct{}, cancel context.CancelFunc) {
	for {
		select {
		case <-quit:
			return
		case sig := <-ch:
			switch {
			case sig == syscall.SIGHUP && s.Hangup != nil:
				s.Hangup()
			case ctx.Err() == nil:
				if s.Stopping != nil {
					s.Stopping(sig)
				}
				cancel()
			default:
				s.abort(sig)
			}
		}
	}
}

func (s Signals) abort(sig os.Signal) {
	code := 1
	if n, ok := sig.(syscall.Signal); ok {
		code = 128 + int(n)
	}
	if s.Abort != nil {
		s.Abort(code)
		return
	}
	os.Exit(code)
}
