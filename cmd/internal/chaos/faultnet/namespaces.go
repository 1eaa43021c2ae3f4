//go:build linux

package faultnet

import (
	"fmt"
	"net"
)

// Namespaces makes a network of sites in namespaces of their own, each on a wire of its
// own to this process's namespace. The process must be in a [Jail]. mtu is that of the
// wires: 1500 is normal, and larger packets make a faster wire.
func Namespaces(sites int, mtu uint32, tunnelPort string, seed uint64) (_ *Network, err error) {
	n := &Network{Kind: fmt.Sprintf("%d network namespaces on wires of %d bytes a packet", sites, mtu)}
	var closers []func()
	n.close = func() {
		for _, c := range closers {
			c()
		}
	}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	for i := range sites {
		ns, err := newNamespace()
		if err != nil {
			return nil, err
		}
		closers = append(closers, ns.close)
		public, private := net.IPv4(10, 231, byte(i), 1), net.IPv4(10, 231, byte(i), 2)
		near, err := openTUN(fmt.Sprintf("site%d", i), public, mtu)
		if err != nil {
			return nil, err
		}
		wire := &link{near: near}
		if err := ns.do(func() (err error) {
			wire.far, err = openTUN("public", private, mtu)
			return err
		}); err != nil {
			near.Close()
			return nil, err
		}
		wire = newLink(wire.near, wire.far, seed+uint64(i))
		closers = append(closers, wire.close)
		n.Sites = append(n.Sites, &Site{
			Path:       wire,
			ServerAddr: net.JoinHostPort(public.String(), tunnelPort),
			addr:       private.String(),
			inside:     ns.do,
		})
	}
	return n, nil
}
