package e2e

import (
	"testing"

	"ngrok/client"
	"ngrok/client/inspect"
	"ngrok/conn/conntest"
)

// TestRequestToDeadServiceIsShown looks for a request that reached nobody: while a service
// is down, the inspector is where its developer looks first.
func TestRequestToDeadServiceIsShown(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	store := inspect.New(inspect.Options{})
	c := w.runClient(func(cfg *client.Config) { cfg.Tap = store.Tap() }, httpTunnel("down", conntest.Refused(t)))
	if status, _ := get(t, w.visitor(), c.url("http")+"/hook?x=1"); status != 502 {
		t.Fatalf("status %d, want 502", status)
	}
	conntest.Eventually(t, "the exchange is shown whole", func() bool {
		rows := store.List(inspect.ListOptions{Limit: 10}).Rows
		return len(rows) == 1 && rows[0].Path == "/hook" && rows[0].Status == 502 && !rows[0].Open
	})
}
