//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// probeTime is how long one question may take, and probePause is between two.
	probeTime  = 2 * time.Second
	probePause = 20 * time.Millisecond
)

// probe asks the HTTP service of a site whether it can be reached.
type probe struct {
	url  string
	http *http.Client
}

func newProbe(w *world, site int) *probe {
	tr := &http.Transport{DisableKeepAlives: true, TLSClientConfig: w.tls(),
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+w.httpPort)
		}}
	return &probe{url: w.public()[site].HTTP + "/probe", http: &http.Client{Transport: tr, Timeout: probeTime}}
}

// ask returns nil if the service has answered.
func (p *probe) ask() error {
	resp, err := p.http.Get(p.url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err == nil && (resp.StatusCode != http.StatusOK || string(b) != "here") {
		err = fmt.Errorf("%s: %.80q", resp.Status, b)
	}
	return err
}

// until asks until the service answers, and returns how long that took.
func (p *probe) until(limit time.Duration) (time.Duration, error) {
	begin := time.Now()
	for {
		err := p.ask()
		took := time.Since(begin)
		switch {
		case err == nil:
			return took, nil
		case took > limit:
			return took, fmt.Errorf("%s is not usable after %v: %w", p.url, took.Round(time.Millisecond), err)
		}
		time.Sleep(probePause)
	}
}

// race asks anew every 50 ms, without waiting for the answers to what it asked before,
// and returns how long it takes until the first one comes.
func (p *probe) race(limit time.Duration) (time.Duration, error) {
	begin := time.Now()
	p.http.Timeout = limit
	answered := make(chan struct{})
	var once sync.Once
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for time.Since(begin) < limit {
		go func() {
			if p.ask() == nil {
				once.Do(func() { close(answered) })
			}
		}()
		select {
		case <-answered:
			return time.Since(begin), nil
		case <-tick.C:
		}
	}
	return limit, fmt.Errorf("%s is not usable after %v", p.url, limit)
}
