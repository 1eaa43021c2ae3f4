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
	acceptPauseMax = time.Second
)

// accept hands each connection of l to handle until l is closed or ctx ends. When
// accepting fails it waits, and says so once until it succeeds again.
func accept(ctx context.Context, l net.Listener, logger *slog.Logger, handle func(net.Conn)) {
	pause := time.Duration(0)
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			if pause > 0 {
				logger.Info("accepting connections again", "addr", l.Addr())
				pause = 0
			}
			handle(nc)
			continue
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		case pause == 0:
			logger.Error("cannot accept connections; trying again", "addr", l.Addr(), "err", err)
		}
		pause = min(max(acceptPauseMin, 2*pause), acceptPauseMax)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}
