package server

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"
	"time"

	"ngrok/server/limit"
)

// stalledAfter is when a visitor counts as stalled that takes nothing of what is there for
// it. A phone in a tunnel comes back within that time, mostly; one that pauses a video
// does not, and is welcome as long as there are few.
const stalledAfter = 5 * time.Second

// stalledFlow is a public connection whose visitor does not read.
type stalledFlow struct {
	*flow
	source netip.Addr
	since  time.Duration
}

// cutStalled resets visitors when more than most are stalled; 0 means any number may be.
// There is no time after which a visitor has to read: who pauses does no harm. It is many
// of them who hold all of the memory, or all connections that a tunnel may have.
func (s *Server) cutStalled(now time.Time, most int) {
	if most <= 0 {
		return
	}
	all := s.flows.stalled(now)
	if len(all) <= most {
		return
	}
	surplus := excessStalled(all, most)
	for _, fl := range surplus {
		fl.leg.Reset()
	}
	s.logger.Warn("visitors cut: too many take nothing of what they have asked for",
		"stalled", len(all), "cut", len(surplus), "limit", most)
}

// stalled returns the connections whose visitors are.
func (f *flows) stalled(now time.Time) (all []stalledFlow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for fl := range f.open {
		if since := fl.leg.Stalled(now); since >= stalledAfter {
			all = append(all, stalledFlow{fl, limit.Source(fl.from), since})
		}
	}
	return all
}

// excessStalled returns which of them go, so that most are left: of each address as many
// stay as of any other, if it has as many, and those that have stalled for the shortest
// time. So an attacker pushes out itself, and not whoever pauses a video.
func excessStalled(all []stalledFlow, most int) (excess []stalledFlow) {
	of := make(map[netip.Addr]int)
	for _, fl := range all {
		of[fl.source]++
	}
	staying := func(each int) (n int) {
		for _, have := range of {
			n += min(have, each)
		}
		return n
	}
	each := sort.Search(most, func(n int) bool { return staying(n+1) > most })
	rest := most - staying(each)
	slices.SortFunc(all, func(a, b stalledFlow) int { return cmp.Compare(a.since, b.since) })
	clear(of)
	for _, fl := range all {
		switch {
		case of[fl.source] < each:
		case of[fl.source] == each && rest > 0:
			rest--
		default:
			excess = append(excess, fl)
			continue
		}
		of[fl.source]++
	}
	return excess
}
