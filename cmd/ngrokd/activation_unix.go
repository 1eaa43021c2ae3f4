//go:build unix

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// activated takes the listeners that systemd has opened: those named (FileDescriptorName)
// tunnel, http and https, or, without names, in this order.
func activated(env func(string) string, ls *listeners) error {
	const first = 3 // sd_listen_fds(3)
	if env("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil
	}
	n, err := strconv.Atoi(env("LISTEN_FDS"))
	if err != nil || n <= 0 {
		return nil
	}
	order := []string{"tunnel", "http", "https"}
	names := strings.Split(env("LISTEN_FDNAMES"), ":")
	for i := range n {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		if name != order[0] && name != order[1] && name != order[2] {
			if i >= len(order) {
				return fmt.Errorf("socket activation: the socket %q is none of %s: set FileDescriptorName", name, strings.Join(order, ", "))
			}
			name = order[i]
		}
		syscall.CloseOnExec(first + i)
		l, err := tcpListener(os.NewFile(uintptr(first+i), name))
		if err != nil {
			return fmt.Errorf("socket activation: the socket %s: %w", name, err)
		}
		if !ls.pass(name, &passedListener{TCPListener: l}) {
			l.Close()
			return fmt.Errorf("socket activation: there is more than one socket %s: give each a FileDescriptorName of its own", name)
		}
	}
	return nil
}
