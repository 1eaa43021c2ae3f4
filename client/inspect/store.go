package inspect

import (
	"errors"

	"ngrok/client"
)

// ErrNotFound is returned for an exchange that is unknown or no longer kept.
var ErrNotFound = errors.New("this exchange is no longer kept")

// ErrPinLimit is returned by [Store.Pin] when pinned exchanges would take more than
// half of the budget.
var ErrPinLimit = errors.New("pinned exchanges would take more than half of inspect_db_size; unpin others first or raise it")

// Options configures a [Store]. The zero value of a field is its documented default.
type Options struct {
	// DBSize bounds the memory for all that is kept, in bytes; 0 means 50 MiB, a
	// negative number turns capture off.
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
type Store struct{}

// New returns an empty store. It starts nothing.
func New(o Options) *Store { return nil }

// Enabled says whether the store captures traffic. One that does not still takes imports.
func (s *Store) Enabled() bool { return false }

// Tap returns the store as what a client offers its traffic to, or nil when
// capture is off.
func (s *Store) Tap() client.Tap { return nil }

// ListOptions selects the rows of [Store.List].
type ListOptions struct {
	Limit  int     // at most so many rows; 0 or less means 100
	Before ID      // rows older than this one, for the next page; empty starts with the newest
	Filter *Filter // nil matches everything
	Tunnel string  // rows of this tunnel alone; empty means all
}

// Page is a part of the list, newest first.
type Page struct {
	Rows  []Summary
	More  bool   // older rows match as well
	Seq   uint64 // what to give to Changes for all that happens after this page
	Total int    // exchanges kept, whether they match or not
}

// List returns rows of the list, newest first.
func (s *Store) List(o ListOptions) Page { return Page{} }

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
func (s *Store) Changes(since uint64, limit int) Changes { return Changes{} }

// Subscribe returns a channel that holds a value when something changed since it
// was last read, and a function that ends the subscription. A subscriber that does not read
// costs nothing. The channel is never closed. Changes come as fast as traffic does: wait
// some 50 ms between two reads.
func (s *Store) Subscribe() (changed <-chan struct{}, stop func()) { return nil, nil }

// Exchange returns an exchange as it is now, secrets in plain text; see [Exchange.Masked].
// It returns [ErrNotFound] for one that is not kept.
func (s *Store) Exchange(id ID) (*Exchange, error) { return nil, nil }

// Pin sets whether an exchange stays when others are removed. It returns [ErrNotFound]
// or [ErrPinLimit].
func (s *Store) Pin(id ID, pinned bool) error { return nil }

// Clear removes all exchanges but the pinned ones, and those as well when pinned is
// true. It returns how many it removed. Connections under way go on to be counted, but
// what they carry is not shown until their next request.
func (s *Store) Clear(pinned bool) int { return 0 }

// Usage is what a store holds.
type Usage struct {
	Exchanges int   `json:"exchanges"`
	Pinned    int   `json:"pinned"`
	Bytes     int64 `json:"bytes"`   // kept, with an estimate of the overhead
	Budget    int64 `json:"budget"`  // Options.DBSize in effect
	Evicted   int64 `json:"evicted"` // exchanges that had to make room, since the start
}

// Usage returns what the store holds now.
func (s *Store) Usage() Usage { return Usage{} }
