package web

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ngrok/client"
)

// openTimeout bounds how long a caller of the API waits for a tunnel to come up.
const openTimeout = 30 * time.Second

// errNotReady is what wrappers wait for to go away.
var errNotReady = errors.New("a successful ngrok tunnel session has not yet been established")

// agentTunnel is a tunnel in the agent API; the order of its fields is that of its JSON.
type agentTunnel struct {
	Name      string            `json:"name"`
	ID        string            `json:"ID"`
	URI       string            `json:"uri"`
	PublicURL string            `json:"public_url"`
	Proto     string            `json:"proto"`
	Config    agentTunnelConfig `json:"config"`
	Metrics   agentMetrics      `json:"metrics"`
}

type agentTunnelConfig struct {
	Addr    string `json:"addr"`
	Inspect bool   `json:"inspect"`
}

type agentMetrics struct {
	Conns agentConnMetrics `json:"conns"`
	HTTP  agentHTTPMetrics `json:"http"`
}

// agentConnMetrics counts connections; percentiles of their durations are in nanoseconds.
type agentConnMetrics struct {
	Count  int64   `json:"count"`
	Gauge  int64   `json:"gauge"`
	Rate1  float64 `json:"rate1"`
	Rate5  float64 `json:"rate5"`
	Rate15 float64 `json:"rate15"`
	P50    float64 `json:"p50"`
	P90    float64 `json:"p90"`
	P95    float64 `json:"p95"`
	P99    float64 `json:"p99"`
}

// agentHTTPMetrics counts HTTP exchanges; percentiles of their durations are in nanoseconds.
type agentHTTPMetrics struct {
	Count  int64   `json:"count"`
	Rate1  float64 `json:"rate1"`
	Rate5  float64 `json:"rate5"`
	Rate15 float64 `json:"rate15"`
	P50    float64 `json:"p50"`
	P90    float64 `json:"p90"`
	P95    float64 `json:"p95"`
	P99    float64 `json:"p99"`
}

type agentTunnelList struct {
	Tunnels []agentTunnel `json:"tunnels"`
	URI     string        `json:"uri"`
}

func (s *Server) listTunnels(w http.ResponseWriter, r *http.Request) {
	list := agentTunnelList{Tunnels: []agentTunnel{}, URI: "/api/tunnels"}
	for _, t := range namedTunnels(s.client.State().Tunnels) {
		list.Tunnels = append(list.Tunnels, s.agentTunnel(t))
	}
	writeJSON(w, http.StatusOK, list)
}

func (s *Server) showTunnel(w http.ResponseWriter, r *http.Request) {
	t, ok := s.tunnelByName(r.PathValue("name"))
	if !ok {
		writeNoTunnel(w, r.PathValue("name"))
		return
	}
	writeJSON(w, http.StatusOK, s.agentTunnel(t))
}

// startTunnel opens a tunnel and answers once it is up.
func (s *Server) startTunnel(w http.ResponseWriter, r *http.Request) {
	var fields map[string]json.RawMessage
	if !readJSON(w, r, &fields) {
		return
	}
	t, fallback, err := tunnelRequest(fields)
	if err == nil {
		err = s.nameFree(&t)
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, errCodeConfig, "invalid tunnel configuration", err)
		return
	}
	if s.client.State().Status != client.Online {
		writeError(w, http.StatusServiceUnavailable, errCodeNotReady, "ngrok is not yet ready to start tunnels", errNotReady)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), openTimeout)
	defer cancel()
	granted, err := s.client.Open(ctx, t)
	if len(granted) == 0 && err != nil && fallback != nil {
		// Both schemes were a default, and the server may have http alone.
		if again, errAgain := s.client.Open(ctx, *fallback); errAgain == nil {
			granted, err = again, nil
		}
	}
	if len(granted) == 0 {
		s.writeNotGranted(w, t.Name, err)
		return
	}
	s.closed.forget(t.Name)
	writeJSON(w, http.StatusCreated, s.agentTunnel(namedTunnels(granted)[0]))
}

// nameFree returns an error when the API would list t under a name that it lists already.
func (s *Server) nameFree(t *client.Tunnel) error {
	names := []string{t.Name}
	if t.Local["http"] != "" && len(t.Local) > 1 {
		names = append(names, t.Name+httpSuffix)
	}
	for _, name := range names {
		if _, taken := s.tunnelByName(name); taken {
			return nameTaken(name)
		}
	}
	return nil
}

