package server

import (
	"errors"
	"sync"

	"ngrok/msg"
)

// outboxMax is how many messages may wait for a client that does not read: more than
// any that does will ever see.
const outboxMax = 1024

var errOutboxFull = errors.New("the client does not read what it is sent")

// outbox is the queue of messages to one client. Putting never blocks. A goroutine
// sends what waits, and ends when nothing does: an idle session needs none.
type outbox struct {
	send func([]msg.Message) error // blocks; its error ends the session

	mu      sync.Mutex
	queue   []msg.Message
	sending bool
	closed  bool
	failed  error
	writer  sync.WaitGroup
}

// put queues m. Its error is that of an earlier send, or errOutboxFull; what comes after
// close is dropped.
func (o *outbox) put(m ...msg.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed != nil || o.closed {
		return o.failed
	}
	if len(o.queue)+len(m) > outboxMax {
		return errOutboxFull
	}
	o.queue = append(o.queue, m...)
	if !o.sending && len(o.queue) > 0 {
		o.sending = true
		o.writer.Go(o.run)
	}
	return nil
}

func (o *outbox) run() {
	for {
		o.mu.Lock()
		q := o.queue
		o.queue = nil
		if len(q) == 0 || o.failed != nil {
			o.sending = false
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
		if err := o.send(q); err != nil {
			o.mu.Lock()
			o.failed = err
			o.mu.Unlock()
		}
	}
}

// close waits until what was put has been sent, and takes nothing more. Its error is
// that of a send.
func (o *outbox) close() error {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.writer.Wait()
	return o.failed
}
