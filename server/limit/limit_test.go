package limit

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestSource(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"v4", "192.0.2.7", "192.0.2.7"},
		{"v4 in v6", "::ffff:192.0.2.7", "192.0.2.7"},
		{"v6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"v6 zone", "fe80::1%eth0", "fe80::"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Source(addr(tt.in)); got != addr(tt.want) {
				t.Errorf("Source(%s) = %s, want %s", tt.in, got, tt.want)
			}
		})
	}
}

type textAddr string

func (a textAddr) Network() string { return "tcp" }
func (a textAddr) String() string  { return string(a) }

func TestAddrOf(t *testing.T) {
	tests := []struct {
		name string
		in   net.Addr
		want string
	}{
		{"tcp", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5}, "192.0.2.1"},
		{"text", textAddr("[2001:db8::1]:80"), "2001:db8::1"},
		{"pipe", textAddr("pipe"), "invalid IP"},
		{"nil", nil, "invalid IP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := AddrOf(tt.in).Unmap().String(); got != tt.want {
				t.Errorf("AddrOf = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestGate(t *testing.T) {
	var g Gate
	a, b, six := addr("192.0.2.1"), addr("192.0.2.2"), addr("2001:db8::1")
	enter := func(who netip.Addr, want error) {
		t.Helper()
		if err := g.Enter(who, 2, 5); !errors.Is(err, want) {
			t.Fatalf("Enter(%s) = %v, want %v", who, err, want)
		}
	}
	enter(a, nil)
	enter(a, nil)
	enter(a, ErrAddressFull)
	enter(b, nil)
	enter(six, nil)
	enter(addr("2001:db8::2"), nil) // the same /64
	enter(b, ErrFull)
	g.Leave(a)
	enter(addr("2001:db8::3"), ErrAddressFull)
	enter(a, nil)
	for _, who := range []netip.Addr{a, a, b, six, six} {
		g.Leave(who)
	}
	if g.Len() != 0 || len(g.inside) != 0 {
		t.Errorf("after all left: %d inside, %d addresses", g.Len(), len(g.inside))
	}
}

func TestGateExemptsLoopbackFromTheAddressLimitAlone(t *testing.T) {
	var g Gate
	for range 5 {
		if err := g.Enter(addr("127.0.0.1"), 1, 5); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Enter(addr("::1"), 1, 5); !errors.Is(err, ErrFull) {
		t.Errorf("sixth: %v, want %v", err, ErrFull)
	}
}

func TestGateConcurrent(t *testing.T) {
	var g Gate
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if g.Enter(addr("192.0.2.9"), 4, 6) == nil {
					if n := g.Len(); n > 4 {
						t.Errorf("%d inside, the limit is 4", n)
					}
					g.Leave(addr("192.0.2.9"))
				}
			}
		})
	}
	wg.Wait()
	if g.Len() != 0 {
		t.Errorf("%d inside at the end", g.Len())
	}
}

func TestVisitorsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v Visitors
		count := func(who string, n int) (ok int) {
			for range n {
				if v.Allow(addr(who), 10, 20) {
					ok++
				}
			}
			return ok
		}
		if got := count("192.0.2.1", 50); got != 20 {
			t.Errorf("burst: %d allowed, want 20", got)
		}
		if got := count("192.0.2.2", 50); got != 20 {
			t.Errorf("another address: %d allowed, want 20", got)
		}
		time.Sleep(time.Second)
		if got := count("192.0.2.1", 50); got != 10 {
			t.Errorf("after 1 s: %d allowed, want 10", got)
		}
		if !v.Allow(addr("192.0.2.1"), 0, 0) {
			t.Error("no limit: refused")
		}
		if got := count("127.0.0.1", 50); got != 50 {
			t.Errorf("loopback: %d allowed, want all", got)
		}
		if v.Allow(addr("192.0.2.1"), 1, 1) {
			t.Error("a lowered limit does not count at once")
		}
	})
}

func TestVisitorsMemoryIsBounded(t *testing.T) {
	var v Visitors
	b := [4]byte{10}
	for i := range 5 * maxBuckets {
		b[1], b[2], b[3] = byte(i>>16), byte(i>>8), byte(i)
		v.Allow(netip.AddrFrom4(b), 1, 1)
		if i%1000 == 0 && v.Len() > 2*maxBuckets {
			t.Fatalf("%d addresses remembered after %d", v.Len(), i)
		}
	}
}

func TestVisitorsRemembersThroughAGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v Visitors
		loud := addr("192.0.2.1")
		v.Allow(loud, 0.001, 1)
		b := [4]byte{10}
		for i := range maxBuckets + 10 {
			b[2], b[3] = byte(i>>8), byte(i)
			v.Allow(netip.AddrFrom4(b), 1, 1)
		}
		if v.Allow(loud, 0.001, 1) {
			t.Error("a loud address was forgotten after one generation")
		}
	})
}

