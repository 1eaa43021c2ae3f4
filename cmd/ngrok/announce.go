package main

import (
	"log/slog"
	"slices"
	"time"

	"ngrok/client"
)

// announcer logs the steps of a client's life in the words that programs which start
// this one wait for in its log.
type announcer struct {
	log     *slog.Logger
	online  bool
	since   time.Time // of the session that was announced
	tunnels []client.TunnelState
}

// see is called with each state.
func (a *announcer) see(s client.State) {
	online := s.Status == client.Online
	if a.online && (!online || !s.Since.Equal(a.since)) && s.Status != client.Closed {
		a.log.Warn("session closed, starting reconnect loop", "obj", "csess", "err", s.LastError)
	}
	if online && (!a.online || !s.Since.Equal(a.since)) {
		a.log.Info("client session established", "obj", "tunnels.session", "server", s.ServerAddr)
		a.log.Info("tunnel session started", "obj", "tunnels.session")
		a.since = s.Since
	}
	a.online = online
	if !online {
		return // tunnels that come back the same need no new line
	}
	for _, t := range s.Tunnels {
		if !contains(a.tunnels, t) {
			a.log.Info("started tunnel", "obj", "tunnels", "name", displayName(s.Tunnels, t), "addr", displayAddr(t), "url", t.PublicURL)
		}
	}
	for _, t := range a.tunnels {
		if !contains(s.Tunnels, t) {
			a.log.Info("stopped tunnel", "obj", "tunnels", "name", displayName(a.tunnels, t), "url", t.PublicURL)
		}
	}
	a.tunnels = s.Tunnels
}

// contains reports whether ts has the tunnel t, whatever its metrics are now.
func contains(ts []client.TunnelState, t client.TunnelState) bool {
	return slices.ContainsFunc(ts, func(o client.TunnelState) bool {
		return o.Name == t.Name && o.Protocol == t.Protocol && o.PublicURL == t.PublicURL && o.LocalAddr == t.LocalAddr
	})
}

// displayName tells the two tunnels of http+https apart, as later versions do.
func displayName(ts []client.TunnelState, t client.TunnelState) string {
	if t.Protocol == "http" && slices.ContainsFunc(ts, func(o client.TunnelState) bool { return o.Name == t.Name && o.Protocol == "https" }) {
		return t.Name + " (http)"
	}
	return t.Name
}

// displayAddr is the address of the private service with how it is spoken to.
func displayAddr(t client.TunnelState) string {
	if t.Protocol == "tcp" {
		return t.LocalAddr
	}
	return "http://" + t.LocalAddr
}
