package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"ngrok/client"
	"ngrok/cmd/internal/logging"
)

// plain prints what happens as lines, where there is no terminal to draw on.
type plain struct {
	w      io.Writer // must not block
	status client.Status
	since  time.Time
	begun  bool
	reason string
	shown  []client.TunnelState
}

// see is called with each state.
func (p *plain) see(s client.State) {
	if !p.begun || s.Status != p.status || s.Status == client.Online && !s.Since.Equal(p.since) {
		switch s.Status {
		case client.Connecting:
			p.printf("Connecting to %s", s.ServerAddr)
		case client.Online:
			p.printf("Online, server %s", cmp.Or(s.ServerVersion, s.ServerAddr))
			p.reason = ""
		case client.Reconnecting:
			p.printf("Connection lost, reconnecting to %s", s.ServerAddr)
		}
		p.begun, p.status, p.since = true, s.Status, s.Since
	}
	if s.LastError != p.reason && (s.Status == client.Reconnecting || s.Status == client.Connecting) {
		if p.reason = s.LastError; p.reason != "" {
			p.printf("  %s", s.LastError)
		}
	}
	if s.Status != client.Online {
		return
	}
	for _, t := range s.Tunnels {
		if !contains(p.shown, t) {
			p.printf("Forwarding %s -> %s", t.PublicURL, t.LocalAddr)
		}
	}
	for _, t := range p.shown {
		if !contains(s.Tunnels, t) {
			p.printf("Closed %s", t.PublicURL)
		}
	}
	p.shown = s.Tunnels
}

// printf prints one line, in which no escape survives.
func (p *plain) printf(format string, args ...any) {
	io.WriteString(p.w, logging.Neutral(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; "))+"\n")
}
