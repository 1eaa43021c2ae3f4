package main

import (
	"net"
	"os"
	"strconv"
	"time"
)

// notifier tells systemd how the service is (sd_notify(3)). The zero value tells nobody.
type notifier struct {
	socket   string
	watchdog time.Duration // how often systemd wants to hear that all is well; 0 is never
	told     time.Time
}

func newNotifier(env func(string) string) *notifier {
	n := &notifier{socket: env("NOTIFY_SOCKET")}
	if pid := env("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return n
	}
	if µs, err := strconv.ParseInt(env("WATCHDOG_USEC"), 10, 64); err == nil && µs > 0 {
		n.watchdog = time.Duration(µs) * time.Microsecond
	}
	return n
}

// send sends assignments of sd_notify, one to a line. That systemd can't be reached
// must not disturb the service.
func (n *notifier) send(state string) {
	if n.socket == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	c.SetWriteDeadline(time.Now().Add(time.Second))
	c.Write([]byte(state))
}

// alive says that all is well if systemd wants to hear so, often enough when it is
// called about once a second. It is for one goroutine.
func (n *notifier) alive() {
	if n.watchdog > 0 && time.Since(n.told) >= n.watchdog/3 {
		n.told = time.Now()
		n.send("WATCHDOG=1")
	}
}
