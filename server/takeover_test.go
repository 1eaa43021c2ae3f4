package server

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"ngrok/msg"
	"ngrok/server/auth"
	"ngrok/server/limit"
)

// takeoverServer is one that can grant tunnels, and session returns one of a user of it.
func takeoverServer(t *testing.T) (s *Server, session func(id string) *control) {
	logger := slog.New(slog.DiscardHandler)
	policy, err := auth.NewPolicy(auth.Config{Open: true})
	if err != nil {
		t.Fatal(err)
	}
	s = &Server{
		logger: logger, config: Config{HTTPAddr: ":80"}, domain: "tunnel.example", policies: auth.NewPolicies(policy), metrics: newMetrics(),
		registry: newRegistry(newMemory("", logger), time.Minute, time.Minute), ports: map[string]int{"http": 80},
	}
	t.Cleanup(s.metrics.stop)
	account := new(limit.Account)
	return s, func(id string) *control {
		c := &control{server: s, logger: logger, id: sessionID(id), owner: "anon:a", holder: "anon:a",
			identity: &auth.Identity{Key: "anon:a"}, account: account, pool: newPool(true, func(int) {}), closes: true}
		c.out = &outbox{send: func([]msg.Message) error { return nil }}
		c.ctx, c.cancel = context.WithCancelCause(context.Background())
		account.AddSession(0)
		return c
	}
}

// A session that is being replaced asks for a name at the moment in which the one that
// replaces it does. That one has it.
func TestReplacedSessionTakesNothingBack(t *testing.T) {
	s, session := takeoverServer(t)
	ask := &msg.ReqTunnel{ReqId: "1", Protocol: "http", Subdomain: "x"}
	for range 2000 {
		before, after := session("same"), session("same")
		var wg sync.WaitGroup
		wg.Go(func() { s.openTunnels(before, ask) })
		wg.Go(func() {
			before.cancel(errReplaced)
			before.release(true)
			s.openTunnels(after, ask)
		})
		wg.Wait()
		if tunnel := s.registry.lookup("http", []byte("x.tunnel.example")); tunnel == nil || tunnel.control != after {
			t.Fatal("the newer session does not have the name")
		}
		after.release(false)
	}
}

// Two sessions of a user ask for one name at the same moment. One has it, and the other one
// knows.
func TestTwoSessionsAtOnce(t *testing.T) {
	s, session := takeoverServer(t)
	ask := &msg.ReqTunnel{ReqId: "1", Protocol: "http", Subdomain: "x"}
	for range 5000 {
		a, b := session("a"), session("b")
		var wg sync.WaitGroup
		for _, c := range []*control{a, b} {
			wg.Go(func() { s.openTunnels(c, ask) })
		}
		wg.Wait()
		if len(a.tunnels)+len(b.tunnels) != 1 {
			t.Fatalf("the sessions believe to have %d and %d tunnels", len(a.tunnels), len(b.tunnels))
		}
		a.release(false)
		b.release(false)
	}
	if tunnels, _ := session("c").account.Counts(); tunnels != 0 {
		t.Errorf("%d tunnels are counted when all have gone", tunnels)
	}
}
