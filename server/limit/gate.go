package limit

import (
	"errors"
	"net/netip"
	"sync"
)

// The reasons of [Gate.Enter] to refuse a connection.
var (
	ErrAddressFull = errors.New("too many connections from this address")
	ErrFull        = errors.New("too many connections")
)

// Gate counts connections, by address and in all: those on the tunnel port that have not
// shown who they are, or those of visitors. The zero value is ready for use. It holds one
// small entry per address that has a connection inside.
type Gate struct {
	mu     sync.Mutex
	total  int
	inside map[netip.Addr]int
}

// Enter counts one more connection from addr, or refuses it with [ErrAddressFull] or
// [ErrFull] when perAddress (for addresses other than loopback) or total are inside
// already; 0 means no limit. Each success wants one [Gate.Leave].
func (g *Gate) Enter(addr netip.Addr, perAddress, total int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if total > 0 && g.total >= total {
		return ErrFull
	}
	if !Exempt(addr) {
		key := Source(addr)
		if perAddress > 0 && g.inside[key] >= perAddress {
			return ErrAddressFull
		}
		if g.inside == nil {
			g.inside = make(map[netip.Addr]int)
		}
		g.inside[key]++
	}
	g.total++
	return nil
}

// Leave undoes one [Gate.Enter] of addr: the connection has shown who it is, or ended.
func (g *Gate) Leave(addr netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total--
	if Exempt(addr) {
		return
	}
	key := Source(addr)
	if g.inside[key]--; g.inside[key] <= 0 {
		delete(g.inside, key)
	}
}

// Len returns how many connections are inside.
func (g *Gate) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total
}
