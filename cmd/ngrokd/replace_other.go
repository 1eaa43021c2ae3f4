//go:build !unix

package main

import (
	"context"
	"log/slog"
)

// succession is for systems that can pass a server from process to process; this is
// none of them.
type succession struct {
	listeners *listeners
	notify    *notifier
}

func newSuccession(env func(string) string, _ *slog.Logger) (*succession, error) {
	return &succession{listeners: newListeners(), notify: newNotifier(env)}, nil
}

func (s *succession) takeOver() error { return nil }

func (s *succession) handOver() {}

func (s *succession) run(ctx context.Context, _ context.CancelCauseFunc) { <-ctx.Done() }
