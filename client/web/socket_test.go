package web

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"ngrok/client"
	"ngrok/client/inspect"
)

// feed is a tab's websocket.
type feed struct {
	t     *testing.T
	conn  *websocket.Conn
	seq   uint64
	reset bool
	rows  map[inspect.ID]inspect.Summary
	state pageState
}

func (b *bed) openFeed(since uint64) *feed {
	b.t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial(fmt.Sprintf("ws%s/_ws?since=%d", strings.TrimPrefix(b.url, "http"), since), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	return &feed{t: b.t, conn: conn, rows: map[inspect.ID]inspect.Summary{}}
}

// until reads messages until ok says so.
func (f *feed) until(what string, ok func() bool) {
	f.t.Helper()
	f.conn.SetReadDeadline(time.Now().Add(60 * time.Second))
	for !ok() {
		var m struct {
			tabChanges
			State json.RawMessage
		}
		if err := f.conn.ReadJSON(&m); err != nil {
			f.t.Fatalf("waiting for %s: %v", what, err)
		}
		if m.Type == "state" {
			var s struct {
				Status string
				Usage  inspect.Usage
			}
			if err := json.Unmarshal(m.State, &s); err != nil {
				f.t.Fatal(err)
			}
			f.state.Status, f.state.Usage = s.Status, s.Usage
			continue
		}
		if m.Reset {
			f.reset = true
			clear(f.rows)
		}
		for _, row := range m.Rows {
			f.rows[row.ID] = row
		}
		for _, id := range m.Removed {
			delete(f.rows, id)
		}
		if m.Seq != 0 {
			f.seq = m.Seq
		}
	}
}

func TestSocket(t *testing.T) {
	b := newBed(t)
	first := b.capture("GET", "/echo?1", "")
	f := b.openFeed(0)
	f.until("the rows that are there", func() bool { return len(f.rows) == 1 && f.seq > 0 })
	f.until("the state", func() bool { return f.state.Status == "online" })

	second := b.capture("GET", "/echo?2", "")
	f.until("a new row", func() bool { return f.rows[second.ID].Status == 200 })
	f.until("what the store holds", func() bool { return f.state.Usage.Exchanges == 2 })
	b.client.set(func(s *client.State) { s.Status = client.Reconnecting })
	f.until("a new state", func() bool { return f.state.Status == "reconnecting" })
	seq := f.seq
	f.conn.Close()

	third := b.capture("GET", "/echo?3", "")
	if err := b.store.Pin(first.ID, true); err != nil {
		t.Fatal(err)
	}
	back := b.openFeed(seq)
	back.until("what happened meanwhile", func() bool { return back.seq > seq && len(back.rows) >= 2 })
	if _, ok := back.rows[second.ID]; ok || back.reset {
		t.Error("what was known is told again")
	}
	if !back.rows[first.ID].Pinned || back.rows[third.ID].Status != 200 {
		t.Errorf("rows are %+v", back.rows)
	}
	b.store.Clear(false)
	back.until("removals", func() bool { return len(back.rows) == 1 })

	// A page that is older than this program.
	stale := b.openFeed(1)
	stale.until("everything anew", func() bool { return stale.reset && stale.seq > 0 })
	if len(stale.rows) != 1 {
		t.Errorf("a stale page is given %d rows, want the pinned one", len(stale.rows))
	}
}

func TestSocketInPieces(t *testing.T) {
	b := newBed(t)
	const n = 2*rowsAtOnce + 10
	var har strings.Builder
	har.WriteString(`{"log":{"version":"1.2","creator":{"name":"t","version":"1"},"entries":[`)
	for i := range n {
		if i > 0 {
			har.WriteString(",")
		}
		fmt.Fprintf(&har, `{"startedDateTime":"2026-01-02T03:04:05Z","time":1,"request":{"method":"GET","url":"http://a.example/%d","httpVersion":"HTTP/1.1","headers":[],"queryString":[],"cookies":[],"headersSize":-1,"bodySize":0},`+
			`"response":{"status":200,"statusText":"OK","httpVersion":"HTTP/1.1","headers":[],"cookies":[],"content":{"size":0,"mimeType":""},"redirectURL":"","headersSize":-1,"bodySize":0},"cache":{},"timings":{"send":0,"wait":1,"receive":0}}`, i)
	}
	har.WriteString(`]}}`)
	status, text := b.call("POST", "/api/har", har.String())
	if status != 200 || strings.Count(text, ",") != n-1 {
		t.Fatalf("import: %d %.200s", status, text)
	}
	f := b.openFeed(0)
	f.until("all rows", func() bool { return f.seq != 0 })
	if len(f.rows) != n {
		t.Errorf("%d rows before the sequence number, want %d", len(f.rows), n)
	}
}

// shortStall gives peers little time.
func shortStall(c *Config, _ *inspect.Options) { c.stall = 200 * time.Millisecond }

// stalledTab opens a websocket and never reads from it.
func stalledTab(t *testing.T, b *bed) net.Conn {
	t.Helper()
	addr := strings.TrimPrefix(b.url, "http://")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.(*net.TCPConn).SetReadBuffer(4096)
	fmt.Fprintf(conn, "GET /_ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", addr)
	res, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("handshake: %v %v", res, err)
	}
	return conn
}

