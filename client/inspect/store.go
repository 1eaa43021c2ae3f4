package inspect

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ngrok/client"
)

// Defaults of Options, in bytes.
const (
	DefaultDBSize   = 50 << 20
	DefaultBodySize = 1 << 20
)

const (
	// maxDBSize is half of what an arena has names for.
	maxDBSize = 16 << 30
	// maxReserve is the most of DBSize that is not for what is kept. What keeping costs
	// beside that hardly grows with it.
	maxReserve = 16 << 20
)

// ErrNotFound is returned for an exchange that is unknown or no longer kept.
var ErrNotFound = errors.New("this exchange is no longer kept")

// ErrPinLimit is returned by [Store.Pin] when pinned exchanges would take more than
// half of the budget.
var ErrPinLimit = errors.New("pinned exchanges would take more than half of inspect_db_size; unpin others first or raise it")

// Options configures a [Store]. The zero value of a field is its documented default.
type Options struct {
	// DBSize bounds the memory that the inspector takes, in bytes, up to 16 GiB; 0 means
	// 50 MiB, a negative number turns capture off (replays and imports then have 50 MiB). A
	// third of it, at most 16 MiB, is not for what is kept but for what keeping
	// costs beside it: the collector's garbage, and views that look.
	DBSize int64

	// BodySize bounds what is kept of each body, in bytes; 0 means 1 MiB, a negative
	// number keeps no bodies. It is never more than an eighth of DBSize.
	BodySize int64

	// MaskHeaders names header fields to mask beside those that always are
	// (Authorization, Proxy-Authorization, Cookie, Set-Cookie and a few API keys).
	MaskHeaders []string
}

// Store captures exchanges and keeps the latest of them. Its methods are safe for
// concurrent use; none of them waits for traffic, and traffic waits for none of them.
type Store struct {
	off      bool
	budget   int64
	bodySize int64
	mask     *masker
	prefix   string // of ids: random, one for each run
	arena    *arena // of the bytes of messages
	onEnd    atomic.Pointer[func(tunnel, scheme string, took time.Duration)]

	// mu is held for a few steps at a time. It may be taken while a record's is held,
	// never the other way round.
	mu      sync.Mutex
	seq     uint64
	number  uint64
	used    int64
	pinUsed int64
	evicted int64
	loose   []*record // not pinned, oldest first
	pinned  []*record // oldest first
	changed record    // head of the ring of records in the order of their last change
	removed removalLog
	subs    []chan struct{}
}

// New returns an empty store. It starts nothing.
func New(o Options) *Store {
	s := &Store{
		off:      o.DBSize < 0,
		budget:   o.DBSize,
		bodySize: o.BodySize,
		mask:     newMasker(o.MaskHeaders),
		// Sequence numbers of different runs must not be taken for each other, and
		// have to fit into the 53 bits that a browser counts with.
		seq: uint64(time.Now().UnixMicro()),
	}
	if s.budget <= 0 {
		s.budget = DefaultDBSize
	}
	s.budget = min(s.budget, maxDBSize)
	switch {
	case s.bodySize == 0:
		s.bodySize = DefaultBodySize
	case s.bodySize < 0:
		s.bodySize = 0
	}
	s.bodySize = min(s.bodySize, s.budget/8)
	s.budget -= min(s.budget/3, maxReserve)
	s.arena = newArena(s.budget)
	s.changed.prev, s.changed.next = &s.changed, &s.changed
	s.removed.since = s.seq
	var b [6]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	s.prefix = hex.EncodeToString(b[:])
	return s
}

// Enabled says whether the store captures traffic. One that does not still takes
// replays and imports.
func (s *Store) Enabled() bool { return !s.off }

// Tap returns the store as what a client offers its traffic to, or nil when
// capture is off.
func (s *Store) Tap() client.Tap {
	if s.off {
		return nil
	}
	return s
}

// Exchange returns an exchange as it is now, secrets in plain text; see [Exchange.Masked].
// It returns [ErrNotFound] for one that is not kept.
func (s *Store) Exchange(id ID) (*Exchange, error) {
	s.mu.Lock()
	r := s.findLocked(id)
	if r == nil {
		s.mu.Unlock()
		return nil, ErrNotFound
	}
	v := version{r, r.seq, r.pinned}
	s.mu.Unlock()
	e, ok := s.exchange(v)
	if !ok {
		return nil, ErrNotFound
	}
	return e, nil
}

