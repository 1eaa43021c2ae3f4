package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"ngrok/cmd/internal/logging"
	"ngrok/cmd/internal/run"
	"ngrok/cmd/internal/version"
	"ngrok/server"
	"ngrok/server/auth"
	"ngrok/server/cert"
)

// serve runs the server until a signal or the end of ctx stops it.
func (p program) serve(ctx context.Context, o *options) error {
	log, err := logging.Open(logging.Options{To: o.log, Level: o.logLevel, Format: logFormat(o, p.stdout), Stdout: p.stdout, Stderr: p.stderr})
	if err != nil {
		return err
	}
	defer log.Close()
	err = p.serveWith(ctx, o, log)
	if err != nil && log.ToFile() { // standard error says it anyway
		log.Logger.Error("ended", "err", err)
	}
	return err
}

func (p program) serveWith(ctx context.Context, o *options, log *logging.Log) (err error) {
	if err := os.MkdirAll(o.dataDir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w (choose another with -dataDir)", err)
	}
	if o.domain, err = cert.ParseDomain(o.domain); err != nil {
		return fmt.Errorf("-domain: %w", err)
	}
	next, err := newSuccession(p.env, log.Logger)
	if err != nil {
		return err
	}
	o.passed = next.listeners.addresses()
	source, err := o.certificates(p.env, log.Logger)
	if err != nil {
		return err
	}
	policy, err := o.policy(o.file)
	if err != nil {
		return fmt.Errorf("%s: %w", o.config, err)
	}
	policies := auth.NewPolicies(policy)
	config, err := o.server(source, policies, log.Logger)
	if err != nil {
		return err
	}
	config.Listen, config.HandOver, config.Alive = next.listeners.listen, next.handOver, next.notify.alive
	serve, err := p.listen(config)
	if err != nil {
		return explainListen(o, err)
	}
	tunnelAddr := next.listeners.bound("tunnel", o.tunnelAddr)
	if o.wantsFirstToken() {
		// Only now, when the server is sure to run, and before any client is served.
		if err := p.admitFirst(o, tunnelAddr, policies, source); err != nil {
			return errors.Join(err, stopped(serve))
		}
	}
	p.sayWhoIsAdmitted(o, tunnelAddr, policies.Current(), log.Logger)
	if err := next.takeOver(); err != nil {
		return errors.Join(err, stopped(serve))
	}
	return p.untilSignal(ctx, o, log, newReloader(o, policies, source, log.Logger), next, serve)
}

// admitFirst makes the first token and puts it in force.
func (p program) admitFirst(o *options, tunnelAddr string, policies *auth.Policies, source cert.Source) error {
	if err := makeFirstToken(p.stdout, o, tunnelAddr, source); err != nil {
		return err
	}
	policy, err := o.policy(o.file)
	if err != nil {
		return err
	}
	policies.Swap(policy)
	return nil
}

// untilSignal serves, and reloads on the side, until a signal or the end of ctx. After a
// second signal it returns a [*hurriedError]; a third one ends the program as it is.
func (p program) untilSignal(ctx context.Context, o *options, log *logging.Log, reloads *reloader, next *succession, serve serveFunc) error {
	hurry, hurryUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hurryUp()
	var hurried atomic.Int32
	ctx, handOver := context.WithCancelCause(ctx)
	defer handOver(nil)
	ctx, stop := run.Signals{
		Stopping: func(s os.Signal) {
			next.notify.send("STOPPING=1")
			log.Logger.Info("stopping when what flows has ended; a second signal ends it now", "signal", s.String(), "grace", o.grace)
		},
		Hangup: func() {
			if err := log.Reopen(); err != nil {
				log.Logger.Error("the log file can't be reopened; the old one stays in use", "err", err)
			}
			reloads.now()
		},
		Abort: func(code int) {
			if !hurried.CompareAndSwap(0, int32(code)) {
				os.Exit(code)
			}
			hurryUp()
		},
	}.Context(ctx)
	defer stop()

	// Until the last visitor has gone: whose user is revoked meanwhile is cut.
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { reloads.run(serving) })
	replacing, settle := context.WithCancel(ctx)
	wg.Go(func() { next.run(replacing, handOver) })
	wg.Go(func() { returnMemory(serving, memoryPace) })
	next.notify.send("READY=1\nMAINPID=" + strconv.Itoa(os.Getpid()))
	err := serve(ctx, hurry)
	settle()
	end()
	wg.Wait()
	if code := hurried.Load(); code != 0 && err == nil {
		err = &hurriedError{int(code)}
	}
	return err
}

// hurriedError says that a second signal cut what still flowed.
type hurriedError struct{ code int }

func (e *hurriedError) Error() string { return "ended by a second signal" }

// stopped serves for no time, which closes the listeners.
func stopped(serve serveFunc) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return serve(ctx, ctx)
}

// server returns the server's own configuration.
func (o *options) server(source cert.Source, policies *auth.Policies, logger *slog.Logger) (server.Config, error) {
	http, https, err := o.shownPorts()
	if err != nil {
		return server.Config{}, err
	}
	grace := o.grace
	if grace == 0 {
		grace = -1 // none; 0 is the server's default
	}
	managed, _ := source.(server.Certificates)
	return server.Config{
		Domain:         o.domain,
		HTTPAddr:       o.httpAddr,
		HTTPSAddr:      o.httpsAddr,
		TunnelAddr:     o.tunnelAddr,
		ShownHTTPPort:  http,
		ShownHTTPSPort: https,
		TCPHost:        o.tcpHost,
		TrustedProxies: o.file.TrustedProxies,
		DataDir:        o.dataDir,
		NamesFile:      o.cacheFile,
		Policies:       policies,
		Certificates:   managed,
		TLS:            &tls.Config{GetCertificate: source.GetCertificate, MinVersion: tls.VersionTLS12},
		Grace:          grace,
		Lease:          o.lease,
		Park:           o.park,
		Version:        version.Number,
		Logger:         logger,
	}, nil
}

// sayWhoIsAdmitted warns of what an operator may not have meant.
func (p program) sayWhoIsAdmitted(o *options, tunnelAddr string, policy *auth.Policy, logger *slog.Logger) {
	switch {
	case policy.Open() && !o.loopbackOnly():
		// To standard error too: the log may be a file that nobody looks at.
		fmt.Fprintf(p.stderr, "ngrokd: WARNING: -open admits everybody who reaches %s: strangers can publish what they like under %s\n", tunnelAddr, o.domain)
		logger.Warn("everybody is admitted, without a token (-open)", "addr", tunnelAddr)
	case policy.Open():
		logger.Info("everybody on this machine is admitted, without a token")
	case policy.Tokens() == 0:
		logger.Warn("nobody is admitted: there is no token; ngrokd token new NAME makes one", "file", o.config)
	default:
		logger.Info("clients with a token are admitted", "known", policy.Tokens(), "file", o.config)
	}
}

// logFormat chooses the format for people when people look.
func logFormat(o *options, stdout io.Writer) string {
	if o.logFormat != "" || o.log != "stdout" {
		return o.logFormat
	}
	if f, ok := stdout.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return "term"
		}
	}
	return ""
}
