package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"ngrok/cmd/internal/sample"
)

const (
	// startTime is how long the programs have to come up. It is long for the sake
	// of slow machines; a program that ends says so at once.
	startTime = 30 * time.Second

	// signalTime is how much later than the programs the demo may notice a Ctrl-C,
	// which reaches all of them at once.
	signalTime = time.Second

	// stopTime is how long a program has to end once it was interrupted.
	stopTime = 5 * time.Second
)

// demo runs two programs and, in its own process, the sample service.
type demo struct {
	bin, config   string
	service, name string

	tunnelAddr, httpAddr, httpsAddr string // of ngrokd

	ended chan struct{} // hears of every part that has ended; for tests

	mu  sync.Mutex // of out
	out io.Writer
}

// run returns when the user wants to stop and all is over, or with the first failure.
func (d *demo) run(user context.Context) (err error) {
	if err := checkPorts(d.tunnelAddr, d.httpAddr, d.httpsAddr); err != nil {
		return err
	}
	data, err := os.MkdirTemp("", "ngrok-run-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()

	ctx, cancel := context.WithCancelCause(user)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel(nil)
	part := func(name string, run func() error) {
		running.Go(func() {
			err := run()
			if d.ended != nil {
				d.ended <- struct{}{}
			}
			select {
			case <-ctx.Done():
			case <-time.After(signalTime):
				cancel(fmt.Errorf("%s has ended: %w", name, early(err)))
			}
		})
	}

	private := d.service
	if private == "" {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		private = listener.Addr().String()
		part("the sample service", func() error { return sample.Serve(ctx, listener) })
	} else if private, err = serviceAddr(private); err != nil {
		return err
	} else if conn, err := net.DialTimeout("tcp", private, time.Second); err != nil {
		d.printf("Nothing answers on %s yet; until your service does, visitors are told so.\n", private)
	} else {
		conn.Close()
	}

	part("ngrokd", func() error {
		return d.program(ctx, data, nil, "ngrokd", "-domain=localhost", "-tunnelAddr="+d.tunnelAddr, "-httpAddr="+d.httpAddr, "-httpsAddr="+d.httpsAddr,
			"-dataDir="+data, "-grace=1s", "-log=stdout", "-log-level=WARNING")
	})
	if err := listening(ctx, d.tunnelAddr); err != nil {
		return failure(user, ctx, err)
	}
	urls := make(chan string, 4)
	part("ngrok", func() error {
		return d.program(ctx, data, urls, "ngrok", "-config="+d.config, "-subdomain="+d.name, private)
	})
	if err := d.announce(ctx, urls, private); err != nil {
		return failure(user, ctx, err)
	}
	<-ctx.Done()
	d.printf("\nStopping.\n")
	return failure(user, ctx, nil)
}

// early is err, or what to say of a program that ended well but too early.
func early(err error) error {
	if err == nil {
		return errors.New("it should run until it is interrupted")
	}
	return err
}

// failure is nil when the user has stopped the demo, else why one of its parts has
// ended, else err.
func failure(user, ctx context.Context, err error) error {
	switch {
	case user.Err() != nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// program runs one of the built programs until it ends or ctx does. Its lines are shown
// behind its name. The URLs of the demo's tunnel in them are offered to urls. It keeps
// its state in a directory of the demo's.
func (d *demo) program(ctx context.Context, state string, urls chan<- string, name string, args ...string) error {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, name), args...)
	cmd.Cancel = func() error {
		if runtime.GOOS == "windows" {
			return cmd.Process.Kill() // there are no signals
		}
		return cmd.Process.Signal(os.Interrupt)
	}
	cmd.WaitDelay = stopTime
	// What the programs remember between runs is for real servers.
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.show(reader, strings.TrimSuffix(name, ".exe"), urls)
	}()
	err := cmd.Run()
	writer.Close()
	<-done
	return err
}

// show prints lines behind name. It always reads to the end, so that the program never
// waits for it.
func (d *demo) show(r io.Reader, name string, urls chan<- string) {
	public := regexp.MustCompile(`https?://` + regexp.QuoteMeta(d.name) + `\.localhost(:\d+)?`)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		d.printf("%-6s | %s\n", name, lines.Text())
		for _, url := range public.FindAllString(lines.Text(), -1) {
			select {
			case urls <- url:
			default: // announced already, or nobody waits
			}
		}
	}
	io.Copy(io.Discard, r)
}

// announce prints where the tunnel is once ngrok has said so.
func (d *demo) announce(ctx context.Context, urls <-chan string, private string) error {
	limit := time.After(startTime)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			return fmt.Errorf("ngrok has printed no URL of http://%s.localhost within %v", d.name, startTime)
		case url := <-urls:
			if !strings.HasPrefix(url, "http://") {
				continue
			}
			d.printf("\n  Open     %s\n  It is    http://%s\n%s  Ctrl-C   ends all of it\n\n", url, private, inspector(ctx))
			return nil
		}
	}
}

// inspector returns a line about the inspector if it answers.
func inspector(ctx context.Context) string {
	const url = "http://127.0.0.1:4040"
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return ""
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return ""
	}
	response.Body.Close()
	return "  Inspect  " + url + "\n"
}

// listening waits until something accepts connections on addr.
func listening(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing listens on %s after %v", addr, startTime)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (d *demo) printf(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.out, format, args...)
}
