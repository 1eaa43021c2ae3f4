package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ngrok/client"
)

// pass lets one exchange pass and returns its id.
func pass(t testing.TB, s *Store, path string, body []byte) ID {
	t.Helper()
	tap := s.Open(testInfo)
	tap.Request(fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path))
	tap.Response(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body)))
	tap.Response(body)
	tap.RequestEnd(nil)
	tap.ResponseEnd(nil)
	tap.Close()
	rows := s.List(ListOptions{Limit: 1}).Rows
	if len(rows) == 0 {
		return ""
	}
	return rows[0].ID
}

func paths(rows []Summary) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r.Path)
	}
	return out
}

func TestCaptureOff(t *testing.T) {
	s := New(Options{DBSize: -1})
	if s.Enabled() || s.Tap() != nil {
		t.Errorf("Enabled() = %v, Tap() = %v; want false, nil", s.Enabled(), s.Tap())
	}
	if tap := s.Open(testInfo); tap != nil {
		t.Errorf("Open() = %v, want nil", tap)
	}
	if s := New(Options{}); !s.Enabled() || s.Tap() == nil {
		t.Error("with the zero options capture is off")
	}
}

func TestExchangeShowsWhileOpen(t *testing.T) {
	s := New(Options{})
	tap := s.Open(testInfo)
	tap.Request([]byte("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r"))
	if n := len(s.List(ListOptions{}).Rows); n != 0 {
		t.Fatalf("%d rows before the head was complete", n)
	}
	tap.Request([]byte("\nab"))
	row := s.List(ListOptions{}).Rows[0]
	if !row.Open || row.Method != "POST" || row.RequestSize != 2 || row.Status != 0 || !row.FirstByte.IsZero() {
		t.Errorf("after the head: %+v", row)
	}
	tap.Request([]byte("cd"))
	tap.Response([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"))
	e, err := s.Exchange(row.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !e.Open || e.Status != 200 || e.FirstByte.IsZero() || len(e.Events) != 1 || e.Events[0].Time.IsZero() {
		t.Errorf("after the first event: %+v, events %v", e.Summary, e.Events)
	}
	tap.Response([]byte("data: 2\n\n"))
	if e, _ := s.Exchange(row.ID); len(e.Events) != 2 || e.Events[1].Data != "2" {
		t.Errorf("after the second event: %v", e.Events)
	}
	if len(e.Events) != 1 {
		t.Error("a snapshot has changed")
	}
	tap.RequestEnd(nil)
	tap.ResponseEnd(nil)
	tap.Close()
	if row := s.List(ListOptions{}).Rows[0]; row.Open || row.Duration <= 0 || row.Error != "" {
		t.Errorf("after the end: %+v", row)
	}
}

// A large response may pass before the tap is offered the request that it answers.
func TestResponseLongBeforeRequest(t *testing.T) {
	s := New(Options{})
	tap := s.Open(testInfo)
	body := bytes.Repeat([]byte("x"), 3*maxEarly)
	tap.Response(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body)))
	for p := range slices.Chunk(body, 32<<10) {
		tap.Response(p)
	}
	tap.Request([]byte("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"))
	tap.Request([]byte("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"))
	tap.Response([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
	tap.RequestEnd(nil)
	tap.ResponseEnd(nil)
	tap.Close()
	all := exchanges(t, s)
	if len(all) != 2 {
		t.Fatalf("%d exchanges, want 2", len(all))
	}
	if e := all[0]; e.Path != "/1" || e.Status != 200 || !bytes.Equal(e.Response.Body, body) || len(e.Notes) != 0 || e.Open {
		t.Errorf("first: %+v, body of %d, notes %q", e.Summary, len(e.Response.Body), e.Notes)
	}
	if e := all[1]; e.Path != "/2" || e.Status != 204 || e.Open || e.Error != "" {
		t.Errorf("second: %+v", e.Summary)
	}
}

func TestListPages(t *testing.T) {
	s := New(Options{})
	for i := range 25 {
		pass(t, s, fmt.Sprintf("/%d", i), nil)
	}
	page := s.List(ListOptions{Limit: 10})
	if got := paths(page.Rows); got[0] != "/24" || got[9] != "/15" || !page.More || page.Total != 25 {
		t.Errorf("first page: %v, more %v, total %d", got, page.More, page.Total)
	}
	page = s.List(ListOptions{Limit: 20, Before: page.Rows[9].ID})
	if got := paths(page.Rows); len(got) != 15 || got[0] != "/14" || got[14] != "/0" || page.More {
		t.Errorf("second page: %v, more %v", got, page.More)
	}
	if got := s.List(ListOptions{Tunnel: "other"}).Rows; len(got) != 0 {
		t.Errorf("rows of another tunnel: %v", got)
	}
}

// wantEmpty checks that nothing is accounted for any more, and all memory is back.
func wantEmpty(t testing.TB, s *Store) {
	t.Helper()
	if u := s.Usage(); u.Exchanges != 0 || u.Bytes != 0 {
		t.Errorf("after everything was removed: %+v", u)
	}
	if used, total := s.arena.use(); used != 0 || total > spareMemory+chunkSize {
		t.Errorf("after everything was removed %d bytes are in blocks, %d in chunks", used, total)
	}
}

func TestBudgetAndPins(t *testing.T) {
	s := New(Options{DBSize: 1200 << 10})
	body := make([]byte, 50<<10)
	first := pass(t, s, "/first", body)
	if err := s.Pin(first, true); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		pass(t, s, fmt.Sprintf("/%d", i), body)
		if u := s.Usage(); u.Bytes > u.Budget {
			t.Fatalf("%d bytes are kept, more than %d", u.Bytes, u.Budget)
		}
	}
	rows := s.List(ListOptions{Limit: 200}).Rows
	got := paths(rows)
	if got[0] != "/99" || got[1] != "/98" || got[len(got)-1] != "/first" || len(got) < 14 || !rows[len(rows)-1].Pinned {
		t.Errorf("rows: %v", got)
	}
	if u := s.Usage(); u.Evicted != int64(101-len(got)) || u.Pinned != 1 || u.Exchanges != len(got) {
		t.Errorf("usage: %+v, rows %d", u, len(got))
	}
	if _, err := s.Exchange("nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown exchange: %v", err)
	}
	var limit error
	for _, r := range rows {
		if err := s.Pin(r.ID, true); err != nil {
			limit = err
		}
	}
	if u := s.Usage(); !errors.Is(limit, ErrPinLimit) || u.Pinned < 5 || u.Pinned > 10 {
		t.Errorf("pinned %d, error %v", u.Pinned, limit)
	}
	if n := s.Clear(false); n != len(rows)-s.Usage().Pinned {
		t.Errorf("Clear(false) = %d of %d rows, %d pinned", n, len(rows), s.Usage().Pinned)
	}
	if err := s.Pin(first, false); err != nil {
		t.Fatal(err)
	}
	s.Clear(true)
	wantEmpty(t, s)
}

// What grows while it is pinned must not push everything else out.
func TestPinnedStopsGrowing(t *testing.T) {
	s := New(Options{DBSize: 1 << 20, BodySize: 128 << 10})
	var taps []client.ConnTap
	for range 8 {
		tap := s.Open(testInfo)
		tap.Request([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
		tap.Response([]byte("HTTP/1.1 200 OK\r\n\r\n"))
		if err := s.Pin(s.List(ListOptions{Limit: 1}).Rows[0].ID, true); err != nil {
			t.Fatal(err)
		}
		taps = append(taps, tap)
	}
	for _, tap := range taps {
		for range 20 {
			tap.Response(make([]byte, 8<<10))
		}
		tap.Close()
	}
	if u := s.Usage(); u.Bytes > u.Budget/2+8*64<<10 {
		t.Errorf("pinned exchanges take %d bytes of %d", u.Bytes, u.Budget)
	}
	last := exchanges(t, s)[7]
	if !last.Response.Truncated || len(last.Notes) == 0 || last.Response.BodySize != 160<<10 {
		t.Errorf("the last one says: truncated %v, %d bytes, notes %q", last.Response.Truncated, last.Response.BodySize, last.Notes)
	}
}

func TestChanges(t *testing.T) {
	s := New(Options{DBSize: 1 << 20})
	c := s.Changes(0, 0)
	if !c.Reset || len(c.Changed) != 0 {
		t.Fatalf("of an empty store: %+v", c)
	}
	a := pass(t, s, "/a", nil)
	b := pass(t, s, "/b", nil)
	c2 := s.Changes(c.Seq, 0)
	if got := paths(c2.Changed); !slices.Equal(got, []string{"/a", "/b"}) || c2.Reset || len(c2.Removed) != 0 {
		t.Errorf("after two: %+v", c2)
	}
	if c := s.Changes(c2.Seq, 0); len(c.Changed)+len(c.Removed) != 0 || c.Seq != c2.Seq || c.Reset {
		t.Errorf("after nothing: %+v", c)
	}
	if err := s.Pin(a, true); err != nil {
		t.Fatal(err)
	}
	s.Clear(false)
	c3 := s.Changes(c2.Seq, 0)
	if got := paths(c3.Changed); !slices.Equal(got, []string{"/a"}) || !slices.Equal(c3.Removed, []ID{b}) || c3.Reset {
		t.Errorf("after pin and clear: %+v", c3)
	}
	if c := s.Changes(c.Seq, 1); !slices.Equal(paths(c.Changed), []string{"/a"}) || c.Reset {
		t.Errorf("at the limit: %+v", c)
	}
	pass(t, s, "/c", nil)
	if c := s.Changes(c.Seq, 1); !slices.Equal(paths(c.Changed), []string{"/c"}) || !c.Reset {
		t.Errorf("over the limit: %+v", c)
	}
	if c := s.Changes(c3.Seq+1000000, 0); !c.Reset {
		t.Error("a number from the future is believed")
	}
	if c := New(Options{}).Changes(c3.Seq, 0); !c.Reset {
		t.Error("a number of another run is believed")
	}
	for range maxRemovals + 1 {
		pass(t, s, "/x", nil)
		s.Clear(false)
	}
	if c := s.Changes(c3.Seq, 0); !c.Reset {
		t.Error("forgotten removals are not told")
	}
}

func TestRemovalLog(t *testing.T) {
	var l removalLog
	for i := range uint64(3 * maxRemovals / 2) {
		l.add(i+1, i+1)
	}
	last := uint64(3 * maxRemovals / 2)
	if got, ok := l.after(last - 2); !ok || !slices.Equal(got, []uint64{last, last - 1}) {
		t.Errorf("the latest two: %v, %v", got, ok)
	}
	if got, ok := l.after(last - maxRemovals); !ok || len(got) != maxRemovals {
		t.Errorf("all that are remembered: %d, %v", len(got), ok)
	}
	if _, ok := l.after(last - maxRemovals - 1); ok {
		t.Error("a forgotten removal is not noticed")
	}
}

func TestSubscribe(t *testing.T) {
	s := New(Options{})
	changed, stop := s.Subscribe()
	stalled, _ := s.Subscribe() // never read: it must not cost anything
	for range 100 {
		pass(t, s, "/", nil)
	}
	select {
	case <-changed:
	default:
		t.Fatal("no value after a change")
	}
	select {
	case <-changed:
		t.Fatal("a value without a change")
	default:
	}
	stop()
	pass(t, s, "/", nil)
	select {
	case <-changed:
		t.Error("a value after the end of the subscription")
	default:
	}
	if len(stalled) != 1 {
		t.Errorf("the stalled subscriber holds %d values", len(stalled))
	}
}

// Viewers read everything while many connections come and go.
func TestConcurrentViewers(t *testing.T) {
	s := New(Options{DBSize: 2 << 20, BodySize: 32 << 10})
	deep, err := ParseFilter("-body:zzz header:host")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var viewers, conns sync.WaitGroup
	for range 4 {
		viewers.Go(func() {
			changed, stop := s.Subscribe()
			defer stop()
			var since uint64
			for {
				select {
				case <-done:
					return
				case <-changed:
				}
				c := s.Changes(since, 50)
				since = c.Seq
				for _, row := range c.Changed {
					if row.ID == "" {
						t.Error("a row without id")
					}
					if e, err := s.Exchange(row.ID); err == nil {
						e.Response.Content()
						e.Masked()
						if row.Number%7 == 0 {
							_ = s.Pin(row.ID, row.Number%2 == 0)
						}
					}
				}
				s.List(ListOptions{Limit: 5, Filter: deep})
			}
		})
	}
	for i := range 8 {
		conns.Go(func() {
			for j := range 60 {
				x := captureTests[(i+j)%len(captureTests)]
				tap := s.Open(testInfo)
				var sides sync.WaitGroup
				sides.Go(func() {
					for p := range slices.Chunk([]byte(x.req), 40) {
						tap.Request(p)
					}
					tap.RequestEnd(x.reqErr)
				})
				sides.Go(func() {
					for p := range slices.Chunk([]byte(x.res), 30) {
						tap.Response(p)
					}
					tap.ResponseEnd(x.resErr)
				})
				sides.Wait()
				tap.Close()
				if j == 30 {
					s.Clear(i%2 == 0)
				}
			}
		})
	}
	conns.Wait()
	close(done)
	viewers.Wait()
	for _, row := range s.List(ListOptions{Limit: 1 << 20}).Rows {
		if row.Open {
			t.Errorf("still open: %+v", row)
		}
	}
	s.Clear(true)
	wantEmpty(t, s)
}

// heap returns the bytes in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestMemoryStaysWithinBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 400 MB")
	}
	const budget = 20 << 20
	var open []client.ConnTap // whose visitors do nothing more
	defer func() { runtime.KeepAlive(open) }()
	tests := []struct {
		name string
		run  func(s *Store)
	}{
		{"one stream of 300 MB", func(s *Store) {
			tap := s.Open(testInfo)
			tap.Request([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
			tap.Response([]byte("HTTP/1.1 200 OK\r\nContent-Length: 314572800\r\n\r\n"))
			p := make([]byte, 32<<10)
			for range 314572800 / len(p) {
				tap.Response(p)
			}
		}},
		{"300 bodies of 100 KB, at the same time", func(s *Store) {
			var taps []client.ConnTap
			for range 300 {
				tap := s.Open(testInfo)
				tap.Request([]byte("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"))
				taps = append(taps, tap)
			}
			for range 25 {
				for _, tap := range taps {
					tap.Request(fmt.Appendf(nil, "1000\r\n%4096s\r\n", ""))
				}
			}
		}},
		{"100000 small requests", func(s *Store) {
			tap := s.Open(testInfo)
			for range 100000 {
				tap.Request([]byte("GET /some/path?with=a&query=string HTTP/1.1\r\nHost: web.example.com\r\nUser-Agent: test\r\n\r\n"))
				tap.Response([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"))
			}
		}},
		{"200 messages and events that are never complete", func(s *Store) {
			for i := range 200 {
				tap := s.Open(testInfo)
				open = append(open, tap)
				tap.Request([]byte("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
				if i%2 == 0 {
					tap.Response([]byte("HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n"))
					tap.Response(append([]byte("\x81\x7f\x00\x00\x00\x00\x00\x10\x00\x00"), make([]byte, 1<<20-1)...))
				} else {
					tap.Response([]byte("HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\n\r\n"))
					tap.Response([]byte("data: " + strings.Repeat("x", 250<<10)))
				}
			}
		}},
		{"8000 requests with trailers", func(s *Store) {
			tap := s.Open(testInfo)
			for range 8000 {
				tap.Request([]byte("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("ab:c\r\n", 1000) + "\r\n"))
				tap.Response([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
			}
		}},
		{"100 websockets and event streams", func(s *Store) {
			for i := range 100 {
				tap := s.Open(testInfo)
				tap.Request([]byte("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
				if i%2 == 0 {
					tap.Response([]byte("HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n"))
				} else {
					tap.Response([]byte("HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\n\r\n"))
				}
				for range 1000 {
					if i%2 == 0 {
						tap.Response(append([]byte("\x81\x7e\x04\x00"), make([]byte, 1024)...))
					} else {
						tap.Response([]byte("data: " + strings.Repeat("x", 1000) + "\n\n"))
					}
				}
			}
		}},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			before := heap()
			s := New(Options{DBSize: budget})
			x.run(s)
			grown := heap() - before
			if !inHeap {
				_, total := s.arena.use()
				grown += total
			}
			u := s.Usage()
			if u.Bytes > budget {
				t.Errorf("%d bytes are accounted for, of %d", u.Bytes, budget)
			}
			// What is not accounted for is that the estimates are estimates.
			if limit := u.Bytes + u.Bytes/10 + spareMemory + 1<<20; grown > limit {
				t.Errorf("the heap grew by %d bytes, %d are accounted for", grown, u.Bytes)
			}
			s.Clear(true)
			wantEmpty(t, s)
		})
	}
}

// 10,000 rows are cheap to list, to follow and to filter.
func TestManyRows(t *testing.T) {
	s := New(Options{})
	since := s.Changes(0, 0).Seq
	for i := range 10000 {
		pass(t, s, fmt.Sprintf("/%d", i), []byte("some body"))
	}
	if u := s.Usage(); u.Exchanges != 10000 || u.Evicted != 0 {
		t.Fatalf("usage: %+v", u)
	}
	begin := time.Now()
	if n := len(s.List(ListOptions{Limit: 10000}).Rows); n != 10000 {
		t.Errorf("%d rows", n)
	}
	f, _ := ParseFilter("/9999 status:200")
	if n := len(s.List(ListOptions{Filter: f}).Rows); n != 1 {
		t.Errorf("%d rows match", n)
	}
	if n := len(s.Changes(since, 10000).Changed); n != 10000 {
		t.Errorf("%d changes", n)
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("that took %v", d)
	}
}
