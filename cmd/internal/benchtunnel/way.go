package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// startTime is how long a way may take until it carries the first request.
const startTime = 15 * time.Second

// way is one way from the visitors to the service.
type way struct {
	name, what string
	missing    string // why it cannot be measured here; empty when it can
	start      func(context.Context) (*running, error)
}

// running is a way that has been started.
type running struct {
	tcp, http      string   // where visitors connect
	host           string   // the host that they ask for
	server, client *process // nil where there is none
}

// allWays returns the ways in the order of the table's columns. bin holds the programs,
// dir is for files.
func allWays(bin, dir string, s *service) []*way {
	ways := []*way{{
		name: "raw", what: "no tunnel: visitors talk to the service",
		start: func(context.Context) (*running, error) {
			return &running{tcp: s.TCP, http: s.HTTP, host: publicHost}, nil
		},
	}}
	ways = append(ways, limits(dir, s)...)
	return append(ways, tunnels(bin, dir, s)...)
}

func (r *running) stop() {
	r.client.stop()
	r.server.stop()
}

// usage adds up both processes.
func (r *running) usage() (usage, bool) {
	s, ok := r.server.usage()
	c, _ := r.client.usage()
	return usage{cpu: s.cpu + c.cpu, rss: s.rss + c.rss, peak: s.peak + c.peak}, ok
}

// ready waits until TCP and HTTP get through.
func (r *running) ready(ctx context.Context) error {
	return until(ctx, func() error {
		for _, p := range []*process{r.server, r.client} {
			if p == nil {
				continue
			}
			if err := p.ended(); err != nil {
				return &finalError{err}
			}
		}
		if err := echoOnce(r.tcp); err != nil {
			return err
		}
		return getOnce(ctx, r.http, r.host)
	})
}

// finalError ends until.
type finalError struct{ error }

// until tries again and again until try succeeds.
func until(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		if final, ok := err.(*finalError); ok {
			return final.error
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready in %v: %w", startTime, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func echoOnce(addr string) error {
	nc, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(2 * time.Second))
	_, err = echo(nc)
	return err
}

func getOnce(ctx context.Context, addr, host string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+smallPath, nil)
	if err != nil {
		return err
	}
	req.Host = host
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || len(body) != smallBody) {
		err = fmt.Errorf("%s with %d bytes in place of 200 with %d", resp.Status, len(body), smallBody)
	}
	return err
}

// freePort returns a port of loopback below those that the kernel gives to outgoing
// connections, so that none of these can sit on it before it is bound.
func freePort() (int, error) {
	const first, last = 20000, 32000
	for range 100 {
		port := first + rand.IntN(last-first)
		l, err := net.Listen("tcp", loopback(port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port found between %d and %d", first, last)
}

func freePorts(to ...*int) (err error) {
	for _, p := range to {
		if *p, err = freePort(); err != nil {
			return err
		}
	}
	return nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
