//go:build linux

package programs

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
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

// A websocket lasts as long as its ends want, silent or not.
func TestProgramsWebsocket(t *testing.T) {
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		for {
			kind, b, err := ws.ReadMessage()
			if err != nil || ws.WriteMessage(kind, b) != nil {
				return
			}
		}
	}))
	t.Cleanup(service.Close) // after the parallel tests
	s := newSite(t)
	c := s.client(service.Listener.Addr().String())
	transport := local(t).Transport.(*http.Transport)
	dialer := websocket.Dialer{NetDialContext: transport.DialContext, TLSClientConfig: transport.TLSClientConfig, HandshakeTimeout: patience}
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel() // so that a long silence is waited for once
			ws, _, err := dialer.Dial("ws"+strings.TrimPrefix(c.url(scheme), "http"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			echo := func(message string) {
				t.Helper()
				ws.SetReadDeadline(time.Now().Add(patience))
				if err := ws.WriteMessage(websocket.BinaryMessage, []byte(message)); err != nil {
					t.Fatal(err)
				}
				if _, b, err := ws.ReadMessage(); err != nil || string(b) != message {
					t.Fatalf("echo of %d bytes: %d bytes, %v", len(message), len(b), err)
				}
			}
			began := time.Now()
			for time.Since(began) < sized(time.Second, 2*time.Minute) {
				for _, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
					echo(strings.Repeat("x", n))
				}
			}
			silence := sized(time.Second, 3*time.Minute)
			<-time.After(silence) // longer than any idle limit of a request, with -long
			echo("after silence")
			if err := ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye")); err != nil {
				t.Fatal(err)
			}
			if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
				t.Errorf("end of the websocket: %v", err)
			}
		})
	}
}
