package web

import (
	"errors"
	"net/http"
	"strings"

	"ngrok/client/inspect"
)

// exportHAR returns exchanges as a HAR file: those of ids, those that match filter, or
// all. Secrets are covered unless reveal=1.
func (s *Server) exportHAR(w http.ResponseWriter, r *http.Request) {
	filter, ok := readFilter(w, r)
	if !ok {
		return
	}
	var ids []inspect.ID
	if v := r.FormValue("ids"); v != "" {
		for id := range strings.SplitSeq(v, ",") {
			ids = append(ids, inspect.ID(id))
		}
	} else if filter != nil {
		ids = []inspect.ID{}
		for _, row := range s.store.List(inspect.ListOptions{Limit: maxRequests, Filter: filter}).Rows {
			ids = append(ids, row.ID)
		}
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="ngrok.har"`)
	err := s.store.WriteHAR(w, ids, inspect.HAROptions{Version: s.version, Reveal: revealed(r)})
	if err != nil {
		s.log.Debug("a HAR file was not written in full", "err", err)
		panic(http.ErrAbortHandler) // a file that was cut must not look complete
	}
}

// importHAR adds the exchanges of a HAR file.
func (s *Server) importHAR(w http.ResponseWriter, r *http.Request) {
	ids, err := s.store.ImportHAR(http.MaxBytesReader(w, r.Body, inspect.MaxHAR+1))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		writeError(w, http.StatusRequestEntityTooLarge, errCodeRequest, "the HAR file is too large", err)
		return
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, errCodeRequest, "the HAR file cannot be read", err)
		return
	}
	if ids == nil {
		ids = []inspect.ID{}
	}
	writeJSON(w, http.StatusOK, map[string][]inspect.ID{"ids": ids})
}
