package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
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
	was    bool   // online before
	reason string // that was printed last
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
			p.reason, p.was = "", true
		case client.Reconnecting:
			if p.was {
				p.printf("Connection lost, reconnecting to %s", s.ServerAddr)
			} else {
				p.printf("No connection yet, trying again to reach %s", s.ServerAddr)
			}
		}
		p.begun, p.status, p.since = true, s.Status, s.Since
	}
	if s.LastError != "" && s.LastError != p.reason && s.Status != client.Closed {
		p.reason = s.LastError
		p.printf("  %s", p.reason)
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

// contains reports whether ts has the tunnel t, whatever its metrics are now.
func contains(ts []client.TunnelState, t client.TunnelState) bool {
	return slices.ContainsFunc(ts, func(o client.TunnelState) bool {
		return o.Name == t.Name && o.Protocol == t.Protocol && o.PublicURL == t.PublicURL && o.LocalAddr == t.LocalAddr
	})
}
