package term

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ngrok/client"
)

// memoryTerminal is a terminal whose frames and keys are in memory.
type memoryTerminal struct {
	mu            sync.Mutex
	width, height int
	frames        []frameRecord
	closed        int
	sizeErr       error
	stuck         chan struct{} // if not nil, show hangs until it is closed

	events chan event
}

type frameRecord struct {
	at      time.Time
	text    string
	repaint bool
}

func newMemoryTerminal() *memoryTerminal {
	return &memoryTerminal{width: 80, height: 24, events: make(chan event)}
}

func (m *memoryTerminal) open() error { return nil }

func (m *memoryTerminal) size() (int, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.width, m.height, m.sizeErr
}

func (m *memoryTerminal) show(g *grid, repaint bool) error {
	if m.stuck != nil {
		<-m.stuck
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.frames = append(m.frames, frameRecord{time.Now(), markup(g), repaint})
	return nil
}

func (m *memoryTerminal) poll() event { return <-m.events }
func (m *memoryTerminal) interrupt()  { m.events <- eventInterrupt }

func (m *memoryTerminal) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
	m.sizeErr = errClosed
	return nil
}

func (m *memoryTerminal) drawn() []frameRecord {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]frameRecord(nil), m.frames...)
}

// runScreen runs a screen on m within a bubble; end ends it and returns its error.
func runScreen(t *testing.T, m *memoryTerminal, c Config) (end func() error) {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.term = m
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- s.Run(ctx) }()
	synctest.Wait()
	return func() error {
		cancel()
		err := <-result
		if m.closed == 0 {
			t.Error("the terminal was not closed")
		}
		return err
	}
}

func TestNewWantsASource(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("no error")
	}
}

func TestDrawsAtMostTenTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, m := &fakeSource{state: demoState()}, newMemoryTerminal()
		end := runScreen(t, m, Config{Source: src, Requests: src})
		for i := range 2000 { // one change per millisecond
			src.change(func(f *fakeSource) { f.state.Metrics.Conns.Count = int64(i) })
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		frames := m.drawn()
		if n := len(frames); n < 19 || n > 21 {
			t.Errorf("%d frames in 2 s", n)
		}
		time.Sleep(minInterval)
		synctest.Wait()
		frames = m.drawn()
		if last := frames[len(frames)-1].text; !strings.Contains(last, "1999") {
			t.Errorf("the last change was not drawn:\n%s", last)
		}
		if err := end(); err != nil {
			t.Error(err)
		}
		if n := src.subscribers(); n != 0 {
			t.Errorf("%d subscriptions left", n)
		}
	})
}

func TestDrawsAChangeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, m := &fakeSource{state: demoState()}, newMemoryTerminal()
		end := runScreen(t, m, Config{Source: src, Requests: src})
		time.Sleep(minInterval + time.Millisecond)
		for _, do := range []func(*fakeSource){
			func(f *fakeSource) { f.state.ServerVersion = "9.9.9" },
			func(f *fakeSource) { f.requests = []Request{{Method: "GET", Path: "/9.9.9", Status: 200}} },
		} {
			n := len(m.drawn())
			src.change(do)
			synctest.Wait()
			if frames := m.drawn(); len(frames) != n+1 || !strings.Contains(frames[n].text, "9.9.9") {
				t.Errorf("%d new frames", len(frames)-n)
			}
			// src tells both subscriptions of each change: let the second frame pass.
			time.Sleep(2*minInterval + time.Millisecond)
			synctest.Wait()
		}
		end()
	})
}

func TestCountsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, m := &fakeSource{state: demoState()}, newMemoryTerminal()
		src.state.Status, src.state.RetryAt = client.Reconnecting, time.Now().Add(3500*time.Millisecond)
		end := runScreen(t, m, Config{Source: src})
		time.Sleep(3600 * time.Millisecond)
		synctest.Wait()
		var got []string
		for _, f := range m.drawn() {
			_, after, _ := strings.Cut(f.text, "reconnecting ")
			words, _, _ := strings.Cut(after, ">")
			got = append(got, words)
		}
		if want := "in 4s,in 3s,in 2s,in 1s,now"; strings.Join(got, ",") != want {
			t.Errorf("frames say %q, want %s", got, want)
		}
		end()
	})
}

func TestKeysAndResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, m := &fakeSource{state: demoState()}, newMemoryTerminal()
		end := runScreen(t, m, Config{Source: src})
		time.Sleep(minInterval + time.Millisecond)

		m.mu.Lock()
		m.width, m.height = 40, 10
		m.mu.Unlock()
		m.events <- eventResize
		synctest.Wait()
		frames := m.drawn()
		if last := frames[len(frames)-1]; strings.Count(last.text, "\n") != 10 || last.repaint {
			t.Errorf("after a resize: repaint %v\n%s", last.repaint, last.text)
		}

		m.events <- eventResize // within minInterval of the last frame
		m.events <- eventRepaint
		m.events <- eventResize
		time.Sleep(minInterval)
		synctest.Wait()
		frames = m.drawn()
		if last := frames[len(frames)-1]; !last.repaint {
			t.Error("a repaint was lost to a resize")
		}

		m.events <- eventQuit
		synctest.Wait()
		if m.closed == 0 {
			t.Error("the terminal was not closed on quit")
		}
		if err := end(); err != nil {
			t.Error(err)
		}
	})
}

func TestRunEnds(t *testing.T) {
	t.Run("when the terminal is gone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMemoryTerminal()
			m.sizeErr = errLost
			if err := runScreen(t, m, Config{Source: &fakeSource{}})(); !errors.Is(err, errLost) {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("when the keyboard fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMemoryTerminal()
			end := runScreen(t, m, Config{Source: &fakeSource{}})
			m.events <- eventError
			synctest.Wait()
			if err := end(); !errors.Is(err, errLost) {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("when a write hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMemoryTerminal()
			m.stuck = make(chan struct{})
			end := runScreen(t, m, Config{Source: &fakeSource{}})
			start := time.Now()
			if err := end(); !errors.Is(err, ErrStalled) {
				t.Errorf("got %v", err)
			}
			if d := time.Since(start); d != closeTimeout {
				t.Errorf("it took %v", d)
			}
			close(m.stuck)
		})
	})
	t.Run("after Restore", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMemoryTerminal()
			s, _ := New(Config{Source: &fakeSource{}})
			s.term = m
			result := make(chan error, 1)
			go func() { result <- s.Run(t.Context()) }()
			synctest.Wait()
			s.Restore()
			if err := <-result; err != nil {
				t.Error(err)
			}
		})
	})
}

func TestClosedSignalIsNotSpunOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryTerminal()
		end := runScreen(t, m, Config{Source: endedSource{}})
		time.Sleep(10*time.Second + minInterval)
		synctest.Wait()
		if n := len(m.drawn()); n > 13 {
			t.Errorf("%d frames in 10 s without a change", n)
		}
		end()
	})
}

// endedSource is a source that closes its subscriptions.
type endedSource struct{}

func (endedSource) State() client.State { return client.State{Status: client.Closed} }
func (endedSource) Subscribe() (<-chan struct{}, func()) {
	c := make(chan struct{})
	close(c)
	return c, func() {}
}
