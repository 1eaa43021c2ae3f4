package main

import "testing"

func TestGCPercent(t *testing.T) {
	for _, tt := range []struct {
		kept int64
		want int
	}{{0, 100}, {20 << 20, 100}, {30 << 20, 60}, {50 << 20, 40}, {1 << 30, 20}} {
		if got := gcPercent(tt.kept); got != tt.want {
			t.Errorf("gcPercent(%d) = %d, want %d", tt.kept, got, tt.want)
		}
	}
}
