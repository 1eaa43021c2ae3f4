package conn

import (
	"errors"
	"io"
	"sync"
	"time"
)

// Stream is what a [Link] carries of one public connection; it is the [Leg] that
// stands for the other machine.
//
// With reuse each direction is a series of DATA frames that exactly one END or RESET
// closes; when both are closed the stream is over and the link is idle. Without reuse
// (plain version 2) the bytes go as they are and the ends are those of the link itself.
type Stream struct {
	link  *Link
	reuse bool
	over  func() // called once when both directions have ended

	// The receiving side, for one goroutine. Unread payload is the first avail
	// bytes of link.in; of the DATA frame that they belong to, left more follow.
	avail, left int
	recvErr     error // what ended it

	wmu    sync.Mutex // orders the frames; held while one is written
	closed bool       // guarded by wmu: END or RESET is the last frame

	mu        sync.Mutex // guards what follows, and is never held for long
	sent      bool       // this side has ended its direction
	received  bool       // the other side has
	aborted   bool       // with RESET
	deadlines bool       // the link has a deadline of this stream
}

// NewStream begins to carry a public connection on l; reuse as in StartProxy. over,
// which may be nil, is called once, by whichever goroutine ends the second direction;
// it must not block. From then on the link may carry the next stream.
func (l *Link) NewStream(reuse bool, over func()) *Stream {
	return &Stream{link: l, reuse: reuse, over: over}
}

// Over reports whether both directions have ended.
func (s *Stream) Over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent && s.received
}

// Received reports whether the other machine has ended its direction, with END or RESET.
func (s *Stream) Received() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received
}

// Fill implements [Leg]. Its error is io.EOF after END, ErrReset after RESET, one that
// wraps ErrProtocol when the peer broke the rules, or that of the link.
func (s *Stream) Fill() error {
	if s.recvErr != nil {
		return s.recvErr
	}
	var err error
	if s.reuse {
		err = s.fillFrames()
	} else {
		err = s.fillRaw()
	}
	if err != nil && err != ErrFull {
		s.recvErr = err
		if errors.Is(err, io.EOF) || errors.Is(err, ErrReset) {
			s.directionEnded(&s.received, errors.Is(err, ErrReset))
		}
	}
	return err
}

// fillRaw takes what came behind StartProxy first.
func (s *Stream) fillRaw() error {
	if s.avail == s.link.in.len() {
		if err := s.link.Fill(); err != nil {
			return err
		}
	}
	s.avail = s.link.in.len()
	return nil
}

// fillFrames adds payload to the unread bytes, closing the gap that a frame header
// leaves between the payload before and behind it.
func (s *Stream) fillFrames() error {
	in := &s.link.in
	for {
		behind := in.len() - s.avail
		if s.left > 0 && behind > 0 {
			n := min(behind, s.left)
			s.avail += n
			s.left -= n
			return nil
		}
		if s.left == 0 && behind >= frameHeader {
			at := in.r + s.avail
			kind, n, err := parseFrameHeader(in.b[at : at+frameHeader])
			if err != nil {
				return err
			}
			copy(in.b[in.r+frameHeader:], in.b[in.r:at])
			in.r += frameHeader
			switch kind {
			case frameData:
				s.left = n
			case frameEnd:
				return io.EOF
			case frameReset:
				return ErrReset
			}
			continue
		}
		if err := s.link.Fill(); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // the link closed within a stream
			}
			return err
		}
	}
}

// Buffered implements [Leg].
func (s *Stream) Buffered() []byte {
	if s.avail == 0 {
		return nil
	}
	return s.link.in.bytes()[:s.avail]
}

// Consume implements [Leg].
func (s *Stream) Consume(n int) {
	s.link.in.r += n
	s.avail -= n
}

// Next implements [Leg].
func (s *Stream) Next() ([]byte, error) {
	if s.avail == 0 {
		if err := s.Fill(); err != nil {
			return nil, err
		}
	}
	return s.Take(min(s.avail, MaxChunk)), nil
}

