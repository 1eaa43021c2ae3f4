package web

import (
	"context"
	"sync"
	"time"

	metrics "github.com/rcrowley/go-metrics"

	"ngrok/client"
)

// expectEvery is the least time between two looks for new tunnels.
const expectEvery = time.Second

// httpMetrics counts the finished exchanges of each tunnel and times them. Replays and
// imports do not count. It is safe for concurrent use.
type httpMetrics struct {
	mu     sync.RWMutex
	timers map[tunnelKey]metrics.Timer
}

type tunnelKey struct{ name, scheme string }

func newHTTPMetrics() *httpMetrics {
	return &httpMetrics{timers: map[tunnelKey]metrics.Timer{}}
}

// follow has a timer for each tunnel of the client, until ctx ends. Then it takes them all
// off the clock that drives their rates.
func (m *httpMetrics) follow(ctx context.Context, c Client) {
	changed, stop := c.Subscribe()
	defer stop()
	defer m.stop()
	pause := time.NewTicker(expectEvery)
	defer pause.Stop()
	for {
		m.expect(c.State().Tunnels)
		select {
		case <-changed:
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
	for _, t := range tunnels {
		if t.Protocol == "http" || t.Protocol == "https" {
			m.make(tunnelKey{t.Name, t.Protocol})
		}
	}
}

// add counts an exchange; see [inspect.Store.OnEnd].
func (m *httpMetrics) add(name, scheme string, took time.Duration) {
	k := tunnelKey{name, scheme}
	t := m.timer(k)
	if t == nil {
		t = m.make(k)
	}
	t.Update(took)
}

// timer returns the timer of a tunnel, nil when there is none.
func (m *httpMetrics) timer(k tunnelKey) metrics.Timer {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.timers[k]
}

// make returns the timer of a tunnel, a new one when there is none.
func (m *httpMetrics) make(k tunnelKey) metrics.Timer {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.timers[k]
	if t == nil {
		t = metrics.NewTimer()
		m.timers[k] = t
	}
	return t
}

func (m *httpMetrics) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.timers {
		t.Stop()
	}
}

// of returns the figures of one tunnel; zero when it had no exchange.
func (m *httpMetrics) of(name, scheme string) agentHTTPMetrics {
	t := m.timer(tunnelKey{name, scheme})
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
