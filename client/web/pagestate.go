package web

import (
	"net/http"
	"time"

	"ngrok/client"
	"ngrok/client/inspect"
)

// pageState is what the page shows beside exchanges.
type pageState struct {
	Now      time.Time        `json:"now"` // ages are counted from this clock
	Version  string           `json:"version"`
	Status   string           `json:"status"`
	Session  agentSession     `json:"session"`
	Tunnels  []pageTunnel     `json:"tunnels"`
	Totals   agentConnMetrics `json:"totals"`
	BytesIn  int64            `json:"bytes_in"`
	BytesOut int64            `json:"bytes_out"`
	Capture  bool             `json:"capture"`
	Usage    inspect.Usage    `json:"usage"`
	Replays  int              `json:"max_replays"` // at a time, of one request
	Local    bool             `json:"local"`       // bound to loopback alone
}

type pageTunnel struct {
	agentTunnel
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
}

func (s *Server) pageState() pageState {
	state := s.client.State()
	out := pageState{
		Now:      time.Now(),
		Version:  s.version,
		Status:   state.Status.String(),
		Session:  sessionOf(&state),
		Tunnels:  []pageTunnel{},
		Totals:   connMetrics(&state.Metrics),
		BytesIn:  state.Metrics.BytesIn,
		BytesOut: state.Metrics.BytesOut,
		Capture:  s.store.Enabled(),
		Usage:    s.store.Usage(),
		Replays:  inspect.MaxReplays,
		Local:    isLoopback(s.Addr()),
	}
	for _, t := range namedTunnels(state.Tunnels) {
		out.Tunnels = append(out.Tunnels, pageTunnel{s.agentTunnel(t), t.Metrics.BytesIn, t.Metrics.BytesOut})
	}
	return out
}

func connMetrics(m *client.Metrics) agentConnMetrics {
	d := &m.Conns
	return agentConnMetrics{
		Count: d.Count, Gauge: m.OpenConns,
		Rate1: d.Rate1, Rate5: d.Rate5, Rate15: d.Rate15,
		P50: float64(d.P50), P90: float64(d.P90), P95: float64(d.P95), P99: float64(d.P99),
	}
}

func (s *Server) showPageState(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, s.pageState())
}
