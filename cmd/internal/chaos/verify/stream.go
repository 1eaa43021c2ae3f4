package verify

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
)

// chunk is how much is made, checked and hashed at a time.
const chunk = 64 << 10

// Stream is one transfer through a tunnel: planned by the visitor, known to the private
// service by its number. Each direction is sent once and received once, and both ends
// note here what they saw.
type Stream struct {
	ID   uint32
	Kind string
	// Site is where the private service is, Tunnel the protocol it is reached by.
	Site   int
	Tunnel string
	// Up and Down are how many bytes each direction is to have.
	Up, Down int64
	// Aborts makes the sender of a direction abort it after so many bytes, if that is
	// less than the plan: whoever reads must see a cut.
	UpAborts, DownAborts int64

	book *Book

	mu            sync.Mutex
	ways          [2]way
	began         int    // how often the service was given the stream
	serving       int    // services at work on it
	closed        bool   // the visitor is done
	refused, once bool   // as in Book.Close
	stalled       string // who lost patience
}

// way is what both ends of one direction saw.
type way struct {
	sent     int64
	sentSum  [sha256.Size]byte
	sentAll  bool
	received int64
	gotSum   [sha256.Size]byte
	read     bool // somebody read to an end
	clean    bool // and that end looked like one
	wrong    string
	crossed  bool
}

// ErrAborted is returned by Send when the plan wants the sender to abort here.
var ErrAborted = errors.New("aborted as planned")

// Begin notes that a service has been given the stream. It wants one Done.
func (s *Stream) Begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began++
	s.serving++
}

// Done notes that a service will not touch the stream any more.
func (s *Stream) Done() {
	s.mu.Lock()
	s.serving--
	last := s.serving == 0 && s.closed
	s.mu.Unlock()
	if last {
		s.book.settle(s)
	}
}

// Stall notes that somebody lost patience with the stream.
func (s *Stream) Stall(who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stalled = who
}

// Size returns how many bytes a direction is planned to have.
func (s *Stream) Size(d Direction) int64 {
	if d == Up {
		return s.Up
	}
	return s.Down
}

func (s *Stream) abortAt(d Direction) int64 {
	if d == Up {
		return s.UpAborts
	}
	return s.DownAborts
}

// Send writes a direction's content to w, all of it or up to the planned abort, which it
// tells with [ErrAborted]. Sender and receiver of a direction are each called once.
func (s *Stream) Send(d Direction, w io.Writer) error {
	src := s.Source(d)
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, err := src.Read(*buf)
		if n > 0 {
			if _, werr := w.Write((*buf)[:n]); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Source returns a direction's content as a reader that ends with io.EOF or, at the
// planned abort, with [ErrAborted].
func (s *Stream) Source(d Direction) io.Reader {
	limit, abort := s.Size(d), false
	if at := s.abortAt(d); at > 0 && at < limit {
		limit, abort = at, true
	}
	return &source{stream: s, d: d, pattern: s.pattern(d), left: limit, abort: abort, sum: sha256.New()}
}

func (s *Stream) pattern(d Direction) Pattern { return NewPattern(s.book.seed, s.ID, d) }

type source struct {
	stream  *Stream
	d       Direction
	pattern Pattern
	off     int64
	left    int64
	abort   bool
	sum     hash.Hash
}

func (r *source) Read(p []byte) (int, error) {
	if r.left == 0 {
		if r.abort {
			return 0, ErrAborted
		}
		r.stream.noteSent(r)
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.left, chunk)]
	r.pattern.Fill(p, r.off)
	r.sum.Write(p)
	r.off += int64(len(p))
	r.left -= int64(len(p))
	if r.left == 0 && !r.abort {
		// Before the last byte leaves: the receiver must not come first.
		r.stream.noteSent(r)
	}
	return len(p), nil
}

func (s *Stream) noteSent(r *source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &s.ways[r.d]
	w.sent, w.sentAll = r.off, true
	r.sum.Sum(w.sentSum[:0])
}

// Receive reads a direction from r to its end, checks each byte and notes what it saw.
// It returns nil if the stream ended cleanly, as far as the reader can tell.
func (s *Stream) Receive(d Direction, r io.Reader) error {
	sink := s.Sink(d)
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, err := r.Read(*buf)
		sink.Write((*buf)[:n])
		if err != nil {
			return sink.End(err)
		}
	}
}

// Sink receives a direction piece by piece, where there is no reader for all of it.
type Sink struct {
	stream  *Stream
	d       Direction
	pattern Pattern
	off     int64
	sum     hash.Hash
	bad     bool
}

// Sink returns a receiver of a direction; its End must be called.
func (s *Stream) Sink(d Direction) *Sink {
	return &Sink{stream: s, d: d, pattern: s.pattern(d), sum: sha256.New()}
}

// Write checks p. It never fails: what is wrong is noted in the stream.
func (k *Sink) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	k.sum.Write(p)
	if !k.bad {
		if at := k.pattern.Check(p, k.off); at >= 0 {
			k.bad = true
			k.stream.noteWrong(k.d, k.off+int64(at), p[at:])
		}
	}
	k.off += int64(len(p))
	k.stream.book.verified.Add(int64(len(p)))
	return len(p), nil
}

// Received returns how many bytes came.
func (k *Sink) Received() int64 { return k.off }

// End notes how the direction ended: io.EOF or nil if it looked complete. It returns nil
// then, and otherwise err.
func (k *Sink) End(err error) error {
	clean := err == nil || err == io.EOF
	s := k.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &s.ways[k.d]
	w.read, w.clean, w.received = true, clean, k.off
	k.sum.Sum(w.gotSum[:0])
	if clean {
		return nil
	}
	return err
}

func (s *Stream) noteWrong(d Direction, off int64, p []byte) {
	o, foreign := Locate(s.book.seed, p, s.book.issued())
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &s.ways[d]
	w.wrong = fmt.Sprintf("byte %d is %x", off, p[:min(len(p), 16)])
	if foreign {
		w.wrong = fmt.Sprintf("byte %d is %v", off, o)
		w.crossed = o.Stream != s.ID || o.Direction != d
	}
}

var buffers = sync.Pool{New: func() any { b := make([]byte, chunk); return &b }}
