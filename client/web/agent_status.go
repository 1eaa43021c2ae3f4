package web

import (
	"net/http"
	"time"

	"ngrok/client"
)

// agentStatus is the state of the client in the agent API.
type agentStatus struct {
	Status       string       `json:"status"`
	AgentVersion string       `json:"agent_version"`
	Session      agentSession `json:"session"`
	URI          string       `json:"uri"`
}

// agentSession is the session with the server.
type agentSession struct {
	ServerAddr    string     `json:"server_addr"`
	ServerVersion string     `json:"server_version,omitempty"`
	Since         time.Time  `json:"since"`
	RetryAt       *time.Time `json:"retry_at,omitempty"`
	LastError     string     `json:"last_error,omitempty"`
}

func (s *Server) showStatus(w http.ResponseWriter, r *http.Request) {
	state := s.client.State()
	writeJSON(w, http.StatusOK, agentStatus{
		Status:       state.Status.String(),
		AgentVersion: s.version,
		Session:      sessionOf(&state),
		URI:          "/api/status",
	})
}

func sessionOf(state *client.State) agentSession {
	out := agentSession{
		ServerAddr:    state.ServerAddr,
		ServerVersion: state.ServerVersion,
		Since:         state.Since,
		LastError:     state.LastError,
	}
	if !state.RetryAt.IsZero() {
		out.RetryAt = &state.RetryAt
	}
	return out
}

// listAPI names what the API has.
func (s *Server) listAPI(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		URI      string `json:"uri"`
		Tunnels  string `json:"tunnels_uri"`
		Requests string `json:"requests_uri"`
		Status   string `json:"status_uri"`
	}{"/api", "/api/tunnels", requestsURI, "/api/status"})
}
