package server

import (
	"errors"
	"io"
	"os"
	"time"

	"ngrok/conn"
)

// This file is the side of a flight on which the visitor's goroutine waits and ends it;
// http_flight.go is the side on which responses are delivered.

func (f *flight) isOver() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.over
}

// wasOutlived reports whether the visitor's connection goes on without the flight, even
// if no request has come yet.
func (f *flight) wasOutlived() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.outlived
}

// answered reports whether all requests have been.
func (f *flight) answered() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unanswered == 0
}

// result returns what becomes of the visitor's connection when the flight is over.
func (f *flight) result() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	return errHangUp
}

// waitLonger lifts the visitor's read deadline if an answer is under way, and reports
// whether it did.
func (f *flight) waitLonger() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over || f.unanswered == 0 {
		return false
	}
	f.visit.leg.SetReadDeadline(time.Time{})
	return true
}

// await waits until done, or until the flight is over.
func (f *flight) await(done func() bool) (over bool) {
	for {
		f.mu.Lock()
		over, ok := f.over, done()
		f.mu.Unlock()
		if over || ok {
			return over
		}
		<-f.signal
	}
}

// watch is await for a visitor who is to send no more requests. It reads from the
// visitor, so that the private service learns when nobody waits for its answer any more.
// With keep it leaves unread what comes.
func (f *flight) watch(done func() bool, keep bool) (over bool, err error) {
	leg := f.visit.leg
	for {
		f.mu.Lock()
		over, f.watched = f.over, !f.over && !done()
		waiting := f.watched
		if waiting {
			leg.SetReadDeadline(time.Time{})
		}
		f.mu.Unlock()
		if !waiting {
			return over, nil
		}
		if !keep {
			leg.Consume(len(leg.Buffered()))
		}
		switch err := leg.Fill(); {
		case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case err == io.EOF:
			f.stream.CloseWrite()
		case !errors.Is(err, conn.ErrFull):
			return false, err
		}
		f.mu.Lock()
		f.watched = false // the next read is not this one
		f.mu.Unlock()
		return f.await(done), nil // nothing more can be read
	}
}

// leave ends the flight for the visitor once all its requests are answered, and returns
// nil if the visitor's connection can go on with something else.
func (f *flight) leave() error {
	f.await(func() bool { return f.unanswered == 0 })
	f.mu.Lock()
	goesOn := f.failed == nil && f.unanswered == 0 && f.whole
	f.mu.Unlock()
	err := f.finish(errHangUp)
	if goesOn {
		return nil
	}
	return err
}

// finish gives the proxy connection back: with an end when all is delivered, else with
// an abort. It returns what becomes of the visitor's connection: err, or why more than
// err was wrong.
func (f *flight) finish(err error) error {
	defer f.tunnel.control.account.RemoveConnection()
	f.tunnel.control.removeFlight(f)
	if errors.Is(err, errEnded) {
		return err
	}
	f.mu.Lock()
	f.detached = true
	if f.failed != nil {
		err = f.failed
	}
	regular := errors.Is(err, errHangUp) && (f.over || f.unanswered == 0)
	f.mu.Unlock()
	f.stream.SetReadDeadline(time.Now().Add(farewellTime))
	if regular {
		f.stream.CloseWrite()
	} else {
		f.stream.Reset()
	}
	return err
}

// retire lets the flight end as soon as all requests are answered: its session is over.
func (f *flight) retire() {
	f.mu.Lock()
	f.retiring = true
	if f.unanswered == 0 && !f.opaque && !f.detached {
		f.outliveLocked()
	}
	f.mu.Unlock()
	f.wake()
}

// abort takes the visitor's connection from a flight whose request turned out broken,
// and reports whether the visitor has been given nothing yet.
func (f *flight) abort() (untouched bool) {
	f.mu.Lock()
	f.detached = true
	untouched = !f.passed
	f.mu.Unlock()
	f.stream.SetReadDeadline(time.Now().Add(farewellTime))
	f.stream.Reset()
	return untouched
}

// lastAnswers waits for the responses to all requests of a visitor who sends no more,
// and then hangs up.
func (f *flight) lastAnswers() error {
	if _, err := f.watch(func() bool { return f.unanswered == 0 }, false); err != nil {
		return err
	}
	return f.result()
}

// awaitAnswers waits for the responses to all requests and then hangs up.
func (f *flight) awaitAnswers() error {
	f.await(func() bool { return f.unanswered == 0 })
	return f.result()
}

// halfClose passes the visitor's end on, and waits for the responses.
func (f *flight) halfClose() error {
	if err := f.stream.CloseWrite(); err != nil && !f.isOver() {
		return err
	}
	return f.awaitAnswers()
}

// upgrade waits for the answer to a request to leave HTTP, and if it is accepted
// carries the connection to its end.
func (f *flight) upgrade() error {
	over, err := f.watch(func() bool { return f.opaque || f.unanswered == 0 }, true)
	if err != nil {
		return err
	}
	f.mu.Lock()
	opaque := f.opaque
	f.mu.Unlock()
	switch {
	case opaque:
		f.visit.leg.SetReadDeadline(time.Time{})
		f.join.ToStream()
		<-f.use.done
		return errEnded
	case over:
		return f.result()
	}
	f.visit.setReadDeadline(idleTimeout)
	return nil
}
