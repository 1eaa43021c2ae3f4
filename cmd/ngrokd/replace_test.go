//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
	"ngrok/server/auth"
)

var replacements = flag.Int("replacements", 4, "how often TestReplaceUnderLoad replaces the server")

// startClient runs a client of p until the test ends or the server refuses it, and returns
// when it is online.
func (p *process) startClient(t *testing.T, tunnels ...client.Tunnel) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{
		ServerAddr: p.addr,
		TLS:        &tls.Config{InsecureSkipVerify: true}, // not the subject here
		AuthToken:  "alice",
		Tunnels:    tunnels,
		Grace:      patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		var refused *client.RefusedError
		if err := c.Run(ctx); err != nil && !errors.As(err, &refused) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	conntest.Eventually(t, "the client is online", func() bool { return c.State().Status == client.Online })
	return c
}

// listening returns where p listens for whom.
func (p *process) listening(t *testing.T, whom string) string {
	t.Helper()
	said := `msg="listening" for="` + whom + `" addr=`
	p.waitFor(t, said)
	_, rest, _ := strings.Cut(p.text(), said)
	return strings.Fields(rest)[0]
}

// replace makes the process pid replace itself, and returns the next one's.
func (p *process) replace(t *testing.T, pid, times int) (next int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	const ready = `msg="the next process is ready and goes on" pid=`
	deadline := time.Now().Add(patience)
	for {
		if all := strings.Split(p.text(), ready); len(all) > times {
			next, err := strconv.Atoi(strings.Fields(all[times])[0])
			if err != nil {
				t.Fatal(err)
			}
			return next
		}
		if time.Now().After(deadline) {
			t.Fatal("the server was not replaced")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// load makes 100 requests a second on connections of their own and 100 on kept ones,
// and counts those that fail or are answered wrong.
type load struct {
	url          string
	fresh, kept  *http.Client
	sent, failed atomic.Int64
	first        sync.Once
	why          error
	wg           sync.WaitGroup
}

func newLoad(addr, url string) *load {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	return &load{
		url:   url,
		fresh: &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}},
		kept:  &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 32}},
	}
}

func (l *load) run(ctx context.Context) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			l.wg.Wait()
			return
		case <-tick.C:
			l.wg.Go(func() { l.one(i) })
		}
	}
}

// one posts a body, so that the client must not try again by itself.
func (l *load) one(i int) {
	c := l.fresh
	if i%2 == 0 {
		c = l.kept
	}
	l.sent.Add(1)
	body := bytes.Repeat([]byte(strconv.Itoa(i)+" "), 1+i%500)
	err := func() error {
		resp, err := c.Post(l.url, "text/plain", struct{ io.Reader }{bytes.NewReader(body)})
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err == nil && (resp.StatusCode != 200 || !bytes.Equal(b, body)) {
			err = fmt.Errorf("%s: %.200s", resp.Status, b)
		}
		return err
	}()
	if err != nil {
		l.failed.Add(1)
		l.first.Do(func() { l.why = fmt.Errorf("request %d: %w", i, err) })
	}
}

// No visitor notices that the server is replaced, again and again: neither those who come
// meanwhile nor those who are there.
func TestReplaceUnderLoad(t *testing.T) {
	p := startProcess(t, "-grace=45s", "-domain=localhost")
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Write(b)
	}))
	t.Cleanup(echo.Close)
	c := p.startClient(t,
		client.Tunnel{Name: "web", Subdomain: "web", Local: map[string]string{"http": echo.Listener.Addr().String()}},
		client.Tunnel{Name: "raw", Local: map[string]string{"tcp": conntest.Serve(t, conntest.Echo).String()}})
	var web, tcp string
	for _, tunnel := range c.State().Tunnels {
		if tunnel.Protocol == "http" {
			web = tunnel.PublicURL
		} else {
			tcp = strings.TrimPrefix(tunnel.PublicURL, "tcp://")
		}
	}
	_, port, _ := net.SplitHostPort(tcp)

	l := newLoad(p.listening(t, "http visitors"), web)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { l.run(ctx); close(done) }()

	pid := p.Process.Pid
	for i := range *replacements {
		// A connection of each generation goes on while the next takes over.
		nc, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		defer nc.Close()
		ping(t, nc)
		pid = p.replace(t, pid, i+1)
		ping(t, nc)
		nc.Close()
		before := l.sent.Load()
		conntest.Eventually(t, "100 requests more", func() bool { return l.sent.Load() >= before+100 })
	}
	cancel()
	<-done
	t.Logf("%d replacements, %d requests, %d failed", *replacements, l.sent.Load(), l.failed.Load())
	if l.failed.Load() > 0 {
		t.Errorf("%d of %d requests failed, the first: %v", l.failed.Load(), l.sent.Load(), l.why)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.waitFor(t, "a second signal ends it now")
	select {
	case <-p.ended: // all have closed their output
	case <-time.After(patience):
		syscall.Kill(pid, syscall.SIGKILL)
		t.Error("not all processes have ended")
	}
}

// A server that lets flow what flows, before it ends or beside the next one, still cuts
// those whose user is revoked.
func TestRevokedAtTheEnd(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGUSR2} {
		t.Run(signal.String(), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ngrokd.yml")
			write := func(user string) {
				t.Helper()
				settings := "tokens:\n  - {name: " + user + ", hash: " + auth.HashToken(user).String() + "}\n"
				if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("alice")
			p := startProcess(t, "-grace=10m", "-domain=localhost", "-config="+path)
			t.Cleanup(func() { syscall.Kill(p.Process.Pid, syscall.SIGKILL) })
			c := p.startClient(t, client.Tunnel{Name: "raw", Local: map[string]string{"tcp": conntest.Serve(t, conntest.Echo).String()}})
			_, port, _ := net.SplitHostPort(strings.TrimPrefix(c.State().Tunnels[0].PublicURL, "tcp://"))
			nc, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			ping(t, nc)

			if signal == syscall.SIGUSR2 {
				next := p.replace(t, p.Process.Pid, 1)
				t.Cleanup(func() { syscall.Kill(next, syscall.SIGKILL) })
			} else if err := p.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			p.waitFor(t, "no more connections are taken")
			ping(t, nc)
			write("bob")
			start := time.Now()
			nc.SetReadDeadline(start.Add(patience))
			if n, err := nc.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("read %d bytes of a revoked user's tunnel, %v", n, err)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

func ping(t *testing.T, nc net.Conn) {
	t.Helper()
	nc.SetDeadline(time.Now().Add(patience))
	if _, err := nc.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if _, err := io.ReadFull(nc, b); err != nil || string(b) != "ping" {
		t.Fatalf("echo: %q %v", b, err)
	}
}
