package web

import (
	"context"
	"sync"
	"time"

	metrics "github.com/rcrowley/go-metrics"

	"ngrok/client"
	"ngrok/client/inspect"
)

// How often finished exchanges are counted, and how many at a time: what is more than
// that between two rounds has left the store or goes uncounted.
const (
	countEvery = time.Second
	countRows  = 50_000
)

// httpMetrics counts the finished exchanges of each tunnel and times them. Replays and
// imports do not count. It is safe for concurrent use.
type httpMetrics struct {
	mu     sync.Mutex
	timers map[tunnelKey]metrics.Timer
	last   uint64          // Number of the newest exchange that was seen
	open   map[uint64]bool // numbers up to last that had not finished
}

type tunnelKey struct{ name, scheme string }

func newHTTPMetrics() *httpMetrics {
	return &httpMetrics{timers: map[tunnelKey]metrics.Timer{}, open: map[uint64]bool{}}
}

// follow counts what finishes in the store until ctx ends.
func (m *httpMetrics) follow(ctx context.Context, c Client, store *inspect.Store) {
	changed, stop := store.Subscribe()
	defer stop()
	tunnels, stopTunnels := c.Subscribe()
	defer stopTunnels()
	defer m.stop()
	pause := time.NewTicker(countEvery)
	defer pause.Stop()
	var seq uint64
	for {
		m.expect(c.State().Tunnels)
		news := store.Changes(seq, countRows)
		seq = news.Seq
		m.count(news)
		select {
		case <-changed:
		case <-tunnels:
		case <-ctx.Done():
			return
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// expect begins to time tunnels that carry HTTP. A timer takes the rate of its first
// seconds for that of the minutes before: one that began with the first request would
// show a rush that never was.
func (m *httpMetrics) expect(tunnels []client.TunnelState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range tunnels {
		if t.Protocol == "http" || t.Protocol == "https" {
			m.timerLocked(tunnelKey{t.Name, t.Protocol})
		}
	}
}

// count takes over the exchanges that finished.
func (m *httpMetrics) count(c inspect.Changes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	newest := m.last
	for i := range c.Changed {
		row := &c.Changed[i]
		seen := row.Number <= m.last
		newest = max(newest, row.Number)
		switch {
		case row.ReplayOf != "" || row.Imported || seen && !m.open[row.Number]:
		case row.Open:
			m.open[row.Number] = true
		default:
			delete(m.open, row.Number)
			m.timerLocked(tunnelKey{row.Tunnel, row.Scheme}).Update(row.Duration)
		}
	}
	m.last = newest
	if len(m.open) > countRows {
		clear(m.open) // they were removed while open
	}
}

func (m *httpMetrics) timerLocked(k tunnelKey) metrics.Timer {
	t := m.timers[k]
	if t == nil {
		t = metrics.NewTimer()
		m.timers[k] = t
	}
	return t
}

// stop takes the timers off the clock that drives their rates.
func (m *httpMetrics) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.timers {
		t.Stop()
	}
}

// of returns the figures of one tunnel; zero when it had no exchange.
func (m *httpMetrics) of(name, scheme string) agentHTTPMetrics {
	m.mu.Lock()
	t := m.timers[tunnelKey{name, scheme}]
	m.mu.Unlock()
	if t == nil {
		return agentHTTPMetrics{}
	}
	v := t.Snapshot()
	p := v.Percentiles([]float64{0.5, 0.9, 0.95, 0.99})
	return agentHTTPMetrics{
		Count: v.Count(),
		Rate1: v.Rate1(), Rate5: v.Rate5(), Rate15: v.Rate15(),
		P50: p[0], P90: p[1], P95: p[2], P99: p[3],
	}
}
