package server

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// memoryLimit is how many names and ports are remembered in all; those not used
	// for the longest time are forgotten first.
	memoryLimit = 20_000

	// memoryPerOwner is the same for one identity.
	memoryPerOwner = 200
)

// memory remembers which identity had which name or port last, so that it gets it
// back. It is kept in a file where there is a path.
type memory struct {
	path   string
	logger *slog.Logger

	mu      sync.Mutex
	entries map[string]*memoryEntry // by name
	dirty   bool

	writing sync.Mutex // one writer of the file at a time
}

// memoryEntry is one name that somebody has or had: a host name, or "tcp:PORT".
type memoryEntry struct {
	Name   string    `json:"name"`
	Owner  string    `json:"owner"`
	Random bool      `json:"random,omitempty"` // chosen by the server, not by the owner
	First  time.Time `json:"first"`            // when Owner got it for the first time
	Last   time.Time `json:"last"`             // when it was last seen in use
}

// openMemory reads the file at path, which may be absent. A broken file is set aside.
func openMemory(path string, logger *slog.Logger) *memory {
	m := &memory{path: path, logger: logger, entries: make(map[string]*memoryEntry)}
	if path == "" {
		return m
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m
	}
	var entries []*memoryEntry
	if err == nil {
		err = json.Unmarshal(b, &entries)
	}
	if err != nil {
		aside := path + ".broken"
		logger.Warn("cannot read who had which name; starting anew", "file", path, "err", err, "kept", aside)
		os.Rename(path, aside)
		return m
	}
	for _, e := range entries {
		if e != nil && e.Name != "" && e.Owner != "" {
			m.entries[e.Name] = e
		}
	}
	return m
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

// note remembers that owner uses name now.
func (m *memory) note(name, owner string, random bool) {
	if owner == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	first := now
	if e := m.entries[name]; e != nil && e.Owner == owner {
		random, first = e.Random, e.First // its client asks by name when it comes back
	}
	m.entries[name] = &memoryEntry{Name: name, Owner: owner, Random: random, First: first, Last: now}
	m.dirty = true
	m.forgetLocked(owner)
}

// touch notes that name is in use at this moment, or was until now.
func (m *memory) touch(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.entries[name]; e != nil {
		e.Last = time.Now()
		m.dirty = true
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
			if of(e) {
				some = append(some, e)
			}
		}
		if len(some) <= limit {
			return
		}
		slices.SortFunc(some, func(a, b *memoryEntry) int { return a.Last.Compare(b.Last) })
		for _, e := range some[:len(some)-limit] {
			delete(m.entries, e.Name)
		}
	}
	drop(memoryPerOwner, func(e *memoryEntry) bool { return e.Owner == owner })
	if len(m.entries) > memoryLimit {
		drop(memoryLimit-memoryLimit/10, func(*memoryEntry) bool { return true })
	}
}

// save writes the file if anything has changed. It blocks on the disk: nobody who
// carries data calls it.
func (m *memory) save() {
	if m.path == "" {
		return
	}
	m.writing.Lock()
	defer m.writing.Unlock()
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
