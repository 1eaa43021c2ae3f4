package inspect

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// defaultRows is the row limit of List when none is given.
	defaultRows = 100
	// listBatch is how many records are looked at while the store is locked.
	listBatch = 256
)

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
	var page Page
	now := time.Now()
	before := uint64(math.MaxUint64)
	for {
		s.mu.Lock()
		if page.Seq == 0 {
			page.Seq, page.Total = s.seq, s.countLocked()
			if last := s.findLocked(o.Before); last != nil {
				before = last.sum.Number
			}
		}
		versions := s.newestLocked(before, listBatch)
		s.mu.Unlock()
		for _, v := range versions {
			before = v.r.sum.Number
			row := s.summary(v, now)
			if o.Tunnel != "" && row.Tunnel != o.Tunnel || !s.matches(o.Filter, v, &row) {
				continue
			}
			if len(page.Rows) == o.Limit {
				page.More = true
				return page
			}
			page.Rows = append(page.Rows, row)
		}
		if len(versions) < listBatch {
			return page
		}
	}
}

// matches evaluates a filter, looking at the whole exchange only when it must.
func (s *Store) matches(f *Filter, v version, row *Summary) bool {
	if f == nil {
		return true
	}
	if ok := f.matchSummary(row); !ok || !f.deep {
		return ok
	}
	e, ok := s.exchange(v)
	return ok && f.Match(e)
}

// newestLocked returns up to limit records with a number below before, newest first.
func (s *Store) newestLocked(before uint64, limit int) []version {
	i, _ := slices.BinarySearchFunc(s.loose, before, byNumber)
	j, _ := slices.BinarySearchFunc(s.pinned, before, byNumber)
	loose, pinned := s.loose[:i], s.pinned[:j]
	versions := make([]version, 0, min(limit, i+j))
	for len(versions) < limit && len(loose)+len(pinned) > 0 {
		i, j := len(loose)-1, len(pinned)-1
		var r *record
		if j < 0 || i >= 0 && loose[i].sum.Number > pinned[j].sum.Number {
			r, loose = loose[i], loose[:i]
		} else {
			r, pinned = pinned[j], pinned[:j]
		}
		versions = append(versions, version{r, r.seq, r.pinned})
	}
	return versions
}

// byNumber orders records by their number, which is written once, by register.
func byNumber(r *record, n uint64) int { return cmp.Compare(r.sum.Number, n) }

// Pin sets whether an exchange stays when others are removed. It returns [ErrNotFound]
// or [ErrPinLimit].
func (s *Store) Pin(id ID, pinned bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.findLocked(id)
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
	s.drop(victims)
	return len(victims)
}
