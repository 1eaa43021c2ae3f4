package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

const (
	// settle is how long after a measurement the CPU time of its last connections is
	// still counted in.
	settle = 100 * time.Millisecond

	// idleSettle is how long after opening idle connections their memory is looked at.
	idleSettle = 800 * time.Millisecond
)

// run measures all ways, round by round, and prints the table.
func (p *plan) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "benchtunnel")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	service, err := startService(ctx)
	if err != nil {
		return err
	}
	defer service.stop()
	visitors, err := startVisitors(ctx)
	if err != nil {
		return err
	}
	defer visitors.stop()

	var ways []*way
	for _, w := range allWays(p.bin, dir, service) {
		if !wanted(p.ways, w.name) {
			continue
		}
		if w.missing != "" {
			fmt.Fprintf(p.log, "%s is left out: %s\n", w.name, w.missing)
			continue
		}
		ways = append(ways, w)
	}
	if len(ways) == 0 {
		return errors.New("nothing to measure: no way is left")
	}
	began := time.Now()
	all := results{}
	for round := range p.rounds {
		for _, w := range ways {
			fmt.Fprintf(p.log, "round %d of %d: %s\n", round+1, p.rounds, w.name)
			if err := p.measure(ctx, w, visitors, all); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	fmt.Fprintf(p.out, "%s/%s, %d CPUs, %s; medians of %d rounds in %v\n\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), p.rounds, time.Since(began).Round(time.Second))
	return all.print(p.out, ways)
}

// measure starts a way anew and does all tests with it.
func (p *plan) measure(ctx context.Context, w *way, v *visitors, all results) error {
	r, err := w.start(ctx)
	if r != nil {
		defer r.stop()
	}
	if err != nil {
		return err
	}
	if err := r.ready(ctx); err != nil {
		return err
	}
	if err := p.idleMemory(w, r, v, all); err != nil {
		return err
	}
	for _, t := range tests {
		if !wanted(p.tests, t.name) {
			continue
		}
		before, seen := r.usage()
		j := t.job
		j.Addr, j.Host, j.Time = r.tcp, r.host, p.time
		if j.isHTTP() {
			j.Addr = r.http
		}
		res, err := v.do(j)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		if res.Errors > 0 {
			fmt.Fprintf(p.log, "  %s: %d of %d failed, the first: %s\n", t.name, res.Errors, res.Errors+res.Done, res.FirstError)
		}
		time.Sleep(settle)
		after, _ := r.usage()
		for _, f := range t.figures {
			switch {
			case f.of != nil:
				all.add(f.name, w, f.of(res))
			case seen && res.Done > 0:
				all.add(f.name, w, (after.cpu-before.cpu).Seconds()/float64(res.Done)*1000)
			}
		}
	}
	if u, seen := r.server.usage(); seen {
		all.add(peakServer, w, float64(u.peak)/1e6)
	}
	if u, seen := r.client.usage(); seen {
		all.add(peakClient, w, float64(u.peak)/1e6)
	}
	return ctx.Err()
}

// idleMemory sees how much memory idle connections hold in processes that were just
// started.
func (p *plan) idleMemory(w *way, r *running, v *visitors, all results) error {
	if r.server == nil || !wanted(p.tests, "idle") {
		return nil
	}
	// What the first connections make the processes do once is not to be counted.
	if _, err := v.do(job{Kind: connect, Addr: r.tcp, Workers: 4, Limit: 40, Time: time.Second}); err != nil {
		return err
	}
	server, seen := r.server.usage()
	client, _ := r.client.usage()
	if !seen {
		return nil
	}
	res, err := v.do(job{Kind: hold, Addr: r.tcp, Limit: p.idle})
	if err != nil {
		return err
	}
	if res.Errors > 0 {
		return fmt.Errorf("only %d of %d idle connections could be opened: %s", res.Done, p.idle, res.FirstError)
	}
	time.Sleep(idleSettle)
	serverHeld, _ := r.server.usage()
	clientHeld, _ := r.client.usage()
	all.add(idleServer, w, float64(serverHeld.rss-server.rss)/1e3/float64(res.Done))
	all.add(idleClient, w, float64(clientHeld.rss-client.rss)/1e3/float64(res.Done))
	_, err = v.do(job{Kind: release})
	return err
}
