//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// figure is something that is measured rather than broken.
type figure struct {
	name, wanted string
	// sites and mtu of the world that it is measured in.
	sites int
	mtu   uint32
	// take measures, and returns what was found in words and whether that is as wanted.
	take func(ctx context.Context, w *world, o options) (found string, ok bool, err error)
}

// figures in the order in which they are taken.
func figures() []figure {
	return []figure{
		{"outage", "usable again ≤ 1 s (median) and ≤ 5 s (worst) after its end", 1, fastMTU, outages},
		{"restart", "1,000 clients back with their URLs ≤ 10 s after a server restart", 1, fastMTU, restartMany},
		{"half-open", "a half-open path noticed ≤ 25 s, takeover ≤ 2 s, no client exits", 2, fastMTU, halfOpen},
		{"visitors", "50 requests a second during a client restart of ≤ 5 s: 0 errors", 1, fastMTU, visitorsInRestart},
		{"held", "9,000 connections held, all echo at the end", 1, fastMTU, holdMany},
		{"descriptors", "exhausted: ≤ 0.1 CPU s in 5 s, ≤ 10 log lines, normal ≤ 1 s after relief", 1, fastMTU, descriptors},
		{"log-disk", "log disk full: 0 failed requests", 1, fastMTU, logDisk},
		{"lossy", "50 ms, 2 % loss: ≥ 90 % of direct TCP", 1, realMTU, lossyThroughput},
		{"stalled", "50 ms, 2 % loss: a stalled stream costs the others ≤ 5 %", 1, realMTU, stalledStream},
	}
}

const (
	realMTU = 1500
	fastMTU = 16 << 10
)

// measure takes the figures that were named, or all, and prints them.
func measure(ctx context.Context, o options) error {
	if !o.jailed {
		return errors.New("figures are measured in network namespaces only, which this machine does not allow")
	}
	raiseDescriptors()
	all := slices.ContainsFunc(o.figures, func(n string) bool { return n == "" })
	missed := 0
	for _, f := range figures() {
		if ctx.Err() != nil || !all && !slices.Contains(o.figures, f.name) {
			continue
		}
		o.sites, o.mtu = f.sites, f.mtu
		found, ok, err := f.takeIn(ctx, o)
		verdict := "ok"
		if err != nil {
			found, ok = err.Error(), false
		}
		if !ok {
			verdict = "MISSED"
			missed++
		}
		fmt.Printf("%-7s %-12s wanted: %s\n%21sfound:  %s\n", verdict, f.name, f.wanted, "", found)
	}
	if missed > 0 {
		return fmt.Errorf("%d figures missed", missed)
	}
	return ctx.Err()
}

// takeIn measures in a world of its own.
func (f figure) takeIn(ctx context.Context, o options) (string, bool, error) {
	w, err := newWorld(o)
	if err != nil {
		return "", false, err
	}
	defer w.close()
	echo := serveEchoes(w)
	defer echo.close()
	if err := w.start(); err != nil {
		return "", false, err
	}
	for i := range w.net.Sites {
		if _, err := w.waitUsable(i, startTime); err != nil {
			return "", false, err
		}
	}
	found, ok, err := f.take(ctx, w, o)
	if o.keep != "" {
		err = cmp.Or(err, w.keepLogs(o.keep))
	}
	if notes := w.notes(); len(notes) > 0 {
		return found, false, fmt.Errorf("%s; %s", found, notes)
	}
	return found, ok, err
}

// raiseDescriptors lifts the limit of this process and of those it starts, if it may.
func raiseDescriptors() {
	const enough = 100_000
	limit := syscall.Rlimit{Cur: enough, Max: enough}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
		limit.Cur = limit.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
}

// short scales a time down in the short form.
func (o options) scaled(d time.Duration) time.Duration {
	if o.short {
		return max(d/20, 300*time.Millisecond)
	}
	return d
}

// countLines returns how many lines a file has.
func countLines(path string) int {
	b, _ := os.ReadFile(path)
	n := 0
	for _, c := range b {
		if c == '\n' {
			n++
		}
	}
	return n
}
