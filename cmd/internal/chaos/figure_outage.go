//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"ngrok/cmd/internal/chaos/faultnet"
)

// outages swallows everything for a while and measures from the end on.
func outages(ctx context.Context, w *world, o options) (string, bool, error) {
	const rest = 1700 * time.Millisecond
	var all []time.Duration
	var found []string
	for _, outage := range []struct {
		length time.Duration
		times  int
	}{{300 * time.Millisecond, 10}, {5 * time.Second, 10}, {20 * time.Second, 5}, {60 * time.Second, 5}} {
		var took []time.Duration
		for range outage.times {
			sleep(ctx, o.scaled(rest)) // so that it meets the programs at any time of their own
			w.net.Sites[0].Path.Set(faultnet.Conditions{Blackhole: true})
			sleep(ctx, o.scaled(outage.length))
			w.net.Sites[0].Path.Set(faultnet.Conditions{})
			d, err := newProbe(w, 0).race(30 * time.Second)
			if err != nil || ctx.Err() != nil {
				return "", false, err
			}
			took = append(took, d)
		}
		slices.Sort(took)
		all = append(all, took...)
		found = append(found, fmt.Sprintf("%v: %v, %v", outage.length, round(took[len(took)/2]), round(took[len(took)-1])))
	}
	slices.Sort(all)
	median, worst := all[len(all)/2], all[len(all)-1]
	return fmt.Sprintf("median %v, worst %v (by length: %s)", round(median), round(worst), strings.Join(found, "; ")),
		median <= time.Second && worst <= 5*time.Second, nil
}

// halfOpen swallows everything and does not stop. How long until each side notices? Then
// once more, and the same identity appears somewhere else.
func halfOpen(ctx context.Context, w *world, o options) (string, bool, error) {
	w.clients[1].end(syscall.SIGKILL) // its site is where the identity moves to
	path := w.net.Sites[0].Path
	server := awaitLine(filepath.Join(w.disks()[0], "log"), "client offline")
	private := awaitLine(filepath.Join(w.disks()[1], "log"), "session closed")
	path.Set(faultnet.Conditions{Blackhole: true})
	noticed := max(<-server, <-private)
	path.Set(faultnet.Conditions{})
	if _, err := newProbe(w, 0).race(startTime); err != nil {
		return "", false, err
	}

	path.Set(faultnet.Conditions{Blackhole: true})
	sleep(ctx, time.Second)
	begin := time.Now()
	moved, err := w.move()
	if err != nil {
		return "", false, err
	}
	defer moved.end(syscall.SIGKILL)
	if _, err := newProbe(w, 0).race(startTime); err != nil {
		return "", false, fmt.Errorf("takeover: %w", err)
	}
	takeover := time.Since(begin)
	path.Set(faultnet.Conditions{})
	sleep(ctx, 3*time.Second) // an exit would be noted
	return fmt.Sprintf("both sides noticed after %v, takeover after %v", round(noticed), round(takeover)),
		noticed <= 25*time.Second && takeover <= 2*time.Second, nil
}

// awaitLine returns when a log has one more line of a kind, but a minute at the most.
func awaitLine(path, line string) <-chan time.Duration {
	begin, before := time.Now(), strings.Count(logEnd(path, 1<<20), line)
	took := make(chan time.Duration, 1)
	go func() {
		for time.Since(begin) < time.Minute && strings.Count(logEnd(path, 1<<20), line) == before {
			time.Sleep(20 * time.Millisecond)
		}
		took <- time.Since(begin)
	}()
	return took
}

// move starts the client of the first site at the second one, as the same identity.
func (w *world) move() (*program, error) {
	dir := w.disks()[2]
	config := filepath.Join(dir, "moved.yml")
	b, err := os.ReadFile(filepath.Join(w.disks()[1], "ngrok.yml"))
	if err != nil {
		return nil, err
	}
	b = []byte(strings.NewReplacer(
		w.net.Sites[0].ServerAddr, w.net.Sites[1].ServerAddr,
		w.service[0].web.Addr().String(), w.service[1].web.Addr().String(),
		w.service[0].raw.Addr().String(), w.service[1].raw.Addr().String(),
	).Replace(string(b)))
	if err := os.WriteFile(config, b, 0o600); err != nil {
		return nil, err
	}
	p := &program{name: "the moved client", died: w.note, start: w.net.Sites[1].Start, make: func() *exec.Cmd {
		cmd := w.clients[0].make()
		cmd.Args = []string{cmd.Path, "-config", config, "-log", filepath.Join(dir, "moved.log"), "-grace", "1s", "start-all"}
		return cmd
	}}
	return p, p.run()
}
