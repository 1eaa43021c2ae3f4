//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ngrok/cmd/internal/chaos/load"
	"ngrok/cmd/internal/chaos/verify"
)

const (
	// startTime is how long the programs have to come up at first, and endTime how long
	// a site may take to be usable again when a fault is over.
	startTime = 60 * time.Second
	endTime   = 60 * time.Second

	// slow is a time until a site is usable again that is worth a line.
	slow = 2 * time.Second

	// drainTime is for streams that are open when the run ends, and settleTime for the
	// programs to let go of what those held. Both are for machines with much else to do.
	drainTime  = 60 * time.Second
	settleTime = 60 * time.Second

	// shortScale shortens the faults of the short form.
	shortScale = 0.05
)

// breaking is one run of the laboratory.
type breaking struct {
	o     options
	world *world
	load  *load.Load
	begin time.Time

	serverFaults atomic.Int64 // begun and ended, so odd while there is one

	mu       sync.Mutex
	struck   map[string]int             // faults by kind
	recovery map[string][]time.Duration // until usable again
}

// breakThings runs the programs under load and faults and judges the result.
func breakThings(ctx context.Context, o options) error {
	w, err := newWorld(o)
	if err != nil {
		return err
	}
	defer w.close()
	b := &breaking{o: o, world: w, begin: time.Now(), struck: map[string]int{}, recovery: map[string][]time.Duration{}}
	b.load = &load.Load{Book: verify.NewBook(o.seed), Seed: o.seed, Visitors: o.visitors, Scale: o.scale, Pause: o.pause,
		Patience: 120 * time.Second, TLS: w.tls(), Public: w.public()}
	fmt.Printf("Seed %d: %d sites, %s\n", o.seed, o.sites, w.net.Kind)

	serving, stopServing := context.WithCancel(context.Background())
	var services sync.WaitGroup
	defer services.Wait()
	defer stopServing()
	for i, s := range w.service {
		services.Go(func() { b.load.Serve(serving, i, s.raw, s.web) })
	}
	if err := b.startAll(); err != nil {
		return err
	}
	base, err := b.settled(nil)
	if err != nil {
		return err
	}
	if err := b.rounds(ctx); err != nil {
		return err
	}
	r := &report{breaking: b, base: base, took: time.Since(b.begin)}
	if ctx.Err() == nil {
		r.final, err = b.settled(base)
		if err != nil {
			w.note(err.Error())
		}
		r.countGoroutines()
	}
	if o.keep != "" {
		if err := w.keepLogs(o.keep); err != nil {
			return err
		}
	}
	return errors.Join(r.print(), ctx.Err())
}

// startAll starts the programs and waits until all sites are usable.
func (b *breaking) startAll() error {
	if err := b.world.start(); err != nil {
		return err
	}
	for i := range b.world.net.Sites {
		if _, err := b.world.waitUsable(i, startTime); err != nil {
			return fmt.Errorf("%w\nngrokd said: %s\nits client said: %s", err,
				logEnd(b.world.disks()[0]+"/log", 600), logEnd(b.world.disks()[i+1]+"/log", 600))
		}
	}
	return nil
}

// rounds runs load and faults until there was enough of both.
func (b *breaking) rounds(ctx context.Context) error {
	loading, stopLoad := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stopLoad()
	all.Go(func() { b.load.Run(loading, drainTime) })

	scale := 1.0
	if b.o.short {
		scale = shortScale
	}
	var lanes sync.WaitGroup
	for _, l := range schedule(b.o.seed, b.o.sites, b.o.faults, scale, b.o.jailed) {
		lanes.Go(func() { b.lane(ctx, l) })
	}
	ended := make(chan struct{})
	go func() { lanes.Wait(); close(ended) }()
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-ended:
			done = true
		case <-tick.C:
			b.progress()
		}
	}
	for enough := time.NewTicker(100 * time.Millisecond); ctx.Err() == nil; <-enough.C {
		if b.load.Ended() >= b.o.streams && b.load.Book.Result().Bytes >= b.o.bytes {
			break
		}
	}
	return nil
}

// lane carries out one series of faults, waiting after each until things work again, until
// the time is over: those waits are not a part of the schedule.
func (b *breaking) lane(ctx context.Context, l lane) {
	for _, f := range l {
		sleep(ctx, f.gap)
		if ctx.Err() != nil || time.Since(b.begin) > b.o.faults {
			return
		}
		b.say("%v", f)
		if f.site == theServer {
			b.serverFaults.Add(1)
		}
		if err := b.world.strike(ctx, f); err != nil {
			b.world.note(fmt.Sprintf("%v: %v", f, err))
		}
		mended := b.serverFaults.Load()
		if f.site == theServer {
			mended = b.serverFaults.Add(1)
		}
		b.mended(f, mended)
	}
}

// mended notes how long it takes after a fault until the sites that it hit are usable.
// What another fault of the server disturbs does not count.
func (b *breaking) mended(f fault, serverFaults int64) {
	sites := []int{f.site}
	if f.site == theServer {
		sites = nil
		for i := range b.o.sites {
			sites = append(sites, i)
		}
	}
	var took time.Duration
	for _, i := range sites {
		d, err := b.world.waitUsable(i, endTime)
		if err != nil && f.site != theServer {
			b.world.note(fmt.Sprintf("after %v: %v", f, err))
		}
		took += d
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.struck[f.kind]++
	if f.site != theServer && serverFaults%2 == 0 && b.serverFaults.Load() == serverFaults {
		b.recovery[f.kind] = append(b.recovery[f.kind], took)
		if took > slow {
			b.say("site %d: usable again %v after the end of %s", f.site, round(took), f.kind)
		}
	}
}

// settled takes a census of all programs, when they hold no more than before, or of late.
func (b *breaking) settled(before []census) ([]census, error) {
	limit := settleTime
	for begin := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		var now []census
		over := ""
		for i, p := range b.world.programs() {
			c, err := takeCensus(p.pid(), b.world.linkPort(i))
			if err != nil {
				return nil, fmt.Errorf("census of %s: %w", p.name, err)
			}
			now = append(now, c)
			if before != nil && c.held() > before[i].held() {
				over = fmt.Sprintf("%s holds %d descriptors beside links, at first it held %d", p.name, c.held(), before[i].held())
			}
		}
		switch {
		case before == nil && time.Since(begin) > time.Second, before != nil && over == "" && b.load.Book.Live() == 0:
			return now, nil
		case time.Since(begin) > limit && over != "":
			return now, errors.New(over)
		case time.Since(begin) > limit && before != nil:
			return now, fmt.Errorf("%d streams are still open at their services", b.load.Book.Live())
		}
	}
}

func (b *breaking) progress() {
	r := b.load.Book.Result()
	all := r.All()
	b.say("%d streams, %.2f GiB verified, %d bad", all.Total(), float64(r.Bytes)/(1<<30), all.Bad())
}

// say prints a line with the time since the beginning.
func (b *breaking) say(format string, args ...any) {
	if !b.o.quiet {
		fmt.Printf("%7.1f s  %s\n", time.Since(b.begin).Seconds(), fmt.Sprintf(format, args...))
	}
}
