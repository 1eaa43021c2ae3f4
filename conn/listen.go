package conn

import (
	"net"
	"syscall"
	"time"
)

// keepAliveIdle, -Interval and -Count find a peer that vanished silently within 30 s:
// 15 s of silence and then three probes.
const (
	keepAliveIdle     = 15 * time.Second
	keepAliveInterval = 5 * time.Second
	keepAliveCount    = 3
)

// keepAlive is how all connections are kept alive.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount}

// ListenConfig returns how listeners are made: what they accept has the options of
// [SetOptions]. They do not speak MPTCP, as Go's do: with it a new connection costs
// some percent more, also for the many who do not speak it.
func ListenConfig() *net.ListenConfig {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	if !inheritsOptions {
		config.KeepAliveConfig = keepAlive
		return &config
	}
	// Set once on the listener, they spare each connection five system calls.
	config.KeepAlive = -1
	config.Control = func(_, _ string, raw syscall.RawConn) error {
		var err error
		if cerr := raw.Control(func(fd uintptr) { err = setKeepAlive(fd); setUnsentMax(fd) }); cerr != nil {
			return cerr
		}
		return err
	}
	return &config
}

// SetOptions gives a connection that a listener of another make has accepted what those
// of [ListenConfig] give to theirs: TCP keep-alive, and what [BoundUnsent] does.
func SetOptions(c *net.TCPConn) {
	c.SetKeepAliveConfig(keepAlive)
	BoundUnsent(c)
}
