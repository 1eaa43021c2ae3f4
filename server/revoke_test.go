package server

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	metrics "github.com/rcrowley/go-metrics"

	"ngrok/server/auth"
	"ngrok/server/limit"
)

// A session of a revoked token is ended within 5 s. A second of that is spent on finding
// that the file has changed, another two may go on a client that does not read.
func TestRevokedSessionEndsInTime(t *testing.T) {
	metrics.NewMeter().Stop() // starts the goroutine of all meters, outside the bubble
	synctest.Test(t, func(t *testing.T) {
		with, err := auth.NewPolicy(auth.Config{Tokens: []auth.Token{{Name: "alice", Hash: auth.HashToken("a")}}})
		if err != nil {
			t.Fatal(err)
		}
		id, err := with.Authenticate("a", "")
		if err != nil {
			t.Fatal(err)
		}
		logger := slog.New(slog.DiscardHandler)
		m := newMetrics()
		defer m.stop()
		s := &Server{
			logger:   logger,
			registry: newRegistry(newMemory("", logger), 0, 0),
			policies: auth.NewPolicies(with),
			metrics:  m,
			controls: make(map[sessionID]*control),
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.look(ctx); close(ended) }()
		defer func() { cancel(); <-ended }()
		c := &control{server: s, id: "session", identity: id, account: new(limit.Account), pool: newPool(true, func(int) {})}
		c.ctx, c.cancel = context.WithCancelCause(t.Context())
		defer c.cancel(nil)
		s.addControl(c)

		time.Sleep(time.Minute + 1)
		if c.ctx.Err() != nil {
			t.Fatalf("ended with a token that is good: %v", context.Cause(c.ctx))
		}
		without, err := auth.NewPolicy(auth.Config{})
		if err != nil {
			t.Fatal(err)
		}
		s.policies.Swap(without)
		select {
		case <-c.ctx.Done():
		case <-time.After(2 * time.Second):
			t.Fatal("it goes on after two seconds")
		}
		var refusal *auth.Refusal
		var why *unwelcomeError
		if cause := context.Cause(c.ctx); !errors.As(cause, &why) || !errors.As(why.why, &refusal) || refusal.Rule != auth.RuleRevoked {
			t.Errorf("ended with %v", cause)
		}
	})
}
