//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// census is what a process holds.
type census struct {
	descriptors int
	links       int // of them, open links to the tunnel port: idle ones may stay
	threads     int
	rss         int64 // bytes
}

// held returns the descriptors apart from links.
func (c census) held() int { return c.descriptors - c.links }

// takeCensus reads /proc. linkPort tells links from other connections.
func takeCensus(pid int, linkPort string) (c census, err error) {
	proc := fmt.Sprintf("/proc/%d", pid)
	status, err := os.ReadFile(proc + "/status")
	if err != nil {
		return c, err
	}
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		switch {
		case len(f) > 1 && f[0] == "Threads:":
			c.threads, _ = strconv.Atoi(f[1])
		case len(f) > 1 && f[0] == "VmRSS:":
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			c.rss = kib << 10
		}
	}
	links := linkSockets(proc, linkPort)
	entries, err := os.ReadDir(proc + "/fd")
	if err != nil {
		return c, err
	}
	c.descriptors = len(entries)
	for _, e := range entries {
		target, err := os.Readlink(proc + "/fd/" + e.Name())
		if err == nil && links[target] {
			c.links++
		}
	}
	return c, nil
}

// linkSockets returns the open connections to and from a port that the
// process's network namespace knows, as /proc/*/fd names them.
func linkSockets(proc, linkPort string) map[string]bool {
	n, _ := strconv.Atoi(linkPort)
	port := fmt.Sprintf(":%04X", n)
	const listening = "0A"
	links := make(map[string]bool)
	for _, table := range []string{"/net/tcp", "/net/tcp6"} {
		f, err := os.Open(proc + table)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			col := strings.Fields(lines.Text())
			if len(col) > 9 && col[3] != listening && (strings.HasSuffix(col[1], port) || strings.HasSuffix(col[2], port)) {
				links["socket:["+col[9]+"]"] = true
			}
		}
		f.Close()
	}
	return links
}
