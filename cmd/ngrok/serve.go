package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"ngrok/client"
	"ngrok/client/configfile"
	"ngrok/cmd/internal/logging"
	signals "ngrok/cmd/internal/run"
	"ngrok/cmd/internal/version"
)

// views are what looks at a client: the inspector with its page, and the screen.
type views struct {
	// tap captures what passes; nil captures nothing.
	tap client.Tap
	// budget returns how many bytes of the heap the inspector may take.
	budget func() int64
	// page makes the inspector's page; nil when that is disabled.
	page func(tunnelClient) (page, error)
	// screen makes the terminal screen; webURL is empty without a page.
	screen func(c source, webURL string) (screen, error)
}

// page is the inspector's page.
type page interface {
	Listen() error
	Addr() net.Addr
	Serve(ctx context.Context) error
	Close() error
}

// screen is the terminal screen. Run returns nil when the user wants to quit.
type screen interface {
	Run(ctx context.Context) error
	Restore()
}

// session is one run of the client with its views.
type session struct {
	app      *app
	settings *settings
	log      *logging.Log
	client   tunnelClient
	page     page         // nil without one
	screen   screen       // nil without one
	budget   func() int64 // of the inspector; nil when nobody looks

	hurryUp context.CancelFunc // cuts open connections
	hurried atomic.Int32       // the exit code of a second signal, else 0

	tokenErr error // why the token was not saved; written by the saver, read after it
}

// serve runs the client with the tunnels that choose returns, until a signal, the user
// or an error ends it.
func (a *app) serve(o *options, choose func(f *configfile.File, path string) ([]client.Tunnel, error)) (err error) {
	s, err := a.load(o)
	if err != nil {
		return err
	}
	tunnels, err := choose(s.file, s.path)
	if err != nil {
		return err
	}
	log, err := logging.Open(s.log)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			log.Logger.Log(context.Background(), logging.LevelCrit, "the client ends", "err", err)
		}
		if cerr := log.Close(); cerr != nil && log.ToFile() {
			fmt.Fprintf(a.stderr, "ngrok: warning: %s\n", lines(cerr.Error()))
		}
	}()
	for _, w := range s.file.Warnings {
		a.warn(log, w)
	}
	hurry, hurryUp := context.WithCancel(context.Background())
	defer hurryUp()
	ses, err := a.prepare(s, log, tunnels, hurry)
	if err != nil {
		return err
	}
	ses.hurryUp = hurryUp
	return ses.run()
}

// warn says what does not stop the program, in the log, and on standard error unless
// the log is read as it is written: programs that start this one take whatever
// arrives on standard error for a failure.
func (a *app) warn(log *logging.Log, msg string) {
	log.Logger.Warn("warning", "err", msg)
	if !log.ToStream() {
		fmt.Fprintf(a.stderr, "ngrok: warning: %s\n", lines(msg))
	}
}

// prepare makes the client and its views, and binds the page's address.
func (a *app) prepare(s *settings, log *logging.Log, tunnels []client.Tunnel, hurry context.Context) (*session, error) {
	tlsConfig, err := a.tlsConfig(s.file, s.serverAddr)
	if err != nil {
		return nil, err
	}
	v, err := a.newViews(s, log)
	if err != nil {
		return nil, err
	}
	screen := a.terminal && !log.ToStream() && v.screen != nil
	if v.page == nil && !screen {
		v.tap, v.budget = nil, nil // nobody would see what passes
	}
	cfg := client.Config{
		ServerAddr: s.serverAddr,
		TLS:        tlsConfig,
		AuthToken:  s.authToken,
		Proxy:      s.proxy,
		Tunnels:    tunnels,
		Tap:        v.tap,
		Grace:      s.grace,
		Hurry:      hurry,
		Version:    version.Number,
		Logger:     log.Logger,

		PlainVersion2: s.plain,
	}
	if cfg.AuthToken == "" {
		if cfg.Identity, err = identity(a.identityPath()); err != nil {
			a.warn(log, fmt.Sprintf("no anonymous identity, so that names are not kept for you: %v", err))
		}
	}
	c, err := a.newClient(cfg)
	if err != nil {
		return nil, err
	}
	ses := &session{app: a, settings: s, log: log, client: c, budget: v.budget}
	webURL := ""
	if v.page != nil {
		if ses.page, err = v.page(c); err != nil {
			return nil, err
		}
		if err := ses.page.Listen(); err != nil {
			return nil, err
		}
		webURL = pageURL(ses.page.Addr())
	}
	if screen {
		if ses.screen, err = v.screen(c, webURL); err != nil {
			ses.close()
			return nil, err
		}
	}
	return ses, nil
}

