package inspect

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"
)

// bodyOf returns bytes by which the exchange of that number is known.
func bodyOf(number int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%07d.", number), 4<<10+number%1000)
}

// Exchanges are removed while others read them: what a reader gets is all of the
// exchange that it asked for, never bytes of the one that has its memory next.
func TestReadersWhileRemoved(t *testing.T) {
	s := New(Options{DBSize: 1 << 20})
	done := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				rows := s.List(ListOptions{Limit: 1000}).Rows
				for i := len(rows) - 1; i >= 0; i-- { // the next to go first
					e, err := s.Exchange(rows[i].ID)
					if err != nil || e.Open {
						continue
					}
					var number int
					fmt.Sscanf(e.Path, "/%d", &number)
					if !bytes.Equal(e.Response.Body, bodyOf(number)) {
						t.Errorf("the body of %s has %d other bytes, it begins with %.20q", e.Path, len(e.Response.Body), e.Response.Body)
						return
					}
				}
			}
		})
	}
	for i := range 4 {
		writers.Go(func() {
			for j := range 250 {
				n := i*1000 + j
				tap := s.Open(testInfo)
				tap.Request(fmt.Appendf(nil, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", n))
				body := bodyOf(n)
				tap.Response(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body)))
				tap.Response(body)
				tap.RequestEnd(nil)
				tap.ResponseEnd(nil)
				tap.Close()
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	s.Clear(true)
	wantEmpty(t, s)
}

// What a reader holds is not used again before it lets go, and then it is.
func TestReaderHoldsBlocks(t *testing.T) {
	s := New(Options{DBSize: 1 << 20})
	id := pass(t, s, "/1", bodyOf(1))
	s.mu.Lock()
	r := s.findLocked(id)
	s.mu.Unlock()
	r.mu.Lock()
	r.readers++
	held := r.res.snapshot()
	r.mu.Unlock()
	s.Clear(true)
	if _, err := s.Exchange(id); err != ErrNotFound {
		t.Errorf("a removed exchange: %v", err)
	}
	if e, ok := s.exchange(version{r: r}); ok {
		t.Errorf("a removed exchange is shown: %+v", e.Summary)
	}
	before, _ := s.arena.use()
	for n := range 100 {
		pass(t, s, "/2", bodyOf(n))
	}
	if m := held.message(s.arena); !bytes.Equal(m.Body, bodyOf(1)) {
		t.Error("held blocks were used again")
	}
	s.Clear(true)
	if used, _ := s.arena.use(); used != before || used < 32<<10 {
		t.Errorf("%d bytes are held, want %d", used, before)
	}
	s.release(r)
	wantEmpty(t, s)
}

// Each exchange of a visitor is told once, when it ends.
func TestOnEnd(t *testing.T) {
	s := New(Options{})
	var told []string
	s.OnEnd(func(tunnel, scheme string, took time.Duration) {
		told = append(told, fmt.Sprint(tunnel, " ", scheme, " ", took >= 0))
	})
	tap := s.Open(testInfo)
	tap.Request([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"))
	tap.Response([]byte("HTTP/1.1 204 X\r\n\r\n"))
	if len(told) != 1 {
		t.Errorf("told %q after one response", told)
	}
	s.Clear(true) // an exchange that is removed while it is open ends all the same
	tap.RequestEnd(nil)
	tap.ResponseEnd(nil)
	tap.Close()
	if len(told) != 2 || told[0] != "web http true" || told[1] != told[0] {
		t.Errorf("told %q", told)
	}
	replay := s.newCapture(testInfo, "origin")
	replay.Request([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
	replay.Close()
	s.OnEnd(nil)
	pass(t, s, "/3", nil)
	if len(told) != 2 {
		t.Errorf("told of a replay, or after the end: %q", told)
	}
}