// Take implements [Leg].
func (s *Stream) Take(n int) []byte {
	in := &s.link.in
	p := in.b[in.r-Headroom : in.r+n]
	s.Consume(n)
	return p
}

// Release implements [Leg]. It keeps what belongs to the next use of the link.
func (s *Stream) Release() {
	s.Consume(s.avail)
	if s.link.in.len() == 0 {
		s.link.in.release()
	}
}

// Write implements [Leg].
func (s *Stream) Write(p []byte) (int, error) {
	if !s.reuse {
		return s.writeRaw(p)
	}
	var scratch inbuf
	scratch.take()
	defer scratch.release()
	for n := 0; n < len(p); {
		m := copy(scratch.b[Headroom:Headroom+MaxChunk], p[n:])
		if err := s.writeFrame(scratch.b[:Headroom+m]); err != nil {
			return n, err
		}
		n += m
	}
	return len(p), nil
}

// WritePadded implements [Leg].
func (s *Stream) WritePadded(p []byte) error {
	if !s.reuse {
		_, err := s.writeRaw(p[Headroom:])
		return err
	}
	return s.writeFrame(p)
}

func (s *Stream) writeRaw(p []byte) (int, error) {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	if s.closed {
		return 0, errClosed
	}
	return s.link.Write(p)
}

// writeFrame sends p[frameHeader:] as one DATA frame.
func (s *Stream) writeFrame(p []byte) error {
	n := len(p) - frameHeader
	if n == 0 {
		return nil
	}
	s.wmu.Lock()
	defer s.wmu.Unlock()
	if s.closed {
		return errClosed
	}
	putFrameHeader(p, frameData, n)
	_, err := s.link.Write(p)
	return err
}

var errClosed = errors.New("stream is closed for writing")

// CloseWrite implements [Leg].
func (s *Stream) CloseWrite() error { return s.end(frameEnd) }

// Reset implements [Leg]. With reuse it ends the sending direction only, after a
// frame that is being written; what still comes must be read until it ends, too,
// before the link is free.
func (s *Stream) Reset() {
	if !s.reuse {
		s.link.Reset() // also wakes a writer that the peer lets wait
	}
	s.end(frameReset)
}

func (s *Stream) end(kind byte) error {
	if err := s.writeEnd(kind); err != nil {
		return err
	}
	s.directionEnded(&s.sent, false)
	return nil
}

// writeEnd sends the last frame, once.
func (s *Stream) writeEnd(kind byte) error {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	if s.closed {
		return errClosed
	}
	s.closed = true
	if !s.reuse {
		if kind == frameEnd {
			return s.link.CloseWrite()
		}
		return nil
	}
	if s.isAborted() {
		kind = frameEnd // the peer knows already
	}
	var frame [frameHeader]byte
	putFrameHeader(frame[:], kind, 0)
	_, err := s.link.Write(frame[:])
	return err
}

func (s *Stream) isAborted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.aborted
}

// directionEnded notes that a direction has ended and hands the link back when it
// was the second one.
func (s *Stream) directionEnded(which *bool, aborted bool) {
	s.mu.Lock()
	*which = true
	s.aborted = s.aborted || aborted
	over := s.sent && s.received
	if over && s.deadlines {
		s.link.Conn.SetReadDeadline(time.Time{})
		s.link.Conn.SetWriteDeadline(time.Time{})
	}
	s.mu.Unlock()
	if over && s.over != nil {
		s.over()
	}
}

// SetReadDeadline implements [Leg]. It does nothing to a link that has gone on.
func (s *Stream) SetReadDeadline(t time.Time) error {
	return s.setDeadline(s.link.Conn.SetReadDeadline, t)
}

// SetWriteDeadline implements [Leg]. It does nothing to a link that has gone on.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	return s.setDeadline(s.link.Conn.SetWriteDeadline, t)
}

func (s *Stream) setDeadline(set func(time.Time) error, t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent && s.received {
		return nil
	}
	s.deadlines = true
	return set(t)
}
