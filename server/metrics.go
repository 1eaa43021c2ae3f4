package server

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"time"

	metrics "github.com/rcrowley/go-metrics"
)

// reportEvery is how often a server logs its metrics, when they have changed. It does so
// at its end, too.
const reportEvery = 30 * time.Second

// allProtocols are those of tunnels.
var allProtocols = []string{"http", "https", "tls", "tcp"}

// serverMetrics counts what a server does, by protocol.
type serverMetrics struct {
	registry metrics.Registry
	controls metrics.Counter // sessions open now
	opened   map[string]metrics.Counter
	visits   map[string]visitCount
	bytes    map[string]bytesCount
	last     []byte // the report logged last; at first, what nothing adds up to
}

type visitCount struct {
	open     metrics.Counter // public connections open now
	duration metrics.Timer   // of those that have ended
}

// bytesCount counts what visitors sent (in) and were sent (out).
type bytesCount struct{ in, out metrics.Counter }

func newMetrics() *serverMetrics {
	r := metrics.NewRegistry()
	m := &serverMetrics{
		registry: r,
		controls: metrics.NewRegisteredCounter("sessions.open", r),
		opened:   make(map[string]metrics.Counter),
		visits:   make(map[string]visitCount),
		bytes:    make(map[string]bytesCount),
	}
	for _, p := range allProtocols {
		m.opened[p] = metrics.NewRegisteredCounter(p+".tunnels", r)
		m.visits[p] = visitCount{
			open:     metrics.NewRegisteredCounter(p+".connections.open", r),
			duration: metrics.NewRegisteredTimer(p+".connections", r),
		}
		m.bytes[p] = bytesCount{
			in:  metrics.NewRegisteredCounter(p+".bytes.in", r),
			out: metrics.NewRegisteredCounter(p+".bytes.out", r),
		}
	}
	m.last = m.json()
	return m
}

func (m *serverMetrics) tunnelOpened(protocol string) { m.opened[protocol].Inc(1) }

// visit counts a public connection from now until the returned function is called.
func (m *serverMetrics) visit(protocol string) (done func()) {
	v := m.visits[protocol]
	v.open.Inc(1)
	start := time.Now()
	return func() {
		v.open.Dec(1)
		v.duration.UpdateSince(start)
	}
}

// stop ends what the timers hold.
func (m *serverMetrics) stop() { m.registry.UnregisterAll() }

// report logs all figures as one JSON object, unless nothing has changed. Not for
// concurrent use.
func (m *serverMetrics) report(logger *slog.Logger) {
	if b := m.json(); !bytes.Equal(b, m.last) {
		m.last = b
		logger.Info("metrics", "report", json.RawMessage(b))
	}
}

// json returns all figures; durations in seconds.
func (m *serverMetrics) json() []byte {
	figures := make(map[string]any)
	m.registry.Each(func(name string, metric any) {
		switch metric := metric.(type) {
		case metrics.Counter:
			figures[name] = metric.Count()
		case metrics.Timer:
			p := metric.Percentiles([]float64{.5, .95, .99})
			second := float64(time.Second)
			figures[name] = map[string]any{
				"count": metric.Count(),
				"mean":  metric.Mean() / second,
				"p50":   p[0] / second,
				"p95":   p[1] / second,
				"p99":   p[2] / second,
			}
		}
	})
	b, err := json.Marshal(figures)
	if err != nil {
		return []byte("{}")
	}
	return b
}
