package inspect

import (
	"iter"
	"slices"
	"time"
)

// defaultRows is the row limit of List when none is given.
const defaultRows = 100

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

// List returns rows of the list, newest first. When Before is no longer kept, the
// rows start with the newest one.
func (s *Store) List(o ListOptions) Page {
	if o.Limit <= 0 {
		o.Limit = defaultRows
	}
	s.mu.Lock()
	page := Page{Seq: s.seq, Total: len(s.byID)}
	versions := s.newestLocked(len(s.byID))
	if last := s.byID[o.Before]; last != nil {
		i := slices.IndexFunc(versions, func(v version) bool { return v.r == last })
		versions = versions[i+1:]
	}
	s.mu.Unlock()

	now := time.Now()
	for _, v := range versions {
		row := v.summary(now)
		if o.Tunnel != "" && row.Tunnel != o.Tunnel || !s.matches(o.Filter, v, &row) {
			continue
		}
		if len(page.Rows) == o.Limit {
			page.More = true
			break
		}
		page.Rows = append(page.Rows, row)
	}
	return page
}

// matches evaluates a filter, looking at the whole exchange only when it must.
func (s *Store) matches(f *Filter, v version, row *Summary) bool {
	if f == nil {
		return true
	}
	if ok := f.matchSummary(row); !ok || !f.deep {
		return ok
	}
	return f.Match(s.exchange(v))
}

// newestFirst walks all records by number, backwards. The caller holds s.mu.
func (s *Store) newestFirst() iter.Seq[*record] {
	return func(yield func(*record) bool) {
		i, j := len(s.loose)-1, len(s.pinned)-1
		for i >= 0 || j >= 0 {
			var r *record
			if j < 0 || i >= 0 && s.loose[i].sum.Number > s.pinned[j].sum.Number {
				r, i = s.loose[i], i-1
			} else {
				r, j = s.pinned[j], j-1
			}
			if !yield(r) {
				return
			}
		}
	}
}

// Pin sets whether an exchange stays when others are removed. It returns [ErrNotFound]
// or [ErrPinLimit].
func (s *Store) Pin(id ID, pinned bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.byID[id]
	switch {
	case r == nil:
		return ErrNotFound
	case r.pinned == pinned:
		return nil
	case pinned && s.pinUsed+r.cost > s.budget/2:
		return ErrPinLimit
	case pinned:
		s.pinUsed += r.cost
		s.loose, s.pinned = move(r, s.loose, s.pinned)
	default:
		s.pinUsed -= r.cost
		s.pinned, s.loose = move(r, s.pinned, s.loose)
	}
	r.pinned = pinned
	s.touchLocked(r)
	s.signalLocked()
	return nil
}

// move takes a record out of one list and puts it into its place in another.
func move(r *record, from, to []*record) (newFrom, newTo []*record) {
	byNumber := func(a *record, n uint64) int {
		switch {
		case a.sum.Number < n:
			return -1
		case a.sum.Number > n:
			return 1
		}
		return 0
	}
	i, _ := slices.BinarySearchFunc(from, r.sum.Number, byNumber)
	j, _ := slices.BinarySearchFunc(to, r.sum.Number, byNumber)
	return slices.Delete(from, i, i+1), slices.Insert(to, j, r)
}

// Clear removes all exchanges but the pinned ones, and those as well when pinned is
// true. It returns how many it removed. Connections under way go on to be counted, but
// what they carry is not shown until their next request.
func (s *Store) Clear(pinned bool) int {
	s.mu.Lock()
	victims := s.loose
	s.loose = nil
	if pinned {
		victims = append(victims, s.pinned...)
		s.pinned = nil
	}
	for _, r := range victims {
		s.forgetLocked(r)
	}
	s.signalLocked()
	s.mu.Unlock()
	drop(victims)
	return len(victims)
}
