package main

import (
	"context"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"time"

	"ngrok/server/auth"
	"ngrok/server/cert"
	"ngrok/server/configfile"
)

// pollInterval is how often the settings file is looked at. A change counts when the
// file is the same twice in a row, since some editors empty it before they write: a
// revoked token is found within a second.
const pollInterval = 500 * time.Millisecond

// reloader takes over changes of the settings file and of the certificates while the
// server runs.
type reloader struct {
	options  *options
	policies *auth.Policies
	source   cert.Source
	logger   *slog.Logger

	hangup chan struct{} // holds one request to reload now
	had    bool          // there was a settings file
}

func newReloader(o *options, policies *auth.Policies, source cert.Source, logger *slog.Logger) *reloader {
	return &reloader{
		options:  o,
		policies: policies,
		source:   source,
		logger:   logger,
		hangup:   make(chan struct{}, 1),
		had:      o.read != fileState{},
	}
}

// now asks for a reload without waiting for it.
func (r *reloader) now() {
	select {
	case r.hangup <- struct{}{}:
	default: // one is asked for already
	}
}

// run reloads when it is asked to and when the settings file has changed, until ctx
// ends.
func (r *reloader) run(ctx context.Context) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	loaded := r.options.read
	last := loaded
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hangup:
			loaded = stateOf(r.options.config)
			last = loaded
			r.reloadCertificates()
			r.reload()
		case <-ticker.C:
			now := stateOf(r.options.config)
			if now.same(last) && !now.same(loaded) {
				loaded = now
				r.reload()
			}
			last = now
		}
	}
}

// reload reads the settings file. One that can't be used changes nothing.
func (r *reloader) reload() {
	file, err := configfile.Load(r.options.config)
	if configfile.IsMissing(err) {
		if !r.had {
			return // nor was there one at the start
		}
		r.logger.Warn("there is no settings file; the settings in force stay", "file", r.options.config)
		return
	}
	r.had = true
	var policy *auth.Policy
	if err == nil {
		policy, err = r.options.policy(file)
	}
	if err != nil {
		r.logger.Error("the settings file can't be used; the settings in force stay", "err", err)
		return
	}
	if !sameSettings(file.Settings, r.options.file.Settings) {
		r.logger.Warn("settings that are flags too differ from those at the start; they count from the next start", "file", r.options.config)
	}
	if !reflect.DeepEqual(file.ACME, r.options.file.ACME) {
		r.logger.Warn("acme differs from what it was at the start; it counts from the next start", "file", r.options.config)
	}
	if r.policies.Current().Open() != policy.Open() {
		r.logger.Warn("who is admitted has changed", "everybody", policy.Open())
	}
	r.policies.Swap(policy)
	r.logger.Info("settings reloaded", "file", r.options.config, "known", policy.Tokens())
}

// reloadCertificates looks at certificate files now: without it they are followed as
// handshakes come.
func (r *reloader) reloadCertificates() {
	files, ok := r.source.(interface{ Reload() error })
	if !ok {
		return
	}
	if err := files.Reload(); err != nil {
		r.logger.Error("the certificate files can't be used; the certificate in force stays", "err", err)
	}
}

func sameSettings(a, b []configfile.Setting) bool {
	return slices.EqualFunc(a, b, func(x, y configfile.Setting) bool { return x.Key == y.Key && x.Value == y.Value })
}

// fileState tells whether a file has changed. The zero value is that of no file.
type fileState struct{ info os.FileInfo }

func stateOf(path string) fileState {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}
	}
	return fileState{info}
}

func (s fileState) same(t fileState) bool {
	if s.info == nil || t.info == nil {
		return s.info == t.info
	}
	return os.SameFile(s.info, t.info) && s.info.ModTime().Equal(t.info.ModTime()) && s.info.Size() == t.info.Size()
}
