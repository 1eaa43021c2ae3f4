//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// visitors ask 50 times a second until stopped.
type visitors struct {
	asked, failed atomic.Int64
	open          atomic.Int64 // requests under way
	last          atomic.Pointer[error]
	mu            sync.Mutex
	longest       time.Duration // wait for an answer
	wg            sync.WaitGroup
	stop          chan struct{}
}

func startVisitors(w *world) *visitors {
	v := &visitors{stop: make(chan struct{})}
	v.wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-v.stop:
				return
			case <-tick.C:
				v.wg.Go(func() { v.ask(w) })
			}
		}
	})
	return v
}

func (v *visitors) ask(w *world) {
	p := newProbe(w, 0)
	p.http.Timeout = 30 * time.Second
	v.asked.Add(1)
	v.open.Add(1)
	defer v.open.Add(-1)
	begin := time.Now()
	err := p.ask()
	v.mu.Lock()
	v.longest = max(v.longest, time.Since(begin))
	v.mu.Unlock()
	if err != nil {
		v.failed.Add(1)
		v.last.Store(&err)
	}
}

func (v *visitors) end() (found string, ok bool) {
	close(v.stop)
	v.wg.Wait()
	found = fmt.Sprintf("%d of %d requests failed, the longest took %v", v.failed.Load(), v.asked.Load(), round(v.longest))
	if err := v.last.Load(); err != nil {
		found += fmt.Sprintf(" (the last: %v)", *err)
	}
	return found, v.failed.Load() == 0 && v.asked.Load() > 0
}

// visitorsInRestart ends a client as service managers do, and then by SIGKILL, and starts
// it again after 4.5 s: with what it needs to be ready, visitors wait for up to 5 s. A
// request that was with the private service when its client was killed is cut, as nobody
// knows what it has done there.
func visitorsInRestart(ctx context.Context, w *world, o options) (string, bool, error) {
	var found [2]string
	var allowed [2]int64 // to fail
	all := true
	for i, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		v := startVisitors(w)
		sleep(ctx, 1010*time.Millisecond) // between two of the requests
		if s == syscall.SIGKILL {
			allowed[i] = v.open.Load()
		}
		w.clients[0].end(s)
		sleep(ctx, 4500*time.Millisecond)
		if err := w.clients[0].run(); err != nil {
			return "", false, err
		}
		sleep(ctx, 3*time.Second)
		found[i], _ = v.end()
		all = all && v.failed.Load() <= allowed[i] && v.asked.Load() > 0
	}
	return fmt.Sprintf("SIGTERM: %s; kill -9: %s, %d were under way then", found[0], found[1], allowed[1]), all, nil
}

// logDisk fills the disks of the server's and the client's logs for two minutes.
func logDisk(ctx context.Context, w *world, o options) (string, bool, error) {
	v := startVisitors(w)
	var filled sync.WaitGroup
	var errs [2]error
	for i, site := range []int{theServer, 0} {
		filled.Go(func() {
			errs[i] = w.strike(ctx, fault{kind: diskFull, site: site, length: o.scaled(2 * time.Minute)})
		})
	}
	filled.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return "", false, err
	}
	sleep(ctx, time.Second)
	found, ok := v.end()
	return found, ok, nil
}

// descriptors takes all free descriptors from the server while visitors knock.
func descriptors(ctx context.Context, w *world, o options) (string, bool, error) {
	log := w.disks()[0] + "/log"
	pid := w.server.pid()
	before, linesBefore := cpuTime(pid), countLines(log)
	v := startVisitors(w)
	if err := exhaust(ctx, pid, 0.5, 5*time.Second); err != nil {
		return "", false, err
	}
	cpu, lines := cpuTime(pid)-before, countLines(log)-linesBefore
	took, err := newProbe(w, 0).race(10 * time.Second)
	if err != nil {
		return "", false, err
	}
	v.end()
	return fmt.Sprintf("%.2f CPU s, %d log lines, normal after %v", cpu.Seconds(), lines, round(took)),
		cpu <= 100*time.Millisecond && lines <= 10 && took <= time.Second, nil
}

// cpuTime returns what a process has used so far.
func cpuTime(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	var user, system int64
	fmt.Sscan(f[11], &user)
	fmt.Sscan(f[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond // clock ticks of 100 Hz
}
