package logging

import (
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// queueBytes is how much may wait for a slow destination. It holds several
	// thousand lines, more than any burst that a working disk does not absorb.
	queueBytes = 1 << 20

	// retryEvery is how long a failed write waits for the next attempt: a disk
	// that is full stays so for a while, and asking more often only costs time.
	retryEvery = time.Second

	// closeWait bounds how long Close waits for a destination that is stuck.
	closeWait = time.Second
)

// errUnflushed is what Close returns when lines were still waiting.
var errUnflushed = errors.New("not all lines could be written in time")

// Queue is an [io.Writer] that never blocks: lines wait in a bounded buffer for one
// goroutine that writes them to the destination. When the buffer is full, lines are
// dropped whole and counted; once the destination takes bytes again, a line in the
// place of the dropped ones says how many they were. A failed write is repeated from
// where it stopped, so that a disk that was full leaves no broken line behind.
type Queue struct {
	w    io.Writer
	note func(lost int64) []byte

	wake    chan struct{} // one slot: there is something to do
	closing chan struct{} // closed by Close
	done    chan struct{} // closed when the writing goroutine has ended

	mu      sync.Mutex
	buf     []byte // whole lines that wait
	lost    int64  // lines dropped after those in buf
	dropped int64  // lines dropped in all
	closed  bool
}

// NewQueue starts a queue in front of w, which is written to by one goroutine and
// never closed. note makes the line that reports dropped ones; nil reports nothing.
// The queue must be closed.
func NewQueue(w io.Writer, note func(lost int64) []byte) *Queue {
	q := &Queue{
		w:       w,
		note:    note,
		wake:    make(chan struct{}, 1),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	go q.run()
	return q
}

// Write queues p, which is one or more whole lines, and reports success always. It
// is safe for concurrent use and keeps no reference to p.
func (q *Queue) Write(p []byte) (int, error) {
	q.mu.Lock()
	// Once a line was dropped all are until the buffer was taken: the note about
	// them stands behind the buffer's last line.
	if q.closed || q.lost > 0 || len(q.buf)+len(p) > queueBytes {
		q.lost++
		q.dropped++
	} else {
		q.buf = append(q.buf, p...)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return len(p), nil
}

// Dropped returns how many writes were dropped.
func (q *Queue) Dropped() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Close waits until everything is written, but no longer than a second: behind a
// stuck destination the writing goroutine is left to end when the destination does.
// Writes after Close are dropped.
func (q *Queue) Close() error {
	q.mu.Lock()
	first := !q.closed
	q.closed = true
	q.mu.Unlock()
	if first {
		close(q.closing)
	}
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case <-q.done:
	case <-timer.C:
		return errUnflushed
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.buf) > 0 {
		return errUnflushed
	}
	return nil
}

// run writes until the queue is closed and empty, or closed and failing.
func (q *Queue) run() {
	defer close(q.done)
	patient := true // until Close: then each batch has one more attempt
	for {
		batch, last := q.take()
		for len(batch) > 0 {
			n, err := q.w.Write(batch)
			batch = batch[n:]
			if err == nil {
				continue
			}
			if !patient {
				q.giveBack(batch)
				return
			}
			patient = q.sleep()
		}
		if last {
			return
		}
		select {
		case <-q.wake:
		case <-q.closing:
		}
	}
}

// take empties the buffer. last reports that nothing will follow.
func (q *Queue) take() (batch []byte, last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch, q.buf = q.buf, nil
	if q.lost > 0 && q.note != nil {
		batch = append(batch, q.note(q.lost)...)
	}
	q.lost = 0
	return batch, q.closed
}

// giveBack returns what could not be written, for Close to see.
func (q *Queue) giveBack(batch []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.buf = append(batch, q.buf...)
}

// sleep waits before a failed write is repeated; false means that the queue was
// closed and there is no time to wait.
func (q *Queue) sleep() bool {
	timer := time.NewTimer(retryEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-q.closing:
		return false
	}
}
