//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"ngrok/client"
)

// restartMany has 1,000 clients in this process on loopback, and kills the server.
func restartMany(ctx context.Context, w *world, o options) (string, bool, error) {
	const many = 1000
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	clients := make([]*client.Client, many)
	for i := range clients {
		c, err := client.New(client.Config{
			ServerAddr: "127.0.0.1:" + w.tunnelPort,
			TLS:        &tls.Config{RootCAs: w.roots},
			Identity:   fmt.Sprintf("anon-%032x", i+1),
			Tunnels:    []client.Tunnel{{Name: fmt.Sprintf("many%d", i), Subdomain: fmt.Sprintf("many%d", i), Local: map[string]string{"http": w.service[0].web.Addr().String()}}},
		})
		if err != nil {
			return "", false, err
		}
		clients[i] = c
		wg.Go(func() { c.Run(ctx) })
	}
	all := func(want client.Status) bool {
		for i, c := range clients {
			s := c.State()
			if s.Status != want {
				return false
			}
			if want == client.Online && (len(s.Tunnels) != 1 || s.Tunnels[0].PublicURL != fmt.Sprintf("http://many%d.localhost:%s", i, w.httpPort)) {
				return false
			}
		}
		return true
	}
	wait := func(want client.Status, limit time.Duration) (time.Duration, error) {
		begin := time.Now()
		for !all(want) {
			if time.Since(begin) > limit || ctx.Err() != nil {
				return 0, fmt.Errorf("not all clients are %v after %v", want, limit)
			}
			time.Sleep(10 * time.Millisecond)
		}
		return time.Since(begin), nil
	}
	if _, err := wait(client.Online, time.Minute); err != nil {
		return "", false, err
	}
	w.server.end(syscall.SIGKILL)
	if _, err := wait(client.Reconnecting, 10*time.Second); err != nil {
		return "", false, err
	}
	if err := w.server.run(); err != nil {
		return "", false, err
	}
	took, err := wait(client.Online, time.Minute)
	return fmt.Sprintf("all %d back after %v", many, round(took)), took <= 10*time.Second, err
}

// holdMany opens 9,000 connections, holds them, and has each echo at the end.
func holdMany(ctx context.Context, w *world, o options) (string, bool, error) {
	held := make(heldConns, 9000)
	defer held.close()
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(w.tcpPort))
	begin := time.Now()
	if failed, err := held.each(func(i int) (err error) {
		if held[i], err = net.DialTimeout("tcp", addr, 10*time.Second); err != nil {
			return err
		}
		return held.echo(i)
	}); failed > 0 {
		return fmt.Sprintf("%d of %d connections could not be opened: %v", failed, len(held), err), false, nil
	}
	opened := time.Since(begin)
	server, _ := takeCensus(w.server.pid(), w.linkPort(0))
	private, _ := takeCensus(w.clients[0].pid(), w.linkPort(1))
	sleep(ctx, o.hold)
	failed, err := held.each(held.echo)
	found := fmt.Sprintf("%d of %d echo after %v (opened in %v; ngrokd %.0f MiB, ngrok %.0f MiB)",
		len(held)-failed, len(held), o.hold, round(opened), mib(server.rss), mib(private.rss))
	if err != nil {
		found += ": " + err.Error()
	}
	return found, failed == 0, nil
}

// heldConns are connections to a service that echoes; those that were not opened are nil.
type heldConns []net.Conn

func (h heldConns) close() {
	for _, c := range h {
		if c != nil {
			c.Close()
		}
	}
}

// echo sends what no other connection sends, and reads it back.
func (h heldConns) echo(i int) error {
	want := fmt.Sprintf("%08d", i)
	c := h[i]
	c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, want); err != nil {
		return err
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if string(got) != want {
		return fmt.Errorf("connection %d echoes %q", i, got)
	}
	return nil
}

// each calls f for all of them, 100 at a time, and returns how often it failed and an
// error of these.
func (h heldConns) each(f func(i int) error) (failed int, last error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan int)
	for range 100 {
		wg.Go(func() {
			for i := range next {
				if err := f(i); err != nil {
					mu.Lock()
					failed, last = failed+1, err
					mu.Unlock()
				}
			}
		})
	}
	for i := range h {
		next <- i
	}
	close(next)
	wg.Wait()
	return failed, last
}
