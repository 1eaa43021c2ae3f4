package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"
)

// Between failing accepts: file descriptors that have run out come back by and by.
const (
	acceptPauseMin = 5 * time.Millisecond
	// When there are descriptors again, a visitor may have to wait for this long, and
	// then the proxy connection that it wants: together for less than a second.
	acceptPauseMax = 250 * time.Millisecond

	// acceptSilence is how long nothing more is said of failures after it was said that
	// they are over: while descriptors are short, each one that comes back lets one
	// accept succeed.
	acceptSilence = 10 * time.Second
)

// accept hands each connection of l to handle until l is closed or ctx ends. When
// accepting fails it waits, and says so once until it succeeds again, but never all the
// time.
func accept(ctx context.Context, l net.Listener, logger *slog.Logger, handle func(net.Conn)) {
	var pause time.Duration
	var said bool      // that accepting fails
	var over time.Time // when it was said last that this is over
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			if said {
				logger.Info("accepting connections again", "addr", l.Addr())
				said, over = false, time.Now()
			}
			handle(nc)
			continue
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		case !said && (over.IsZero() || time.Since(over) > acceptSilence):
			logger.Error("cannot accept connections; trying again", "addr", l.Addr(), "err", err)
			said = true
		}
		pause = min(max(acceptPauseMin, 2*pause), acceptPauseMax)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}
