package conn

import (
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// halfClosedSilence is how long a joined connection of which one direction has
	// ended may be silent in the other before it is reset.
	halfClosedSilence = 10 * time.Minute

	// discardTime and discardBytes limit what is read in vain from a peer that cannot
	// be told any more that nobody wants it. What was on its way when the peer was told
	// of our end, or ended by itself, is as much as the socket buffers of both machines
	// hold: less would cost the link, which the peer may have given to the next visitor.
	discardTime  = 10 * time.Second
	discardBytes = 16 << 20

	// farewellTime is how long a peer that was told may take to end its direction.
	farewellTime = 10 * time.Second
)

// Join connects an outer leg, public or private, with the stream that carries it to
// the other machine. ToStream and FromStream copy one direction each, in a goroutine
// of their own; when both have returned the outer leg is the caller's to close.
//
// An end becomes an end and an abort an abort, each direction by itself.
type Join struct {
	Outer  Leg
	Stream *Stream

	// CloseFollows says that the caller closes Outer as soon as both copies have
	// returned: its end needs no system call of its own then, if it comes last.
	CloseFollows bool

	// Sent and Received, when not nil, see the bytes that the stream and the outer
	// leg have taken. p is valid during the call only. Receiving, when not nil, is called
	// before the outer leg is given any.
	Sent, Received func(p []byte)
	Receiving      func()

	mu         sync.Mutex
	half       bool // one direction has ended
	told       bool // with a RESET, so that the other machine will end its direction
	discarding bool // FromStream reads in vain
}

// ToStream copies from the outer leg to the stream. It returns nil after an end and
// otherwise what cut the copy short.
func (j *Join) ToStream() error {
	defer j.Outer.Release()
	for {
		j.extend(j.Outer)
		p, err := j.Outer.Next()
		if err == io.EOF {
			err = j.Stream.CloseWrite()
			j.ended(j.Stream)
			return err
		}
		if err != nil {
			j.Stream.Reset()
			j.mu.Lock()
			j.told = true
			j.mu.Unlock()
			j.ended(j.Stream)
			return err
		}
		if err := j.Stream.WritePadded(p); err != nil {
			j.Stream.link.Reset()
			j.Outer.Reset()
			return err
		}
		if j.Sent != nil {
			j.Sent(p[Headroom:])
		}
	}
}

// FromStream copies from the stream to the outer leg. It returns nil after an end and
// otherwise what cut the copy short.
func (j *Join) FromStream() error {
	defer j.Stream.Release()
	for {
		j.extend(j.Stream)
		p, err := j.Stream.Next()
		if err == io.EOF {
			if j.CloseFollows && j.isHalf() {
				return nil
			}
			err = j.Outer.CloseWrite()
			j.ended(j.Outer)
			return err
		}
		if err != nil {
			j.Outer.Reset()
			return err
		}
		if j.Receiving != nil {
			j.Receiving()
		}
		if err := j.Outer.WritePadded(p); err != nil {
			j.discard()
			return err
		}
		if j.Received != nil {
			j.Received(p[Headroom:])
		}
	}
}

// discard reads the stream to its end after the outer leg has failed. The other
// direction finds out by itself, once it has read what the leg's peer sent before,
// and tells the other machine; if it has ended already, there is no way to tell.
func (j *Join) discard() {
	j.mu.Lock()
	j.discarding = true
	if j.half {
		j.Stream.SetReadDeadline(time.Now().Add(j.patienceLocked()))
	}
	j.mu.Unlock()
	if j.Stream.discard(j.isUntold) != nil {
		j.Stream.link.Reset()
		j.Outer.Reset()
	}
}

// patienceLocked returns how long to read in vain.
func (j *Join) patienceLocked() time.Duration {
	if j.told {
		return farewellTime
	}
	return discardTime
}

// isUntold reports whether this side has ended its direction without an abort.
func (j *Join) isUntold() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.half && !j.told
}

func (j *Join) isHalf() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.half
}

// ended notes that one direction has ended; from is where the other one reads.
func (j *Join) ended(from Leg) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.half = true
	limit := halfClosedSilence
	if j.discarding {
		limit = j.patienceLocked()
	}
	from.SetReadDeadline(time.Now().Add(limit))
}

// extend moves the deadline of a direction that goes on alone.
func (j *Join) extend(from Leg) {
	if j.isHalf() {
		from.SetReadDeadline(time.Now().Add(halfClosedSilence))
	}
}

// Discard reads the stream until it ends, and returns nil if it was the other machine
// that ended it.
func (s *Stream) Discard() error {
	return s.discard(func() bool { return false })
}

// discard is Discard that gives up after discardBytes once limited returns true.
func (s *Stream) discard(limited func() bool) error {
	defer s.Release()
	for n := 0; ; {
		p, err := s.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, ErrReset) {
			return nil
		}
		if err != nil {
			return err
		}
		if !limited() {
			continue
		}
		if n += len(p) - Headroom; n > discardBytes {
			return errDiscarded
		}
	}
}

var errDiscarded = errors.New("the peer sends on and on what nobody wants")
