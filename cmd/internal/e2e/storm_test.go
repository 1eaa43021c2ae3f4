package e2e

import (
	"flag"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
	"ngrok/server"
)

var stormClients = flag.Int("storm", 60, "how many clients TestReconnectStorm has")

// All clients of a server that restarts are back soon, each with its URL.
func TestReconnectStorm(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Lease, c.Park = time.Minute, 5*time.Second })
	service := hello(t).Listener.Addr()
	n := *stormClients
	clients := make([]*runningClient, n)
	urls := make([]string, n)
	for i := range clients {
		name := fmt.Sprintf("c%d", i)
		clients[i] = w.startClient(as("user-"+name), httpTunnel(name, service))
	}
	online := func() (count int) {
		for _, c := range clients {
			if c.State().Status == client.Online {
				count++
			}
		}
		return count
	}
	await := func(what string, limit time.Duration) time.Duration {
		t.Helper()
		start := time.Now()
		for online() < n {
			if time.Since(start) > limit {
				t.Fatalf("%s: %d of %d after %v", what, online(), n, limit)
			}
			time.Sleep(10 * time.Millisecond)
		}
		return time.Since(start)
	}
	await("first start", 60*time.Second)
	for i, c := range clients {
		urls[i] = c.url("http")
	}
	w.stop()
	conntest.Eventually(t, "all have noticed", func() bool { return online() == 0 })
	w.start()
	took := await("after the restart", 60*time.Second)
	t.Logf("%d clients are back after %v", n, took.Round(time.Millisecond))

	var wg sync.WaitGroup
	visitor := w.visitor()
	limit := make(chan struct{}, 50)
	for i, c := range clients {
		if got := c.url("http"); got != urls[i] {
			t.Errorf("%s is %s now", urls[i], got)
		}
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			resp, err := visitor.Get(urls[i])
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", urls[i], resp.Status)
			}
		})
	}
	wg.Wait()
}
