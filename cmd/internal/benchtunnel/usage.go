package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times in /proc, whatever the kernel's own is.
const clockTick = time.Second / 100

// usage is what a process has taken so far.
type usage struct {
	cpu  time.Duration // user and system
	rss  int64         // bytes of memory at present
	peak int64         // the most of it so far
}

// usage reads /proc, and reports false where there is none or the process has ended.
func (p *process) usage() (usage, bool) {
	if p == nil {
		return usage{}, false
	}
	dir := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return usage{}, false
	}
	// The second field is the program's name and may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return usage{}, false
	}
	var u usage
	for _, f := range fields[11:13] { // utime, stime
		n, _ := strconv.ParseInt(f, 10, 64)
		u.cpu += time.Duration(n) * clockTick
	}
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		return usage{}, false
	}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch key {
		case "VmRSS":
			u.rss = n << 10
		case "VmHWM":
			u.peak = n << 10
		}
	}
	return u, true
}
