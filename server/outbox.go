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

// outbox is the queue of messages to one client. Putting never blocks.
type outbox struct {
	mu     sync.Mutex
	queue  []msg.Message
	signal chan struct{} // one slot: there is something to send
}

func newOutbox() *outbox { return &outbox{signal: make(chan struct{}, 1)} }

// put queues m, or returns errOutboxFull.
func (o *outbox) put(m ...msg.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue)+len(m) > outboxMax {
		return errOutboxFull
	}
	o.queue = append(o.queue, m...)
	select {
	case o.signal <- struct{}{}:
	default:
	}
	return nil
}

// takeAll returns what waits, in order.
func (o *outbox) takeAll() []msg.Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.queue
	o.queue = nil
	return q
}
