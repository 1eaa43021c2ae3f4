//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ngrok/cmd/internal/chaos/faultnet"
)

// outages swallows everything for a while and measures from the end on.
func outages(ctx context.Context, w *world, o options) (string, bool, error) {
	var all []time.Duration
	var found []string
	for _, outage := range []struct {
		length time.Duration
		times  int
	}{{300 * time.Millisecond, 5}, {5 * time.Second, 3}, {20 * time.Second, 2}, {60 * time.Second, 1}} {
		var took []time.Duration
		for range outage.times {
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
		found = append(found, fmt.Sprintf("%v: %v", outage.length, round(took[len(took)-1])))
	}
	slices.Sort(all)
	median, worst := all[len(all)/2], all[len(all)-1]
	return fmt.Sprintf("median %v, worst %v (worst by length: %s)", round(median), round(worst), strings.Join(found, ", ")),
		median <= time.Second && worst <= 5*time.Second, nil
}

// halfOpen swallows everything and does not stop: how long until each side says that the
// session is gone? Then the same identity appears somewhere else.
func halfOpen(ctx context.Context, w *world, o options) (string, bool, error) {
	serverLog, clientLog := filepath.Join(w.disks()[0], "log"), filepath.Join(w.disks()[1], "log")
	w.clients[1].end(9) // its site is where the identity moves to
	sleep(ctx, time.Second)
	offline, lost := strings.Count(logEnd(serverLog, 1<<20), "client offline"), strings.Count(logEnd(clientLog, 1<<20), "session closed")
	begin := time.Now()
	w.net.Sites[0].Path.Set(faultnet.Conditions{Blackhole: true})

	// Takeover at once: the server does not know yet that the old session is dead.
	sleep(ctx, 2*time.Second)
	moved := w.clients[0].make()
	config := filepath.Join(w.dir, "site1", "moved.yml")
	if err := rewriteConfig(filepath.Join(w.dir, "site0", "ngrok.yml"), config, map[string]string{
		w.net.Sites[0].ServerAddr:        w.net.Sites[1].ServerAddr,
		w.service[0].web.Addr().String(): w.service[1].web.Addr().String(),
		w.service[0].raw.Addr().String(): w.service[1].raw.Addr().String(),
	}); err != nil {
		return "", false, err
	}
	moved.Args = []string{moved.Path, "-config", config, "-log", filepath.Join(w.dir, "site1", "moved.log"), "-grace", "1s", "start-all"}
	second := &program{name: "the second client", died: w.note, make: func() *exec.Cmd { return moved }, start: w.net.Sites[1].Start}
	start := time.Now()
	if err := second.run(); err != nil {
		return "", false, err
	}
	defer second.end(9)
	if _, err := newProbe(w, 0).race(10 * time.Second); err != nil {
		return "", false, fmt.Errorf("takeover: %w", err)
	}
	takeover := time.Since(start)

	noticed := time.Duration(0)
	for time.Since(begin) < 40*time.Second && ctx.Err() == nil {
		if strings.Count(logEnd(clientLog, 1<<20), "session closed") > lost {
			noticed = time.Since(begin)
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	server := strings.Count(logEnd(serverLog, 1<<20), "client offline") > offline
	w.net.Sites[0].Path.Set(faultnet.Conditions{})
	sleep(ctx, 3*time.Second) // an exit would be noted
	return fmt.Sprintf("client noticed after %v, server gone on: %v, takeover %v", round(noticed), server, round(takeover)),
		noticed > 0 && noticed <= 25*time.Second && takeover <= 2*time.Second, nil
}
