package client

import (
	"context"
	"testing"
)

// A session that the server wants to end leaves its tunnels to the next one: if it went on
// asking for them it would take them back.
func TestDrainingSessionAsksForNothing(t *testing.T) {
	c, err := New(Config{ServerAddr: "127.0.0.1:1", Tunnels: []Tunnel{{Name: "web", Local: map[string]string{"http": "127.0.0.1:2"}}}})
	if err != nil {
		t.Fatal(err)
	}
	c.wasOnline = true
	s := &session{client: c, logger: c.logger, pending: make(map[string]*pendingTunnel), drained: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(t.Context())
	defer s.cancel(nil)
	if missing, _ := s.missing(); len(missing) != 1 {
		t.Fatalf("%d tunnels are missing", len(missing))
	}
	s.drain()
	if err := s.askAll(); err != nil { // there is no link to ask on
		t.Error(err)
	}
	if status := c.State().Status; status == Online {
		t.Error("it says that it is online")
	}
}
