package logging

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func note(lost int64) []byte { return fmt.Appendf(nil, "lost %d\n", lost) }

// fill writes n lines of 1 KiB to q and fails the test when that takes long.
func fill(t *testing.T, q *Queue, n int) {
	t.Helper()
	line := append(bytes.Repeat([]byte{'x'}, 1023), '\n')
	start := time.Now()
	for range n {
		if m, err := q.Write(line); m != len(line) || err != nil {
			t.Fatalf("Write = %d, %v", m, err)
		}
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("writing %d lines took %v: a writer was kept waiting", n, d)
	}
}

// A pipe that nobody reads takes 64 KiB and then blocks.
func TestQueueStuckPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	q := NewQueue(w, note)
	const sent = 10_000
	fill(t, q, sent)
	if q.Dropped() == 0 {
		t.Fatal("10 MB went into a pipe that nobody reads")
	}

	// The reader wakes up: it sees whole lines and how many are missing.
	go func() { q.Close(); w.Close() }()
	var lines, lost int64
	for sc := bufio.NewScanner(r); sc.Scan(); {
		var n int64
		if _, err := fmt.Sscanf(sc.Text(), "lost %d", &n); err == nil {
			lost += n
		} else if len(sc.Text()) == 1023 {
			lines++
		} else {
			t.Fatalf("broken line of %d bytes", len(sc.Text()))
		}
	}
	if lines+lost != sent || lost != q.Dropped() {
		t.Errorf("read %d lines and notes of %d lost ones, sent %d, dropped %d", lines, lost, sent, q.Dropped())
	}
}

func TestQueueCloseDoesNotWaitForStuckPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	q := NewQueue(w, note)
	fill(t, q, 200)
	start := time.Now()
	if err := q.Close(); !errors.Is(err, errUnflushed) {
		t.Errorf("Close = %v, want %v", err, errUnflushed)
	}
	if d := time.Since(start); d > closeWait+30*time.Second {
		t.Errorf("Close took %v", d)
	}
	r.Close()
	w.Close()
	<-q.done // the goroutine ends with its destination
}

func TestQueueDiskFull(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here:", err)
	}
	defer f.Close()
	q := NewQueue(f, note)
	fill(t, q, 10_000)
	if q.Dropped() == 0 {
		t.Error("10 MB went onto a full disk")
	}
	if err := q.Close(); !errors.Is(err, errUnflushed) {
		t.Errorf("Close = %v, want %v", err, errUnflushed)
	}
}

// disk fails with ENOSPC beyond its room.
type disk struct {
	mu   sync.Mutex
	room int
	bytes.Buffer
}

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(len(p), d.room-d.Len())
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

// When the disk has room again the line that was cut is completed, and a note
// stands where lines are missing.
func TestQueueDiskFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{room: 100}
		q := NewQueue(d, note)
		for i := range 3 * queueBytes / 64 {
			fmt.Fprintf(q, "%063d\n", i)
			if i == 10 {
				synctest.Wait()
			}
		}
		d.mu.Lock()
		d.room = 1 << 30
		d.mu.Unlock()
		time.Sleep(2 * retryEvery) // the bubble's clock
		synctest.Wait()
		fmt.Fprintf(q, "%063d\n", 0)
		if err := q.Close(); err != nil {
			t.Error("Close:", err)
		}
		var want int64
		var notes int64
		for line := range strings.Lines(d.String()) {
			var n int64
			if _, err := fmt.Sscanf(line, "lost %d\n", &n); err == nil {
				notes++
				want += n
				continue
			}
			if len(line) != 64 {
				t.Fatalf("broken line %q", line)
			}
			if fmt.Sscanf(line, "%d\n", &n); n != want && n != 0 {
				t.Fatalf("line %d stands where %d should", n, want)
			}
			want++
		}
		if notes != 1 {
			t.Errorf("%d notes about dropped lines, want 1", notes)
		}
	})
}

func TestQueueCloseFlushes(t *testing.T) {
	var b bytes.Buffer
	q := NewQueue(&b, note)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				io.WriteString(q, "line\n")
			}
		})
	}
	wg.Wait()
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.String(), "line\n"); got != 2000 {
		t.Errorf("%d lines written, want 2000", got)
	}
	io.WriteString(q, "late\n")
	if err := q.Close(); err != nil || q.Dropped() != 1 {
		t.Errorf("after a late write: Close = %v, Dropped = %d", err, q.Dropped())
	}
}
