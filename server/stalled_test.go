package server

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestExcessStalled(t *testing.T) {
	for _, tt := range []struct {
		name string
		have []int // of each address; those of one address stall for 1 s, 2 s, …
		most int
		cut  []int
	}{
		{"one address", []int{5}, 3, []int{2}},
		{"the attacker's alone", []int{1, 8, 2}, 5, []int{0, 6, 0}},
		{"two attackers", []int{1, 8, 7}, 5, []int{0, 6, 5}},
		{"one more of some", []int{4, 4}, 5, []int{1, 2}},
		{"more addresses than may stay", []int{1, 1, 1}, 2, []int{0, 0, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var all []stalledFlow
			for i, n := range tt.have {
				for k := range n {
					// The first address has stalled a little less long than the others.
					since := time.Duration(k+1)*time.Second + time.Duration(i)*time.Millisecond
					all = append(all, stalledFlow{nil, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), since})
				}
			}
			got := make([]int, len(tt.have))
			longest := make([]time.Duration, len(tt.have))
			for _, fl := range excessStalled(all, tt.most) {
				i := fl.source.As4()[3]
				got[i]++
				longest[i] = max(longest[i], fl.since)
			}
			if total := sum(tt.have) - sum(got); total != tt.most {
				t.Errorf("%d stay, want %d", total, tt.most)
			}
			for i := range got {
				if got[i] > 0 && longest[i] < time.Duration(tt.have[i])*time.Second {
					t.Errorf("of address %d not the longest went", i)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.cut) {
				t.Errorf("cut %v, want %v", got, tt.cut)
			}
		})
	}
}

func sum(ns []int) (total int) {
	for _, n := range ns {
		total += n
	}
	return total
}
