package inspect

import (
	"math"
	"slices"
	"time"
)

// maxRemovals is how many removals the store remembers for views that catch up; who
// missed more reads the list anew.
const maxRemovals = 4096

// defaultChanges is the row limit of Changes when none is given.
const defaultChanges = 1000

// Changes is what happened in a store after a sequence number.
type Changes struct {
	Seq     uint64    // what to give to the next call
	Changed []Summary // added or changed, oldest first, each once in its latest state
	Removed []ID      // no longer kept
	// Reset says that since is too long ago or from another run: Changed then
	// holds the newest rows as they are, and everything else is to be forgotten.
	Reset bool
}

// Changes returns what happened after since, with at most limit rows (0 or less
// means 1000). When more changed, Reset is set and the newest rows are given. since 0 asks
// for the list as it is.
func (s *Store) Changes(since uint64, limit int) Changes {
	if limit <= 0 {
		limit = defaultChanges
	}
	s.mu.Lock()
	c := Changes{Seq: s.seq}
	versions, ok := s.changedLocked(since, limit)
	var removed []uint64
	if ok {
		removed, ok = s.removed.after(since)
	}
	if !ok || since > s.seq {
		c.Reset, removed = true, nil
		versions = s.newestLocked(math.MaxUint64, limit)
	}
	s.mu.Unlock()

	for _, number := range removed {
		c.Removed = append(c.Removed, s.id(number))
	}
	c.Changed = make([]Summary, 0, len(versions))
	now := time.Now()
	for i := len(versions) - 1; i >= 0; i-- {
		c.Changed = append(c.Changed, s.summary(versions[i], now))
	}
	return c
}

// changedLocked returns the records that changed after since, latest change first, or
// false when they are more than limit.
func (s *Store) changedLocked(since uint64, limit int) ([]version, bool) {
	var versions []version
	for r := s.changed.prev; r != &s.changed && r.seq > since; r = r.prev {
		if len(versions) == limit {
			return nil, false
		}
		versions = append(versions, version{r, r.seq, r.pinned})
	}
	return versions, true
}

// touchLocked gives a record the next sequence number and moves it to the end of the
// ring of changes.
func (s *Store) touchLocked(r *record) {
	s.seq++
	r.seq = s.seq
	if r.next != nil {
		r.unlink()
	}
	last := s.changed.prev
	r.prev, r.next = last, &s.changed
	last.next, s.changed.prev = r, r
}

func (r *record) unlink() {
	r.prev.next, r.next.prev = r.next, r.prev
	r.prev, r.next = nil, nil
}

// removalLog remembers the latest removals, in a ring.
type removalLog struct {
	since   uint64 // all removals after it are in entries
	entries []removal
	next    int // where the next entry goes once entries is full
}

type removal struct {
	seq    uint64
	number uint64 // of the record
}

func (l *removalLog) add(seq, number uint64) {
	if len(l.entries) < maxRemovals {
		l.entries = append(l.entries, removal{seq, number})
		return
	}
	l.since = l.entries[l.next].seq
	l.entries[l.next] = removal{seq, number}
	l.next = (l.next + 1) % maxRemovals
}

// after returns the removals after since, or false when some of them are forgotten.
func (l *removalLog) after(since uint64) (numbers []uint64, ok bool) {
	if since < l.since {
		return nil, false
	}
	for i := range l.entries {
		// Backwards from the latest, which is before next in the ring.
		e := l.entries[(l.next+len(l.entries)-1-i)%len(l.entries)]
		if e.seq <= since {
			break
		}
		numbers = append(numbers, e.number)
	}
	return numbers, true
}

// Subscribe returns a channel that holds a value when something changed since it
// was last read, and a function that ends the subscription. A subscriber that does not read
// costs nothing. The channel is never closed. Changes come as fast as traffic does: wait
// some 50 ms between two reads.
func (s *Store) Subscribe() (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	s.mu.Lock()
	s.subs = append(s.subs, ch)
	s.mu.Unlock()
	return ch, func() {
		s.mu.Lock()
		s.subs = slices.DeleteFunc(s.subs, func(c chan struct{}) bool { return c == ch })
		s.mu.Unlock()
	}
}

func (s *Store) signalLocked() {
	for _, ch := range s.subs {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
