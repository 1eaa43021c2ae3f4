//go:build linux

package main

import (
	"reflect"
	"testing"
	"time"
)

func TestScheduleComesFromTheSeed(t *testing.T) {
	a := schedule(5, 3, time.Minute, 1, true)
	if !reflect.DeepEqual(a, schedule(5, 3, time.Minute, 1, true)) {
		t.Error("the same seed gives another schedule")
	}
	if reflect.DeepEqual(a, schedule(6, 3, time.Minute, 1, true)) {
		t.Error("another seed gives the same schedule")
	}
}

func TestFullFormHasEnoughFaultsOfEveryKind(t *testing.T) {
	count := map[string]int{}
	total := 0
	for _, l := range schedule(1, 4, 30*time.Minute, 1, true) {
		for _, f := range l {
			count[f.kind]++
			total++
			if f.kind == blackhole && (f.length < 3*time.Second || f.length > 40*time.Second) {
				t.Errorf("%v", f)
			}
		}
	}
	if total < 300 {
		t.Errorf("%d faults", total)
	}
	for _, k := range []string{killed, frozen, resets, blackhole, lossy, delayed, diskFull, noMoreFile} {
		if count[k] < 5 {
			t.Errorf("%d times %q", count[k], k)
		}
	}
}

func TestNoDiskIsFilledOutsideAJail(t *testing.T) {
	for _, l := range schedule(1, 4, 30*time.Minute, 1, false) {
		for _, f := range l {
			if f.kind == diskFull {
				t.Fatal("the machine's own disk would be filled")
			}
		}
	}
}
