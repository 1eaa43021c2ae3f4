//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ngrok/cmd/internal/chaos/load"
	"ngrok/cmd/internal/chaos/verify"
)

const (
	// soakSlope is how much memory may grow in an hour, in MiB, and soakThreads how many
	// threads more there may be at the end than after warm-up.
	soakSlope   = 1.0
	soakThreads = 4

	// soakSample is the time between two looks at the programs.
	soakSample = 5 * time.Second
)

// soak runs mixed load without faults, and fits a line to the memory of each program
// after warm-up, a third of the time.
func soak(ctx context.Context, o options) error {
	w, err := newWorld(o)
	if err != nil {
		return err
	}
	defer w.close()
	b := &breaking{o: o, world: w, begin: time.Now()}
	b.load = &load.Load{Book: verify.NewBook(o.seed), Seed: o.seed, Visitors: o.visitors, Scale: o.scale, Pause: o.pause,
		Patience: 60 * time.Second, TLS: w.tls(), Public: w.public()}
	serving, stopServing := context.WithCancel(context.Background())
	var all sync.WaitGroup
	defer all.Wait()
	defer stopServing()
	for i, s := range w.service {
		all.Go(func() { b.load.Serve(serving, i, s.raw, s.web) })
	}
	if err := b.startAll(); err != nil {
		return err
	}
	loading, stopLoad := context.WithTimeout(ctx, o.faults)
	defer stopLoad()
	loaded := make(chan struct{})
	go func() { b.load.Run(loading, drainTime); close(loaded) }()

	samples := make([][]sample, len(w.programs()))
	tick := time.NewTicker(soakSample)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-loaded:
			done = true
			continue
		case <-tick.C:
		}
		at := time.Since(b.begin)
		if at < o.faults/3 || loading.Err() != nil {
			continue
		}
		for i, p := range w.programs() {
			c, err := takeCensus(p.pid(), w.linkPort(i))
			if err != nil {
				return err
			}
			samples[i] = append(samples[i], sample{at, c})
		}
	}
	return errors.Join(b.printSoak(samples), ctx.Err())
}

// sample is what a program held at a time.
type sample struct {
	at time.Duration
	census
}

// printSoak prints what grew, and returns an error if it was too much.
func (b *breaking) printSoak(samples [][]sample) error {
	result := b.load.Book.Result()
	all := result.All()
	fmt.Printf("%d streams, %.2f GiB verified in %v, %d complete, %d bad\n\n", all.Total(),
		float64(result.Bytes)/(1<<30), time.Since(b.begin).Round(time.Second), all.Of(verify.Complete), all.Bad())
	t := table("programs", "memory MiB", "MiB per hour", "threads", "goroutines at the end")
	var err error
	for i, p := range b.world.programs() {
		s := samples[i]
		if len(s) < 3 {
			return errors.New("too short a time for a slope: soak for some minutes")
		}
		first, last := s[0], s[len(s)-1]
		grows := slope(s)
		n := 0
		for _, m := range p.goroutines() {
			n += m
		}
		fmt.Fprintf(t, "%s\t%.1f → %.1f\t%+.2f\t%d → %d\t%d\t\n", p.name, mib(first.rss), mib(last.rss), grows, first.threads, last.threads, n)
		if grows > soakSlope || last.threads > first.threads+soakThreads || n > goroutineAllowance+4*last.links {
			err = errors.Join(err, fmt.Errorf("%s grows", p.name))
		}
	}
	t.Flush()
	for _, f := range append(result.Findings, b.world.notes()...) {
		err = errors.Join(err, errors.New(f))
	}
	if n := all.Total() - all.Of(verify.Complete); all.Bad() > 0 {
		err = errors.Join(err, fmt.Errorf("%d streams did not arrive whole, without any fault", n))
	}
	return err
}

// slope fits a line by least squares and returns what it gains in an hour, in MiB.
func slope(samples []sample) float64 {
	var n, sx, sy, sxx, sxy float64
	for _, s := range samples {
		x, y := s.at.Hours(), mib(s.rss)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