// writeNotGranted answers with why there is no tunnel.
func (s *Server) writeNotGranted(w http.ResponseWriter, name string, err error) {
	switch {
	case err == nil:
		writeError(w, http.StatusBadGateway, errCodeStart, "failed to start tunnel", errors.New("the server granted nothing"))
	case errors.Is(err, client.ErrNoSession), s.client.State().Status != client.Online:
		writeError(w, http.StatusServiceUnavailable, errCodeNotReady, "ngrok is not yet ready to start tunnels", errNotReady)
	case errors.Is(err, client.ErrTunnelExists):
		writeError(w, http.StatusBadRequest, errCodeConfig, "invalid tunnel configuration", nameTaken(name))
	case errors.As(err, new(*client.ClashError)):
		writeError(w, http.StatusBadRequest, errCodeConfig, "invalid tunnel configuration", err)
	default:
		writeError(w, http.StatusBadGateway, errCodeStart, "failed to start tunnel", err)
	}
}

// stopTunnel closes a tunnel. A tunnel of two schemes is one to the client, and both
// close together; closing the second name afterwards succeeds, so that callers may
// close all the names they listed before. One that the server has taken back is not
// listed any more, but its name is free only when it is closed.
func (s *Server) stopTunnel(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	t, ok := s.tunnelByName(name)
	switch {
	case ok:
		if err := s.client.CloseTunnel(t.Name); err != nil && !errors.Is(err, client.ErrNoTunnel) {
			writeError(w, http.StatusBadGateway, errCodeStart, "failed to stop tunnel", err)
			return
		}
		s.closed.add(t.Name, t.api)
	case s.client.CloseTunnel(name) == nil:
	case !s.closed.take(name):
		writeNoTunnel(w, name)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func writeNoTunnel(w http.ResponseWriter, name string) {
	writeError(w, http.StatusNotFound, errCodeNotFound, "tunnel not found", errors.New("no tunnel named "+name+" is open"))
}

// namedTunnel is a tunnel with its name in the API.
type namedTunnel struct {
	client.TunnelState
	api string
}

// namedTunnels gives tunnels their names in the API. Of several protocols with one name
// that which is not http has it and comes first, and the http one is called "name (http)".
func namedTunnels(states []client.TunnelState) []namedTunnel {
	other := map[string]bool{}
	place := map[string]int{}
	for i, t := range states {
		if _, known := place[t.Name]; !known {
			place[t.Name] = i
		}
		other[t.Name] = other[t.Name] || t.Protocol != "http"
	}
	named := make([]namedTunnel, 0, len(states))
	for _, t := range states {
		named = append(named, namedTunnel{t, apiTunnelName(t.Name, t.Protocol, other[t.Name])})
	}
	slices.SortStableFunc(named, func(a, b namedTunnel) int {
		return cmp.Or(cmp.Compare(place[a.Name], place[b.Name]), len(a.api)-len(b.api))
	})
	return named
}

func apiTunnelName(name, protocol string, both bool) string {
	if protocol == "http" && both {
		return name + httpSuffix
	}
	return name
}

const httpSuffix = " (http)"

// tunnelByName finds an open tunnel by its name in the API. Wrappers that escape a
// space as a plus sign are understood as well.
func (s *Server) tunnelByName(name string) (namedTunnel, bool) {
	tunnels := namedTunnels(s.client.State().Tunnels)
	for _, try := range []string{name, strings.ReplaceAll(name, "+", " ")} {
		for _, t := range tunnels {
			if t.api == try {
				return t, true
			}
		}
	}
	return namedTunnel{}, false
}

func (s *Server) agentTunnel(t namedTunnel) agentTunnel {
	addr := t.LocalAddr
	if t.Protocol == "http" || t.Protocol == "https" {
		addr = "http://" + addr
	}
	id := sha256.Sum256([]byte(t.api + "\n" + t.PublicURL))
	return agentTunnel{
		Name:      t.api,
		ID:        hex.EncodeToString(id[:16]),
		URI:       "/api/tunnels/" + url.PathEscape(t.api),
		PublicURL: t.PublicURL,
		Proto:     t.Protocol,
		Config:    agentTunnelConfig{Addr: addr, Inspect: t.Inspect},
		Metrics: agentMetrics{
			Conns: connMetrics(&t.Metrics),
			HTTP:  s.http.of(t.Name, t.Protocol),
		},
	}
}
