package client

import (
	"sync"
	"time"

	metrics "github.com/rcrowley/go-metrics"
)

// clientMetrics counts what a client carries, in all and by tunnel.
type clientMetrics struct {
	registry metrics.Registry
	total    *flowMetrics
}

func newMetrics() *clientMetrics {
	return &clientMetrics{registry: metrics.NewRegistry(), total: newFlowMetrics()}
}

func (m *clientMetrics) stop() { m.total.stop() }

// distributionAge is how old the distribution in a snapshot may be: computing one sorts
// a thousand durations, and views ask at every change.
const distributionAge = time.Second

// flowMetrics counts public connections.
type flowMetrics struct {
	conns   metrics.Timer // durations of those that have ended
	open    metrics.Counter
	in, out metrics.Counter // bytes from and to visitors

	mu       sync.Mutex
	computed time.Time
	last     Distribution
}

func newFlowMetrics() *flowMetrics {
	return &flowMetrics{
		conns: metrics.NewTimer(),
		open:  metrics.NewCounter(),
		in:    metrics.NewCounter(),
		out:   metrics.NewCounter(),
	}
}

func (m *flowMetrics) stop() { m.conns.Stop() }

func (m *flowMetrics) snapshot() Metrics {
	return Metrics{
		Conns:     m.distribution(),
		OpenConns: m.open.Count(),
		BytesIn:   m.in.Count(),
		BytesOut:  m.out.Count(),
	}
}

func (m *flowMetrics) distribution() Distribution {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.computed) > distributionAge {
		m.computed = time.Now()
		t := m.conns.Snapshot()
		p := t.Percentiles([]float64{.5, .9, .95, .99})
		m.last = Distribution{
			Rate1: t.Rate1(), Rate5: t.Rate5(), Rate15: t.Rate15(),
			Mean: time.Duration(t.Mean()),
			P50:  time.Duration(p[0]), P90: time.Duration(p[1]), P95: time.Duration(p[2]), P99: time.Duration(p[3]),
		}
	}
	m.last.Count = m.conns.Count()
	return m.last
}