func TestStalledTabsAreDropped(t *testing.T) {
	b := newBed(t, shortStall)
	stalled := stalledTab(t, b)
	defer stalled.Close()
	waitFor(t, "the tab to be dropped", func() bool { return len(b.server.tabs) == 0 })
	stalled.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.Copy(io.Discard, stalled); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("its connection is still there")
	}
}

func TestTabsNeverCostARequest(t *testing.T) {
	requests := 2000
	if n, err := strconv.Atoi(os.Getenv("INSPECTOR_REQUESTS")); err == nil {
		requests = n // a longer run by hand
	}
	b := newBed(t)
	for range 100 {
		defer stalledTab(t, b).Close()
	}
	stop := make(chan struct{})
	var tabs, visitors sync.WaitGroup
	for range 4 { // and a hundred and more that come and go
		tabs.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(b.url, "http")+"/_ws", nil)
				if err != nil {
					continue // at most maxTabs at a time
				}
				if i%2 == 0 {
					conn.ReadMessage()
				}
				conn.NetConn().(*net.TCPConn).SetLinger(0)
				conn.NetConn().Close()
			}
		})
	}
	var failed atomic.Int64
	for range 8 {
		visitors.Go(func() {
			c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: 60 * time.Second}
			defer c.CloseIdleConnections()
			for range requests / 8 {
				res, err := c.Get("http://" + b.tunnel + "/status/204")
				if err != nil || res.StatusCode != 204 {
					failed.Add(1)
					continue
				}
				res.Body.Close()
			}
		})
	}
	visitors.Wait()
	close(stop)
	tabs.Wait()
	if n := failed.Load(); n > 0 {
		t.Errorf("%d of %d requests failed", n, requests)
	}
}

func TestTabsAreBounded(t *testing.T) {
	b := newBed(t)
	for range maxTabs {
		b.server.tabs <- struct{}{}
	}
	if status, _ := b.call("GET", "/_ws", ""); status != 503 {
		t.Errorf("one tab too many: %d, want 503", status)
	}
	for range maxTabs {
		<-b.server.tabs
	}
}

func TestSlowDownloadsEnd(t *testing.T) {
	gone := make(chan error, 1)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		slow := newStallWriter(w, 100*time.Millisecond)
		p := make([]byte, 1<<20)
		for {
			if _, err := slow.Write(p); err != nil {
				gone <- err
				return
			}
		}
	}))
	defer service.Close()
	conn, err := net.Dial("tcp", service.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	select {
	case err := <-gone:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("it ended with %v, want a deadline", err)
		}
	case <-time.After(60 * time.Second):
		t.Error("a peer that does not read is still written to")
	}
}
