//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ngrok/cmd/internal/chaos/faultnet"
)

// lossyThroughput downloads over a bad path, through the tunnel and directly, by turns.
func lossyThroughput(ctx context.Context, w *world, o options) (string, bool, error) {
	direct, err := w.net.Sites[0].ListenPublic()
	if err != nil {
		return "", false, err
	}
	defer direct.Close()
	go func() {
		for {
			nc, err := direct.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(nc, zeros{}); nc.Close() }()
		}
	}()
	w.net.Sites[0].Path.Set(faultnet.Conditions{Delay: 25 * time.Millisecond, Loss: 0.02})
	const streams, turns = 16, 4
	each := o.scaled(10 * time.Second)
	found := fmt.Sprintf("%d streams, %d turns of %v", streams, turns, each)
	ok := false
	for _, control := range []string{"cubic", "bbr"} { // one that loss slows down, and one that it does not
		if err := w.net.Sites[0].UseCongestionControl(control); err != nil {
			found += fmt.Sprintf("; %s: not on this machine", control)
			continue
		}
		var tunnel, plain float64
		for range turns {
			plain += rate(ctx, streams, each, func() (io.ReadCloser, error) {
				return net.Dial("tcp", direct.Addr().String())
			})
			tunnel += rate(ctx, streams, each, func() (io.ReadCloser, error) { return download(w) })
		}
		if ctx.Err() != nil {
			return "", false, ctx.Err()
		}
		share := tunnel / plain
		found += fmt.Sprintf("; %s: %.0f %% (%.2f of %.2f MiB/s)", control, 100*share, tunnel/turns/(1<<20), plain/turns/(1<<20))
		if ok = share >= 0.9; !ok {
			break
		}
	}
	return found, ok, nil
}

// stalledStream downloads with and without one more visitor who does not read, by turns.
func stalledStream(ctx context.Context, w *world, o options) (string, bool, error) {
	// A path with delay, so that what limits is the path and not this machine's CPU,
	// and a stalled stream could hold something up.
	w.net.Sites[0].Path.Set(faultnet.Conditions{Delay: 10 * time.Millisecond})
	open := func() (io.ReadCloser, error) { return download(w) }
	var without, with []float64
	const streams, turns = 4, 5
	each := o.scaled(3 * time.Second)
	for range turns {
		without = append(without, rate(ctx, streams, each, open))
		stalled, err := open()
		if err != nil {
			return "", false, err
		}
		sleep(ctx, time.Second) // its buffers fill
		with = append(with, rate(ctx, streams, each, open))
		stalled.Close()
	}
	slices.Sort(without)
	slices.Sort(with)
	a, b := without[turns/2], with[turns/2]
	cost := 1 - b/a
	return fmt.Sprintf("%.1f %% (%.1f MiB/s with it, %.1f without)", 100*cost, b/(1<<20), a/(1<<20)), cost <= 0.05, nil
}

// download begins an endless download through the tunnel.
func download(w *world) (io.ReadCloser, error) {
	p := newProbe(w, 0)
	p.http.Timeout = 0
	resp, err := p.http.Get(w.public()[0].HTTP + "/much")
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("download: %s", resp.Status)
	}
	return resp.Body, nil
}

// rate returns how many bytes a second arrive on so many streams together.
func rate(ctx context.Context, streams int, d time.Duration, open func() (io.ReadCloser, error)) float64 {
	var bytes atomic.Int64
	var wg sync.WaitGroup
	var all []io.ReadCloser
	for range streams {
		r, err := open()
		if err != nil {
			continue
		}
		all = append(all, r)
	}
	warm := d / 5 // TCP's slow start
	for _, r := range all {
		wg.Go(func() {
			buf := make([]byte, 64<<10)
			for {
				n, err := r.Read(buf)
				bytes.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
	}
	sleep(ctx, warm)
	begin, before := time.Now(), bytes.Load()
	sleep(ctx, d)
	r := float64(bytes.Load()-before) / time.Since(begin).Seconds()
	for _, s := range all {
		s.Close()
	}
	wg.Wait()
	return r
}
