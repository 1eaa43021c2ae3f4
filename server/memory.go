package server

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"ngrok/server/auth"
)

const (
	// memoryLimit is how many names and ports are remembered in all, besides those in
	// use; those not used for the longest time are forgotten first, and those of tokens
	// last.
	memoryLimit = 20_000

	// memoryPerOwner is the same for one identity.
	memoryPerOwner = 200
)

// memory remembers which identity had which name or port last, so that it gets it
// back. It is kept in a file where there is a path.
type memory struct {
	logger *slog.Logger

	writing sync.Mutex // one writer of the file at a time
	path    string     // guarded by writing

	mu      sync.Mutex
	entries map[string]*memoryEntry // by name
	dirty   bool
	changed chan struct{} // one slot: there is something to save
}

// memoryEntry is one name that somebody has or had: a host name, or "tcp:PORT".
type memoryEntry struct {
	Name   string    `json:"name"`
	Owner  string    `json:"owner"`
	Random bool      `json:"random,omitempty"` // chosen by the server, not by the owner
	First  time.Time `json:"first"`            // when Owner got it for the first time
	Last   time.Time `json:"last"`             // when it was last seen in use

	// Held are the protocols, joined by "+", of which the owner has a tunnel under
	// the name or is expected back with one.
	Held string `json:"held,omitempty"`

	// Free says that it is a port that its owner, a stranger at some address, gave up or
	// had too many of to have it kept: others may have it at once.
	Free bool `json:"free,omitempty"`
}

func (e *memoryEntry) setHeld(protocol string, held bool) {
	var all []string
	for one := range strings.SplitSeq(e.Held, "+") {
		if one != "" && one != protocol {
			all = append(all, one)
		}
	}
	if held {
		all = append(all, protocol)
	}
	slices.Sort(all)
	e.Held = strings.Join(all, "+")
}

func newMemory(path string, logger *slog.Logger) *memory {
	return &memory{path: path, logger: logger, entries: make(map[string]*memoryEntry), changed: make(chan struct{}, 1)}
}

// load reads the file, which may be absent. A broken one is set aside.
func (m *memory) load() {
	m.writing.Lock()
	path := m.path
	m.writing.Unlock()
	if path == "" {
		return
	}
	removeUnfinished(path)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var entries []*memoryEntry
	if err == nil {
		err = json.Unmarshal(b, &entries)
	}
	if err != nil {
		aside := path + ".broken"
		m.logger.Warn("cannot read who had which name; starting anew", "file", path, "err", err, "kept", aside)
		os.Rename(path, aside)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for _, e := range entries {
		if e == nil || e.Name == "" || e.Owner == "" {
			continue
		}
		if strings.HasPrefix(e.Owner, sessionOwner) {
			e.Held = "" // nobody is expected back
		}
		if e.Held != "" {
			// Its owner had it when the server ended, however that was, and could
			// not come back before this moment: what Last said is of no use.
			e.Last = now
		}
		m.entries[e.Name] = e
	}
}

// held returns copies of the entries whose owners had a tunnel when the server ended.
func (m *memory) held() []memoryEntry {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []memoryEntry
	for _, e := range m.entries {
		if e.Held != "" {
			all = append(all, *e)
		}
	}
	return all
}

// seal saves for the last time: from then on another process writes the file.
func (m *memory) seal() {
	m.save()
	m.writing.Lock()
	defer m.writing.Unlock()
	m.path = ""
}

// owner returns who had name last, and when; "" when nobody is remembered.
func (m *memory) owner(name string) (owner string, last time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.entries[name]; e != nil {
		return e.Owner, e.Last
	}
	return "", time.Time{}
}

// release lets others have name at once, which owner has had.
func (m *memory) release(name, owner string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.entries[name]; e != nil && e.Owner == owner {
		e.Free = true
		m.changedLocked()
	}
}

// free reports whether name may be had at once, whoever had it last.
func (m *memory) free(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[name]
	return e == nil || e.Free
}

// later returns how many names owner has or had last after that time.
func (m *memory) later(owner string, when time.Time) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		if e.Owner == owner && e.Last.After(when) {
			n++
		}
	}
	return n
}

// wasAssigned reports whether the server once chose name for owner.
func (m *memory) wasAssigned(name, owner string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[name]
	return e != nil && e.Owner == owner && e.Random
}

