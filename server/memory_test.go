package server

import (
	"fmt"
	"log/slog"
	"testing"
	"time"
)

// Identities without a token, of which one can make any number, must push out neither the
// names nor the places of those with one.
func TestCrowdOfStrangers(t *testing.T) {
	t.Run("names", func(t *testing.T) {
		m := newMemory("", slog.New(slog.DiscardHandler))
		had := func(name, owner string) {
			m.note(name, "http", owner, false)
			m.left(name, "http", owner, true)
		}
		had("alice.test", "token:alice")
		m.entries["alice.test"].Last = time.Now().Add(-time.Hour)
		had("stranger.test", "anon:first")
		m.entries["stranger.test"].Last = time.Now().Add(-time.Hour)
		for i := range memoryLimit { // put there, since each note looks at all
			name := fmt.Sprintf("n%d.test", i)
			m.entries[name] = &memoryEntry{Name: name, Owner: fmt.Sprintf("anon:%d", i/memoryPerOwner), Last: time.Now()}
		}
		had("last.test", "anon:last")
		if n := len(m.entries); n > memoryLimit {
			t.Errorf("%d names are remembered, want at most %d", n, memoryLimit)
		}
		if owner, _ := m.owner("alice.test"); owner != "token:alice" {
			t.Errorf("alice's name is forgotten")
		}
		if owner, _ := m.owner("stranger.test"); owner != "" {
			t.Errorf("an old name of a stranger is remembered, of newer ones some are not")
		}
	})
	t.Run("places", func(t *testing.T) {
		var n absences
		var all []*absence
		add := func(holder string) bool {
			a := &absence{owner: holder, holder: holder}
			if !n.add(a) {
				return false
			}
			all = append(all, a)
			return true
		}
		fill := func(holder func(i int) string) (added int) {
			for i := 0; i < 2*absentMax && add(holder(i)); i++ {
				added++
			}
			return added
		}
		if got := fill(func(i int) string { return fmt.Sprintf("anon:%d", i) }); got != absentAnonymous {
			t.Errorf("%d places for strangers, want %d", got, absentAnonymous)
		}
		if got := fill(func(int) string { return "token:alice" }); got != absentPerOwner {
			t.Errorf("%d places for alice, want %d", got, absentPerOwner)
		}
		if !add("token:bob") {
			t.Error("none is left for bob")
		}
		bob := all[len(all)-1]
		if n.over("token:bob", 2) != nil || n.over("token:bob", 0) != nil || n.over("token:bob", 1) != bob {
			t.Error("bob's one is not the oldest of one")
		}
		for _, a := range all {
			n.remove(a)
		}
		if n.all != 0 || n.anonymous != 0 || len(n.of) != 0 {
			t.Errorf("after all have gone: %+v", n)
		}
	})
}
