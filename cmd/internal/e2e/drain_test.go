package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
	"ngrok/server"
)

func TestGoodbyeFreesAtOnce(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Lease, c.Park = time.Minute, time.Minute })
	c := w.runClient(as("alice"), httpTunnel("mine", hello(t).Listener.Addr()))
	url := c.url("http")
	c.stop()
	conntest.Eventually(t, "nobody waits", func() bool {
		resp, err := w.visitor().Get(url)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusNotFound
	})
}

func TestVisitorsWaitForARestartOfTheClient(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Lease, c.Park = time.Minute, time.Minute })
	service := hello(t).Listener.Addr()
	c := w.runClient(as("alice"), httpTunnel("mine", service))
	url := c.url("http")
	c.ExpectReturn()
	c.stop()
	status := make(chan int, 1)
	visitor := w.visitor()
	go func() {
		resp, err := visitor.Get(url)
		if err != nil {
			t.Error(err)
			status <- 0
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	conntest.Eventually(t, "the visitor waits", func() bool { return w.server.Waiting() == 1 })
	w.runClient(as("alice"), httpTunnel("mine", service))
	if got := <-status; got != 200 {
		t.Error(got)
	}
}

// A server that is told to end sends its clients away and serves what flows to the end,
// while its successor has taken its place.
func TestServerDrains(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Lease, c.Park, c.Grace = time.Minute, time.Minute, time.Minute })
	release := make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			io.WriteString(w, "first ")
			w.(http.Flusher).Flush()
			<-release
		}
		io.WriteString(w, "last")
	}))
	t.Cleanup(service.Close)
	c := w.runClient(func(c *client.Config) { c.AuthToken, c.Grace = "alice", time.Minute }, httpTunnel("mine", service.Listener.Addr()))
	url := c.url("http")
	resp, err := w.visitor().Get(url + "/slow")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()

	stopOld := w.stop
	ended := make(chan struct{})
	go func() { stopOld(); close(ended) }()
	conntest.Eventually(t, "the client is sent away", func() bool { return c.State().Status == client.Reconnecting })
	w.start()
	conntest.Eventually(t, "the client is back", func() bool { return c.State().Status == client.Online })
	if status, body := get(t, w.visitor(), url); status != 200 || body != "last" {
		t.Error(status, body)
	}
	select {
	case <-ended:
		t.Fatal("the old server did not wait for what flows")
	default:
	}
	close(release)
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "first last" {
		t.Errorf("%q %v", b, err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the old server does not end")
	}
}

// Visitors who come while the client restarts see nothing but a delay: 50 a second, half
// of them on connections that they keep.
func TestVisitorsDuringARestartOfTheClient(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Lease, c.Park = time.Minute, time.Minute })
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Write(b)
	}))
	t.Cleanup(service.Close)
	tunnel := httpTunnel("mine", service.Listener.Addr())
	patient := func(c *client.Config) { c.AuthToken, c.Grace = "alice", time.Minute }
	c := w.runClient(patient, tunnel)
	url := c.url("http")

	kept, fresh := w.visitor(), w.visitor()
	fresh.Transport.(*http.Transport).DisableKeepAlives = true
	ctx, cancel := context.WithCancel(t.Context())
	var sent, failed atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			v := kept
			if i%2 == 0 {
				v = fresh
			}
			sent.Add(1)
			wg.Go(func() {
				// A body of unknown length, which the visitor does not send again.
				body := strconv.Itoa(i)
				resp, err := v.Post(url, "text/plain", struct{ io.Reader }{strings.NewReader(body)})
				if err == nil {
					var b []byte
					b, err = io.ReadAll(resp.Body)
					resp.Body.Close()
					if err == nil && (resp.StatusCode != 200 || string(b) != body) {
						err = fmt.Errorf("%s: %s", resp.Status, b)
					}
				}
				if err != nil {
					failed.Add(1)
					t.Errorf("request %d: %v", i, err)
				}
			})
		}
	})
	for range 3 {
		before := sent.Load()
		conntest.Eventually(t, "visitors come", func() bool { return sent.Load() > before+20 })
		c.ExpectReturn()
		c.stop()
		conntest.Eventually(t, "visitors wait", func() bool { return w.server.Waiting() > 20 })
		c = w.runClient(patient, tunnel)
	}
	conntest.Eventually(t, "nobody waits", func() bool { return w.server.Waiting() == 0 })
	cancel()
	wg.Wait()
	t.Logf("%d requests, %d failed", sent.Load(), failed.Load())
}