// pageURL is how the page is reached from this machine.
func pageURL(addr net.Addr) string {
	host := addr.String()
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		host = net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
	}
	return "http://" + host
}

// close gives back what prepare took, when run is not called.
func (ses *session) close() {
	if ses.page != nil {
		ses.page.Close()
	}
}

// run runs the client until it ends, then the views.
func (ses *session) run() error {
	parent, quit := context.WithCancel(context.Background())
	defer quit()
	ctx, stop := ses.app.signals(parent, ses.answers())
	defer stop()

	if ses.screen != nil {
		defer ses.screen.Restore() // for a panic: after Run it does nothing
	}
	viewing, stopViews := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	if ses.settings.saveToken {
		wg.Go(func() { follow(viewing, ses.client, ses.tokenSaver()) })
	}
	if ses.page != nil {
		wg.Go(func() {
			if err := ses.page.Serve(viewing); err != nil {
				ses.log.Logger.Error("the inspector's page has ended; the tunnels go on", "err", err)
			}
		})
	}
	if ses.budget != nil {
		wg.Go(func() { boundMemory(viewing, ses.budget) })
	}
	wg.Go(func() { ses.show(ctx, viewing, quit) })

	err := ses.client.Run(ctx)
	stopped := ctx.Err() != nil
	stopViews()
	quit()
	wg.Wait()
	if ses.tokenErr != nil {
		ses.app.warn(ses.log, ses.tokenErr.Error()) // not sooner: it would spoil the screen
	}
	if stopped && errors.Is(err, context.Canceled) {
		err = nil // somebody wanted it to end
	}
	if code := ses.hurried.Load(); code != 0 && err == nil {
		err = &hurriedError{int(code)}
	}
	return err
}

// answers says what signals do beside ending the run.
func (ses *session) answers() signals.Signals {
	s := signals.Signals{
		Stopping: func(sig os.Signal) {
			ses.log.Logger.Info("stopping", "signal", sig.String())
			if sig == syscall.SIGTERM {
				// Of a service manager, which may start it again in a moment:
				// visitors can wait. Who presses Ctrl+C wants to be gone.
				ses.client.ExpectReturn()
			}
			if ses.screen == nil {
				ses.sayWaiting()
			}
		},
		Abort: func(code int) {
			if ses.hurried.CompareAndSwap(0, int32(code)) {
				ses.hurryUp() // the client resets what is open, and returns
				return
			}
			if ses.screen != nil {
				ses.screen.Restore()
			}
			os.Exit(code)
		},
	}
	// Without a terminal whose end it would tell of, SIGHUP is what tools that
	// rotate logs send.
	if ses.log.ToFile() && !ses.app.terminal {
		s.Hangup = func() {
			if err := ses.log.Reopen(); err != nil {
				ses.app.warn(ses.log, err.Error())
			}
		}
	}
	return s
}

// sayWaiting says why the program does not end at once.
func (ses *session) sayWaiting() {
	n := ses.client.State().Metrics.OpenConns
	if n == 0 || ses.settings.grace <= 0 {
		return
	}
	ses.log.Logger.Info("waiting for open connections", "connections", n, "grace", ses.settings.grace)
	if !ses.log.ToStream() {
		fmt.Fprintf(ses.app.stderr, "Waiting for %d open connections, for up to %v. Press Ctrl+C again to end now.\n", n, ses.settings.grace)
	}
}

// show runs the screen until ctx ends, or prints lines until viewing ends where there
// is none. Where the log goes to standard output it is all that is printed there.
func (ses *session) show(ctx, viewing context.Context, quit func()) {
	if ses.screen != nil {
		err := ses.screen.Run(ctx)
		if err == nil {
			quit()
			if viewing.Err() == nil {
				ses.sayWaiting()
			}
			return
		}
		ses.log.Logger.Warn("no terminal screen, printing lines", "err", err)
	}
	if ses.settings.log.To == "stdout" {
		return
	}
	out := logging.NewQueue(ses.app.stdout, nil) // a pipe that nobody reads must not keep us
	defer out.Close()
	p := &plain{w: out}
	if ses.page != nil {
		io.WriteString(out, "Web Interface "+pageURL(ses.page.Addr())+"\n")
	}
	follow(viewing, ses.client, p.see)
}

// tokenSaver saves the token of the command line once a server has accepted it.
func (ses *session) tokenSaver() func(client.State) {
	done := false
	return func(s client.State) {
		if done || s.Status != client.Online && s.ServerVersion == "" {
			return
		}
		done = true
		if err := configfile.SaveToken(ses.settings.path, ses.settings.authToken); err != nil {
			ses.tokenErr = fmt.Errorf("the token could not be saved: %w", err)
			return
		}
		ses.log.Logger.Info("the token was saved", "file", ses.settings.path)
	}
}
