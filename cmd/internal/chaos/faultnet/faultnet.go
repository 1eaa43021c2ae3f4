//go:build linux

// Package faultnet connects a public host with private sites over paths that lose,
// delay, swallow and reset what is sent: network namespaces joined by a link in this
// process where the machine allows them (see [Jail]), and TCP proxies on loopback where
// it does not. Nothing in it reaches any other machine.
package faultnet

import (
	"net"
	"os"
	"os/exec"
	"time"
)

// Conditions of a path, the same both ways. The zero value is a perfect path.
type Conditions struct {
	// Delay is added to each direction's way, half of a round trip.
	Delay time.Duration
	// Loss is the share of packets that vanish, 0 to 1. A [Proxy] cannot lose packets
	// of a TCP connection: there, that share of the pieces is late by 200 ms.
	Loss float64
	// Rate is how many bytes a second go each way; 0 is as many as this machine carries.
	// A [Proxy] knows no rate.
	Rate int
	// Blackhole swallows everything.
	Blackhole bool
}

// Path is the way between a site and the public host. It is safe for concurrent use.
type Path interface {
	// Set changes the conditions at once.
	Set(Conditions)
	// Reset aborts one TCP connection of those that carry something next.
	Reset()
	// Carried returns how many bytes went each way so far, headers included if the
	// path sees them.
	Carried() (up, down int64)
}

// Site is a private place: its programs reach the public host over the path only.
type Site struct {
	// Path leads to the public host.
	Path Path
	// ServerAddr is the tunnel port of the public host as the site sees it.
	ServerAddr string

	addr   string // the site's own
	inside func(func() error) error
}

// Listen opens a listener on the site's own loopback, for a private service.
func (s *Site) Listen() (l net.Listener, err error) {
	err = s.inside(func() error {
		l, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	})
	return l, err
}

// ListenPublic opens a listener that the public host reaches over the path, or directly
// where the paths are proxies.
func (s *Site) ListenPublic() (l net.Listener, err error) {
	err = s.inside(func() error {
		l, err = net.Listen("tcp", net.JoinHostPort(s.addr, "0"))
		return err
	})
	return l, err
}

// Dial connects to an address from the site.
func (s *Site) Dial(addr string) (nc net.Conn, err error) {
	err = s.inside(func() error {
		nc, err = net.DialTimeout("tcp", addr, 10*time.Second)
		return err
	})
	return nc, err
}

// UseCongestionControl chooses by name what TCP connections that the site opens or accepts
// from now on do about loss. It is for sites in a [Jail] only, and not every machine has or
// allows every one.
func (s *Site) UseCongestionControl(name string) error {
	return s.inside(func() error {
		return os.WriteFile("/proc/sys/net/ipv4/tcp_congestion_control", []byte(name), 0)
	})
}

// Start starts a program at the site.
func (s *Site) Start(cmd *exec.Cmd) error {
	return s.inside(cmd.Start)
}

// Network is a public host, this process's own place, and its sites.
type Network struct {
	Sites []*Site
	// Kind says how the sites are connected, for reports.
	Kind  string
	close func()
}

// Close takes the network down; programs that run at the sites should have ended.
func (n *Network) Close() { n.close() }