// Usage is what a store holds.
type Usage struct {
	Exchanges int   `json:"exchanges"`
	Pinned    int   `json:"pinned"`
	Bytes     int64 `json:"bytes"`   // kept, with an estimate of the overhead
	Budget    int64 `json:"budget"`  // what Bytes may be: Options.DBSize but for its reserve
	Evicted   int64 `json:"evicted"` // exchanges that had to make room, since the start
}

// Usage returns what the store holds now.
func (s *Store) Usage() Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Usage{
		Exchanges: s.countLocked(),
		Pinned:    len(s.pinned),
		Bytes:     s.used,
		Budget:    s.budget,
		Evicted:   s.evicted,
	}
}

// HeapBudget returns how much of Go's heap the store takes, in bytes, with what is left
// of its budget, which it may fill before somebody asks again. Bodies and heads do not count
// where the system allows to have them elsewhere.
func (s *Store) HeapBudget() int64 {
	elsewhere := s.arena.beside()
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, s.budget-elsewhere-int64(s.countLocked())*(recordCost-recordSize))
}

// OnEnd has f called once for each exchange that ends from now on, in place of the
// function before; nil is none. Replays and imports are not told. It is called on the path
// of the data, by many goroutines at once: it must be quick.
func (s *Store) OnEnd(f func(tunnel, scheme string, took time.Duration)) {
	if f == nil {
		s.onEnd.Store(nil)
		return
	}
	s.onEnd.Store(&f)
}

func (s *Store) tellEnd(tunnel, scheme string, took time.Duration) {
	if f := s.onEnd.Load(); f != nil {
		(*f)(tunnel, scheme, took)
	}
}

// register takes a new record in and numbers it. The caller holds the record's lock, or
// nobody else knows it yet; settle is called for it afterwards.
func (s *Store) register(r *record) {
	s.mu.Lock()
	s.number++
	r.sum.Number = s.number
	s.loose = append(s.loose, r)
	r.cost = recordCost
	s.used += r.cost
	s.touchLocked(r)
	s.mu.Unlock()
}

// settle accounts for a change of a record after its lock was released: grown is by
// how many bytes it grew. It returns whether the record may go on to keep bytes, and whether
// it was removed.
func (s *Store) settle(r *record, grown int64) (keep, gone bool) {
	s.mu.Lock()
	if r.gone {
		s.mu.Unlock()
		return false, true
	}
	r.cost += grown
	s.used += grown
	keep = true
	if r.pinned {
		s.pinUsed += grown
		keep = s.pinUsed <= s.budget/2
	}
	s.touchLocked(r)
	var few [4]*record
	victims := s.evictLocked(few[:0])
	gone = r.gone
	s.signalLocked()
	s.mu.Unlock()
	s.drop(victims)
	return keep && !gone, gone
}

// evictLocked removes the oldest records until the rest is within the budget, and
// appends them to victims, for drop.
func (s *Store) evictLocked(victims []*record) []*record {
	for s.used > s.budget && len(s.loose) > 0 {
		r := s.loose[0]
		s.loose[0] = nil
		s.loose = s.loose[1:]
		s.forgetLocked(r)
		s.evicted++
		victims = append(victims, r)
	}
	return victims
}

// forgetLocked takes a record out of everything but loose and pinned.
func (s *Store) forgetLocked(r *record) {
	r.gone = true
	s.used -= r.cost
	if r.pinned {
		s.pinUsed -= r.cost
	}
	r.unlink()
	s.seq++
	s.removed.add(s.seq, r.sum.Number)
}

// id returns the name of the record with that number.
func (s *Store) id(number uint64) ID {
	return ID(s.prefix + strconv.FormatUint(number, 36))
}

// findLocked returns the record of that name, nil when it is not kept. Both lists are in
// the order of numbers, so that no map has to be kept up with each exchange.
func (s *Store) findLocked(id ID) *record {
	digits, ok := strings.CutPrefix(string(id), s.prefix)
	number, err := strconv.ParseUint(digits, 36, 64)
	if !ok || err != nil || s.id(number) != id {
		return nil
	}
	for _, list := range [...][]*record{s.loose, s.pinned} {
		if i, found := slices.BinarySearchFunc(list, number, byNumber); found {
			return list[i]
		}
	}
	return nil
}

func (s *Store) countLocked() int { return len(s.loose) + len(s.pinned) }

// drop frees what removed records hold. The caller holds no lock.
func (s *Store) drop(victims []*record) {
	for _, r := range victims {
		r.mu.Lock()
		r.dropLocked(s.arena)
		r.mu.Unlock()
	}
}
