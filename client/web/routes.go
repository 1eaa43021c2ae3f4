package web

import (
	"errors"
	"net/http"
)

// handler returns everything the inspector serves, behind its guard.
func (s *Server) handler() http.Handler {
	page := http.NewServeMux()
	page.HandleFunc("GET /{$}", s.serveIndex)
	page.HandleFunc("GET /http/in", s.serveIndex) // 1.7's address of the page
	page.HandleFunc("GET /static/{file...}", s.serveStatic)
	page.HandleFunc("GET "+socketPath, s.serveSocket)
	page.HandleFunc("POST /http/in/replay", s.replayForm) // 1.7's address of the replay

	api := http.NewServeMux()
	// The agent API, which scripts and wrappers know.
	api.HandleFunc("GET /api", s.listAPI)
	api.HandleFunc("GET /api/tunnels", s.listTunnels)
	api.HandleFunc("POST /api/tunnels", s.startTunnel)
	api.HandleFunc("GET /api/tunnels/{name}", s.showTunnel)
	api.HandleFunc("DELETE /api/tunnels/{name}", s.stopTunnel)
	api.HandleFunc("GET /api/requests/http", s.listRequests)
	api.HandleFunc("POST /api/requests/http", s.replayRequest)
	api.HandleFunc("DELETE /api/requests/http", s.clearRequests)
	api.HandleFunc("GET /api/requests/http/{id}", s.showRequest)
	api.HandleFunc("GET /api/status", s.showStatus)
	// What the page needs beyond it.
	api.HandleFunc("GET /api/page", s.showPageState)
	api.HandleFunc("GET /api/exchanges", s.listExchanges)
	api.HandleFunc("DELETE /api/exchanges", s.clearExchanges)
	api.HandleFunc("GET /api/exchanges/{id}", s.showExchange)
	api.HandleFunc("GET /api/exchanges/{id}/{side}/content", s.showContent)
	api.HandleFunc("GET /api/exchanges/{id}/{side}/body", s.downloadBody)
	api.HandleFunc("GET /api/exchanges/{id}/{side}/raw", s.downloadRaw)
	api.HandleFunc("GET /api/exchanges/{id}/timeline", s.showTimeline)
	api.HandleFunc("GET /api/exchanges/{id}/curl", s.showCurl)
	api.HandleFunc("GET /api/exchanges/{id}/diff", s.showDiff)
	api.HandleFunc("POST /api/exchanges/{id}/replay", s.replayExchange)
	api.HandleFunc("POST /api/exchanges/{id}/pin", s.pinExchange)
	api.HandleFunc("GET /api/har", s.exportHAR)
	api.HandleFunc("POST /api/har", s.importHAR)
	api.HandleFunc("GET /api/qr.svg", s.showQR)
	page.Handle("/api", jsonErrors(api))
	page.Handle("/api/", jsonErrors(api))
	return s.guard.wrap(page)
}

// jsonErrors answers calls that mux has no handler for in the API's own form, where
// package http would write plain text.
func jsonErrors(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		rec := &statusRecorder{header: http.Header{}}
		mux.ServeHTTP(rec, r)
		if rec.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", rec.header.Get("Allow"))
			writeError(w, rec.status, errCodeRequest, "method not allowed",
				errors.New(r.Method+" is not one of "+rec.header.Get("Allow")))
			return
		}
		writeError(w, http.StatusNotFound, errCodeNotFound, "resource not found",
			errors.New("there is no "+r.URL.Path+" in this API"))
	})
}

// statusRecorder keeps the status of a response and drops the rest.
type statusRecorder struct {
	header http.Header
	status int
}

func (r *statusRecorder) Header() http.Header         { return r.header }
func (r *statusRecorder) WriteHeader(status int)      { r.status = status }
func (r *statusRecorder) Write(p []byte) (int, error) { return len(p), nil }
