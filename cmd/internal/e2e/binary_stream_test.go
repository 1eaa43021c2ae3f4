//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Events arrive one by one as they are sent, not when a buffer is full.
func TestProgramsServerSentEvents(t *testing.T) {
	next, gone := make(chan string), make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { gone <- struct{}{} }()
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			select {
			case event := <-next:
				fmt.Fprintf(w, "data: %s\n\n", event)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}))
	defer service.Close()
	s := newSite(t)
	c := s.client(service.Listener.Addr().String())
	visitor := local(t)
	for _, scheme := range []string{"http", "https"} {
		go func() { next <- "first" }() // the head comes with it
		resp, err := visitor.Get(c.url(scheme))
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(resp.Body)
		read := func() string {
			for lines.Scan() {
				if data, found := strings.CutPrefix(lines.Text(), "data: "); found {
					return data
				}
			}
			t.Fatalf("the stream ended: %v", lines.Err())
			return ""
		}
		if got := read(); got != "first" {
			t.Fatal(got)
		}
		// Each is sent only after the one before has arrived.
		began, n := time.Now(), 100
		for i := range n {
			want := fmt.Sprintf("event %d at %v", i, time.Now())
			next <- want
			if got := read(); got != want {
				t.Fatalf("%q, want %q", got, want)
			}
		}
		t.Logf("%s: %v from event to event", scheme, time.Since(began)/time.Duration(n))
		resp.Body.Close()
		select {
		case <-gone:
		case <-time.After(patience):
			t.Fatal("the service has not heard that the visitor left")
		}
	}
}
