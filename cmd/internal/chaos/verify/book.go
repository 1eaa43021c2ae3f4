package verify

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Verdict is what became of a stream.
type Verdict int

const (
	// Complete: both directions arrived whole, with the sender's SHA-256.
	Complete Verdict = iota
	// Cut: something is missing, and whoever read it saw that.
	Cut
	// Refused: the service was not reached, and the visitor was told so.
	Refused
	// Truncated: a reader took less than all for all. It must never happen.
	Truncated
	// Corrupt: a wrong byte arrived, or too many. It must never happen.
	Corrupt
	// Crossed: a byte of another stream arrived. It must never happen.
	Crossed
	// Doubled: the service was given the stream twice. It must never happen.
	Doubled
	// Stalled: a reader lost patience, long after all faults. It must never happen.
	Stalled
	verdicts
)

var verdictNames = [verdicts]string{"complete", "cut", "refused", "truncated", "corrupt", "crossed", "doubled", "stalled"}

func (v Verdict) String() string { return verdictNames[v] }

// Bad reports whether the verdict is one that must never happen.
func (v Verdict) Bad() bool { return v >= Truncated }

// Book numbers the streams of a run and counts what became of them. It is safe for
// concurrent use.
type Book struct {
	seed     uint64
	verified atomic.Int64

	mu       sync.Mutex
	next     uint32
	live     map[uint32]*Stream
	verdicts map[string]*Counts // by kind
	findings []string
}

// NewBook returns an empty book; the seed keys the content of all streams.
func NewBook(seed uint64) *Book {
	return &Book{seed: seed, live: map[uint32]*Stream{}, verdicts: map[string]*Counts{}}
}

// Open gives the planned stream its number and makes it known to the services.
func (b *Book) Open(s *Stream) *Stream {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.ID, s.book = b.next, b
	b.next++
	b.live[s.ID] = s
	return s
}

// Find returns the stream with a number that arrived at a service of the site, and notes
// a finding when there is none: then the preamble was damaged or crossed.
func (b *Book) Find(id uint32, site int) *Stream {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.live[id]
	switch {
	case s == nil && id >= b.next:
		b.noteLocked(fmt.Sprintf("site %d was asked for stream %d, which does not exist", site, id))
	case s != nil && s.Site != site:
		b.noteLocked(fmt.Sprintf("site %d was asked for stream %d of site %d", site, id, s.Site))
		return nil
	}
	return s // nil also for a stream that its visitor has given up
}

// Close is called by the visitor when it is done; refused says that it was told that
// there is no service, once means that the service must not be given the stream twice.
// The stream is judged as soon as the service is done as well.
func (b *Book) Close(s *Stream, refused, once bool) {
	s.mu.Lock()
	s.closed, s.refused, s.once = true, refused, once
	last := s.serving == 0
	s.mu.Unlock()
	if last {
		b.settle(s)
	}
}

// settle judges the stream and forgets it.
func (b *Book) settle(s *Stream) {
	v, why := s.judge()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live[s.ID] != s {
		return // the service began anew between two judgements
	}
	delete(b.live, s.ID)
	counts := b.verdicts[s.Kind]
	if counts == nil {
		counts = new(Counts)
		b.verdicts[s.Kind] = counts
	}
	counts[v]++
	if v.Bad() {
		b.noteLocked(fmt.Sprintf("stream %d (%s, site %d, %s) %v: %s", s.ID, s.Kind, s.Site, s.Tunnel, v, why))
	}
}

// Live returns how many streams are not judged yet.
func (b *Book) Live() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.live)
}

// maxFindings bounds what is kept; the counts go on.
const maxFindings = 200

func (b *Book) noteLocked(s string) {
	if len(b.findings) < maxFindings {
		b.findings = append(b.findings, s)
	}
}

// Note records a finding that belongs to no stream.
func (b *Book) Note(s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noteLocked(s)
}

func (b *Book) issued() uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

// judge says what became of the stream, and why if that is bad.
func (s *Stream) judge() (Verdict, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	whole := true
	for i := range s.ways {
		d := Direction(i)
		w, size := &s.ways[d], s.Size(d)
		switch {
		case w.wrong != "" && w.crossed:
			return Crossed, fmt.Sprintf("%v: %s", d, w.wrong)
		case w.wrong != "":
			return Corrupt, fmt.Sprintf("%v: %s", d, w.wrong)
		case w.read && w.received > size:
			return Corrupt, fmt.Sprintf("%v: %d bytes of %d", d, w.received, size)
		case w.read && w.clean && w.received < size:
			return Truncated, fmt.Sprintf("%v: a clean end after %d bytes of %d", d, w.received, size)
		case w.read && w.clean && w.sentAll && w.gotSum != w.sentSum:
			return Corrupt, fmt.Sprintf("%v: SHA-256 %x, sent was %x", d, w.gotSum, w.sentSum)
		}
		whole = whole && (w.clean || !w.read && size == 0)
	}
	switch {
	case s.once && s.began > 1:
		return Doubled, fmt.Sprintf("the service was given it %d times", s.began)
	case s.stalled != "":
		return Stalled, s.stalled
	case whole:
		return Complete, ""
	case s.refused:
		return Refused, ""
	}
	return Cut, ""
}

// Counts are verdicts by number; add them up with Add.
type Counts [verdicts]int64

// Of returns how many streams had the verdict.
func (c Counts) Of(v Verdict) int64 { return c[v] }

// Total returns how many streams there were.
func (c Counts) Total() (n int64) {
	for _, m := range c {
		n += m
	}
	return n
}

// Bad returns how many streams had a verdict that must never happen.
func (c Counts) Bad() (n int64) {
	for v := range c {
		if Verdict(v).Bad() {
			n += c[v]
		}
	}
	return n
}

// Result is what a book says so far.
type Result struct {
	Bytes    int64             // verified, both directions together
	ByKind   map[string]Counts // what became of the streams
	Findings []string          // what must never happen, in words
}

// All returns the counts of all kinds together.
func (r Result) All() (all Counts) {
	for _, c := range r.ByKind {
		for v, n := range c {
			all[v] += n
		}
	}
	return all
}

// Result returns what became of the streams that are closed.
func (b *Book) Result() Result {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := Result{Bytes: b.verified.Load(), ByKind: map[string]Counts{}, Findings: slices.Clone(b.findings)}
	for kind, c := range b.verdicts {
		r.ByKind[kind] = *c
	}
	return r
}
