package client

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name     string
		took     time.Duration // by each attempt
		from, to []time.Duration
	}{
		{"refused at once", 0,
			[]time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1000 * ms, 1000 * ms},
			[]time.Duration{200 * ms, 400 * ms, 800 * ms, 1600 * ms, 2000 * ms, 2000 * ms}},
		{"refused after a while", 500 * ms,
			[]time.Duration{100 * ms, 100 * ms, 100 * ms, 300 * ms, 500 * ms, 500 * ms},
			[]time.Duration{200 * ms, 200 * ms, 300 * ms, 1100 * ms, 1500 * ms, 1500 * ms}},
		{"no answer", connectTimeout,
			[]time.Duration{100 * ms, 100 * ms, 100 * ms, 100 * ms, 100 * ms, 100 * ms},
			[]time.Duration{200 * ms, 200 * ms, 200 * ms, 200 * ms, 200 * ms, 200 * ms}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 100 {
				var b backoff
				for i := range tt.from {
					if got := b.next(tt.took); got < tt.from[i] || got > tt.to[i] {
						t.Fatalf("pause %d is %v, want %v to %v", i, got, tt.from[i], tt.to[i])
					}
				}
			}
		})
	}
}
