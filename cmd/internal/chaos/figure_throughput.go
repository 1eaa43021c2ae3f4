//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ngrok/cmd/internal/chaos/faultnet"
)

// bad is a path of 64 Mbit/s with a round trip of 50 ms that loses 2 %.
var bad = faultnet.Conditions{Delay: 25 * time.Millisecond, Loss: 0.02, Rate: 8 << 20}

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
	const streams, turns = 16, 4
	each := o.scaled(10 * time.Second)
	found := fmt.Sprintf("%d streams, %d turns of %v", streams, turns, each)
	ok := false
	// Two that loss slows down, and one that it does not.
	for _, control := range []string{"cubic", "reno", "bbr"} {
		if w.net.Sites[0].UseCongestionControl(control) != nil {
			found += fmt.Sprintf("; %s: not allowed here", control)
			continue
		}
		if err := w.renew(); err != nil {
			return "", false, err
		}
		w.net.Sites[0].Path.Set(bad)
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
		w.net.Sites[0].Path.Set(faultnet.Conditions{})
		share := tunnel / plain
		found += fmt.Sprintf("; %s: %.0f %% (%.2f of %.2f MiB/s)", control, 100*share, tunnel/turns/(1<<20), plain/turns/(1<<20))
		if ok = share >= 0.9; !ok {
			break
		}
	}
	return found, ok, nil
}

// stalledStream downloads with and without one more visitor who does not read, by turns.
// What limits is the path and its loss, not this machine's CPU.
func stalledStream(ctx context.Context, w *world, o options) (string, bool, error) {
	// One that loss slows down; should it not be allowed, the machine's own does as well.
	w.net.Sites[0].UseCongestionControl("reno")
	if err := w.renew(); err != nil {
		return "", false, err
	}
	w.net.Sites[0].Path.Set(bad)
	const streams, turns = 16, 8
	each := o.scaled(10 * time.Second)
	open := func() (io.ReadCloser, error) { return download(w) }
	var rates [2]float64 // without it, and with it
	for turn := range turns {
		for i := range rates {
			i = (i + turn) % 2 // what comes second may be at an advantage
			if i == 0 {
				rates[i] += rate(ctx, streams, each, open)
				continue
			}
			stalled, err := open()
			if err != nil {
				return "", false, err
			}
			sleep(ctx, 2*time.Second) // its buffers fill
			rates[i] += rate(ctx, streams, each, open)
			stalled.Close()
		}
		if ctx.Err() != nil {
			return "", false, ctx.Err()
		}
	}
	cost := 1 - rates[1]/rates[0]
	return fmt.Sprintf("%.1f %% (%.2f MiB/s with it, %.2f without, %d streams, %d turns of %v)", 100*cost,
		rates[1]/turns/(1<<20), rates[0]/turns/(1<<20), streams, turns, each), cost <= 0.05, nil
}

// renew starts the first client anew, so that none of its connections is older than what
// was changed at its site.
func (w *world) renew() error {
	w.clients[0].end(syscall.SIGTERM)
	if err := w.clients[0].run(); err != nil {
		return err
	}
	_, err := w.waitUsable(0, startTime)
	return err
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
