package limit

import (
	"net/netip"
	"testing"
	"time"
)

func TestKnown(t *testing.T) {
	var k Known
	now := time.Now()
	if k.Has(addr("192.0.2.1"), now) {
		t.Error("a stranger is known")
	}
	for _, a := range []string{"192.0.2.1", "2001:db8::1", "127.0.0.1", "::1"} {
		k.Note(addr(a), now)
	}
	for _, tt := range []struct {
		addr  string
		after time.Duration
		want  bool
	}{
		{"192.0.2.1", 0, true},
		{"::ffff:192.0.2.1", knownTime, true},
		{"192.0.2.1", knownTime + 1, false},
		{"192.0.2.2", 0, false},
		{"2001:db8::2", 0, true},
		{"2001:db8:0:1::1", 0, false},
		{"127.0.0.1", 0, false},
		{"::1", 0, false},
	} {
		if got := k.Has(addr(tt.addr), now.Add(tt.after)); got != tt.want {
			t.Errorf("%s after %v: %v", tt.addr, tt.after, got)
		}
	}
	for i := range 2 * maxKnown {
		k.Note(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), now)
	}
	if len(k.last) != maxKnown || !k.Has(addr("192.0.2.1"), now) {
		t.Errorf("%d are known, the first one: %v", len(k.last), k.Has(addr("192.0.2.1"), now))
	}
	later := now.Add(2 * knownTime)
	k.Note(addr("192.0.2.9"), later)
	if len(k.last) != 1 || !k.Has(addr("192.0.2.9"), later) {
		t.Errorf("%d are known after all have gone but one", len(k.last))
	}
}
