package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ngrok/client/inspect"
)

// Rows of GET /api/requests/http when limit is not given, and at most.
const (
	defaultRequests = 50
	maxRequests     = 10_000
)

const requestsURI = "/api/requests/http"

// agentRequest is an exchange in the agent API; the order of its fields is that of its
// JSON. Secrets are in plain text here: this is what scripts work with, and pages of
// other origins cannot read it.
type agentRequest struct {
	URI        string         `json:"uri"`
	ID         inspect.ID     `json:"id"`
	TunnelName string         `json:"tunnel_name"`
	RemoteAddr string         `json:"remote_addr"`
	Start      time.Time      `json:"start"`
	Duration   time.Duration  `json:"duration"` // nanoseconds
	Request    agentMessage   `json:"request"`
	Response   *agentResponse `json:"response"` // null while there is none
}

type agentMessage struct {
	Method  string              `json:"method"`
	Proto   string              `json:"proto"`
	Headers map[string][]string `json:"headers"`
	URI     string              `json:"uri"`
	Raw     []byte              `json:"raw"`
}

type agentResponse struct {
	Status     string              `json:"status"`
	StatusCode int                 `json:"status_code"`
	Proto      string              `json:"proto"`
	Headers    map[string][]string `json:"headers"`
	Raw        []byte              `json:"raw"`
}

// listRequests writes the newest exchanges, one at a time: together they may be as
// large as the store in base64.
func (s *Server) listRequests(w http.ResponseWriter, r *http.Request) {
	limit := defaultRequests
	if v := r.FormValue("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			writeError(w, http.StatusBadRequest, errCodeRequest, "invalid limit",
				errors.New("limit "+v+" is not a number of requests"))
			return
		}
		limit = min(n, maxRequests)
	}
	names := s.tunnelNames()
	tunnel := r.FormValue("tunnel_name")
	// The store knows tunnels without their scheme, so that the rest is told apart here.
	options := inspect.ListOptions{Limit: limit, Tunnel: strings.TrimSuffix(tunnel, httpSuffix)}
	if tunnel != "" {
		options.Limit = maxRequests
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"uri":"`+requestsURI+`","requests":[`)
	written := 0
	for _, row := range s.store.List(options).Rows {
		if tunnel != "" && names.of(&row) != tunnel {
			continue
		}
		e, err := s.store.Exchange(row.ID)
		if err != nil {
			continue // it had to make room meanwhile
		}
		line, err := json.Marshal(agentRequestOf(e, names))
		if err != nil {
			s.log.Error("an exchange cannot be written as JSON", "id", row.ID, "err", err)
			continue
		}
		if written > 0 {
			io.WriteString(w, ",")
		}
		if _, err := w.Write(line); err != nil {
			return
		}
		if written++; written == limit {
			break
		}
	}
	io.WriteString(w, "]}\n")
}

func (s *Server) showRequest(w http.ResponseWriter, r *http.Request) {
	e, err := s.store.Exchange(inspect.ID(r.PathValue("id")))
	if err != nil {
		writeStoreError(w, "request not found", err)
		return
	}
	writeJSON(w, http.StatusOK, agentRequestOf(e, s.tunnelNames()))
}

// replayRequest sends a request again, to the tunnel that is named or to the one it
// came through.
func (s *Server) replayRequest(w http.ResponseWriter, r *http.Request) {
	var req struct {
		ID         string `json:"id"`
		TunnelName string `json:"tunnel_name"`
	}
	if !readJSON(w, r, &req) {
		return
	}
	if s.replay(w, replayCall{ID: inspect.ID(req.ID), Tunnel: req.TunnelName}) != nil {
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Server) clearRequests(w http.ResponseWriter, r *http.Request) {
	s.store.Clear(false)
	w.WriteHeader(http.StatusNoContent)
}

// replayForm is 1.7's call, which the page of that version made.
func (s *Server) replayForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	if s.replay(w, replayCall{ID: inspect.ID(r.PostFormValue("txnid"))}) != nil {
		w.WriteHeader(http.StatusOK)
	}
}

func agentRequestOf(e *inspect.Exchange, names tunnelNames) agentRequest {
	out := agentRequest{
		URI:        requestsURI + "/" + url.PathEscape(string(e.ID)),
		ID:         e.ID,
		TunnelName: names.of(&e.Summary),
		RemoteAddr: e.VisitorAddr,
		Start:      e.Start,
		Duration:   e.Duration,
		Request: agentMessage{
			Method: e.Method, Proto: e.Request.Proto, Headers: headerMap(e.Request.Header),
			URI: e.Target, Raw: e.Request.Raw,
		},
	}
	if e.Status != 0 {
		out.Response = &agentResponse{
			Status:     strings.TrimSpace(strconv.Itoa(e.Status) + " " + e.Reason),
			StatusCode: e.Status, Proto: e.Response.Proto,
			Headers: headerMap(e.Response.Header), Raw: e.Response.Raw,
		}
	}
	return out
}

// headerMap gathers fields by their canonical name, as package http does.
func headerMap(fields []inspect.Field) map[string][]string {
	m := http.Header{}
	for _, f := range fields {
		m.Add(f.Name, f.Value)
	}
	return m
}

// tunnelNames knows which tunnels have more than http, which decides their names.
type tunnelNames map[string]bool

func (s *Server) tunnelNames() tunnelNames {
	more := tunnelNames{}
	for _, t := range s.client.State().Tunnels {
		if t.Protocol != "http" {
			more[t.Name] = true
		}
	}
	return more
}

// of returns the name in the API of the tunnel that an exchange came through.
func (n tunnelNames) of(e *inspect.Summary) string {
	return apiTunnelName(e.Tunnel, e.Scheme, n[e.Tunnel])
}