func TestAccounts(t *testing.T) {
	var a Accounts
	first, second := a.Open("token:alice"), a.Open("token:alice")
	if first != second {
		t.Fatal("two sessions of one identity have two accounts")
	}
	if nobody, another := a.Open(""), a.Open(""); nobody == another {
		t.Fatal("nobody shares an account with another nobody")
	}
	if !first.AddTunnel(2) || !second.AddTunnel(2) || first.AddTunnel(2) {
		t.Error("tunnels: want exactly two")
	}
	second.RemoveTunnel()
	if !first.AddTunnel(2) {
		t.Error("a removed tunnel leaves no room")
	}
	for range 10 {
		if !first.AddConnection(0) {
			t.Fatal("0 is not unlimited")
		}
	}
	if first.AddConnection(10) {
		t.Error("an eleventh of ten connections")
	}
	first.RemoveConnection()
	if tunnels, conns := first.Counts(); tunnels != 2 || conns != 9 {
		t.Errorf("Counts = %d, %d, want 2, 9", tunnels, conns)
	}
	first.Close()
	if a.Len() != 1 {
		t.Error("the account went before its last session")
	}
	second.Close()
	if again := a.Open("token:alice"); again != first {
		t.Error("a new session does not count with the connections of an old one")
	} else {
		again.Close()
	}
	for range 9 {
		if a.Len() != 1 {
			t.Fatal("the account went before its last connection")
		}
		first.RemoveConnection()
	}
	if a.Len() != 0 {
		t.Error("the account stays after its last session and connection")
	}
}

// A visitor who found a tunnel just before its session ended is counted after that, when
// the user has a new account already: which stays.
func TestConnectionOfAnEndedSession(t *testing.T) {
	var a Accounts
	old := a.Open("token:alice")
	old.Close()
	old.AddConnection(1)
	now := a.Open("token:alice")
	old.RemoveConnection()
	if a.Len() != 1 || a.Open("token:alice") != now {
		t.Error("the end of a connection took another account away")
	}
}

func TestBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Bandwidth
		ctx := context.Background()
		elapsed := func(n int) time.Duration {
			start := time.Now()
			if err := b.Wait(ctx, n); err != nil {
				t.Fatal(err)
			}
			return time.Since(start).Round(time.Millisecond)
		}
		if d := elapsed(1 << 30); d != 0 {
			t.Errorf("no limit: waited %v", d)
		}
		b.SetRate(1 << 20)
		if d := elapsed(256 << 10); d != 0 {
			t.Errorf("burst: waited %v", d)
		}
		if d := elapsed(2 << 20); d != 2*time.Second {
			t.Errorf("2 MiB at 1 MiB/s took %v", d)
		}
		b.SetRate(1 << 20)
		if d := elapsed(1 << 20); d != time.Second {
			t.Errorf("setting the same rate again gave a new burst: %v", d)
		}
		b.SetRate(0)
		if d := elapsed(1 << 30); d != 0 || b.Rate() != 0 {
			t.Errorf("limit lifted: waited %v", d)
		}
	})
}

func TestBandwidthIsSharedAndEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Bandwidth
		b.SetRate(100 << 10)
		start := time.Now()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 10 {
					if err := b.Wait(context.Background(), 16<<10); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		// 640 KiB less the burst of 64 KiB at 100 KiB/s.
		if d := time.Since(start); d < 5700*time.Millisecond || d > 5800*time.Millisecond {
			t.Errorf("took %v, want about 5.76 s", d)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := b.Wait(ctx, 1<<20); err == nil {
			t.Error("waited beyond its context")
		}
	})
}

func TestRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Requests
		count := func(key string, tunnels int) (n int) {
			for r.Allow(key, tunnels) {
				n++
			}
			return n
		}
		for _, tt := range []struct {
			key         string
			tunnels     int
			burst, more int // at once, and in 5 s
		}{
			{"few", 2, 1000, 100},
			{"default", 1000, 2000, 200},
			{"many", 5000, 10_000, 1000},
			{"unlimited", 0, 20_000, 2000},
		} {
			if got := count(tt.key, tt.tunnels); got != tt.burst {
				t.Errorf("%s: %d at once, want %d", tt.key, got, tt.burst)
			}
			time.Sleep(requestsTime / 10)
			if got := count(tt.key, tt.tunnels); got != tt.more {
				t.Errorf("%s: %d more, want %d", tt.key, got, tt.more)
			}
		}
		start := time.Now()
		for range 10 {
			if err := r.Wait(t.Context(), "unlimited", 0); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(start); d > 50*time.Millisecond {
			t.Errorf("10 at 400 a second took %v", d)
		}
		count("few", 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if r.Wait(ctx, "few", 2) == nil {
			t.Error("waited beyond its context")
		}
	})
}