// randomNames returns the names that the server chose for owner in the order in which it
// got them, so that a client that asks for several in its usual order finds each tunnel
// where it was.
func (m *memory) randomNames(owner string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var own []*memoryEntry
	for _, e := range m.entries {
		if e.Owner == owner && e.Random {
			own = append(own, e)
		}
	}
	slices.SortFunc(own, func(a, b *memoryEntry) int { return a.First.Compare(b.First) })
	names := make([]string, len(own))
	for i, e := range own {
		names[i] = e.Name
	}
	return names
}

// note remembers that owner uses name for a protocol from now on.
func (m *memory) note(name, protocol, owner string, random bool) {
	if owner == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	noted := &memoryEntry{Name: name, Owner: owner, Random: random, First: now, Last: now}
	if e := m.entries[name]; e != nil && e.Owner == owner {
		// Its client asks by name when it comes back.
		noted.Random, noted.First, noted.Held = e.Random, e.First, e.Held
	}
	switch protocol { // these two share a place in the registry
	case "https":
		noted.setHeld("tls", false)
	case "tls":
		noted.setHeld("https", false)
	}
	noted.setHeld(protocol, true)
	m.entries[name] = noted
	m.changedLocked()
	m.forgetLocked(owner)
}

// lost notes that owner had name until now and is expected back.
func (m *memory) lost(name, owner string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.entries[name]; e != nil && e.Owner == owner {
		e.Last = time.Now()
		m.changedLocked()
	}
}

// left notes that owner has no tunnel of that protocol any more. in says that it had
// one until now, else it was away.
func (m *memory) left(name, protocol, owner string, in bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.entries[name]; e != nil && e.Owner == owner {
		e.setHeld(protocol, false)
		if in {
			e.Last = time.Now()
		}
		m.changedLocked()
	}
}

// reconcile corrects for which protocols names are held: memory is told of changes of the
// registry when they are made, of two at a time perhaps in the wrong order.
func (m *memory) reconcile(held func(name, owner string) string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, e := range m.entries {
		if now := held(name, e.Owner); now != e.Held {
			e.Held = now
			m.changedLocked()
		}
	}
}

// forgetLocked drops what is over the limits, of owner and in all.
func (m *memory) forgetLocked(owner string) {
	if len(m.entries) <= memoryPerOwner {
		return
	}
	drop := func(limit int, of func(*memoryEntry) bool) {
		var some []*memoryEntry
		for _, e := range m.entries {
			if e.Held == "" && of(e) {
				some = append(some, e)
			}
		}
		if len(some) <= limit {
			return
		}
		slices.SortFunc(some, func(a, b *memoryEntry) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Last.Compare(b.Last))
		})
		for _, e := range some[:len(some)-limit] {
			delete(m.entries, e.Name)
		}
	}
	drop(memoryPerOwner, func(e *memoryEntry) bool { return e.Owner == owner })
	if len(m.entries) > memoryLimit {
		drop(memoryLimit-memoryLimit/10, func(*memoryEntry) bool { return true })
	}
}

// rank says who is forgotten first: identities that anybody can make, and as many of as
// they like, before those of tokens.
func rank(e *memoryEntry) int {
	if auth.IsToken(e.Owner) {
		return 1
	}
	return 0
}

func (m *memory) changedLocked() {
	m.dirty = true
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// save writes the file if anything has changed. It blocks on the disk: nobody who
// carries data calls it.
func (m *memory) save() {
	m.writing.Lock()
	defer m.writing.Unlock()
	if m.path == "" {
		return
	}
	m.mu.Lock()
	dirty := m.dirty
	m.dirty = false
	entries := make([]memoryEntry, 0, len(m.entries))
	for _, e := range m.entries {
		entries = append(entries, *e)
	}
	m.mu.Unlock()
	if !dirty {
		return
	}
	slices.SortFunc(entries, func(a, b memoryEntry) int { return b.Last.Compare(a.Last) })
	b, err := json.MarshalIndent(entries, "", "\t")
	if err == nil {
		err = writeFileAtomic(m.path, append(b, '\n'))
	}
	if err != nil {
		m.logger.Error("cannot keep who had which name", "file", m.path, "err", err)
		m.mu.Lock()
		m.dirty = true
		m.mu.Unlock()
	}
}
