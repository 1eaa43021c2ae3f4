package web

import (
	"errors"
	"net/http"
	"strconv"

	"ngrok/client/inspect"
)

// exchangeView is an exchange without its bodies, as the page shows it.
type exchangeView struct {
	inspect.Summary
	Query    []inspect.Field `json:"query,omitempty"`
	Request  messageView     `json:"request"`
	Response *messageView    `json:"response"` // null while there is none
	Interim  []messageView   `json:"interim,omitempty"`
	Notes    []string        `json:"notes,omitempty"`
	Items    int             `json:"items"`   // websocket messages or events kept
	Dropped  int             `json:"dropped"` // and those before them that are not
	Secrets  bool            `json:"secrets"` // some values are secrets, whether covered or not
}

type messageView struct {
	StartLine string      `json:"start_line"`
	Proto     string      `json:"proto"`
	Header    []fieldView `json:"header"`
	Trailer   []fieldView `json:"trailer,omitempty"`
	HeadSize  int         `json:"head_size"` // bytes, as all sizes
	RawSize   int         `json:"raw_size"`  // of what was kept, head included
	KeptBody  int         `json:"kept_body"`
	BodySize  int64       `json:"body_size"`
	Size      int64       `json:"size"`
	Truncated bool        `json:"truncated"`
	Complete  bool        `json:"complete"`
}

// fieldView is a header field; the value of a secret one is covered unless revealed.
type fieldView struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Secret bool   `json:"secret,omitempty"`
}

// listExchanges returns rows of the list, newest first; with ids=1 their ids alone,
// for filters that only the store can evaluate.
func (s *Server) listExchanges(w http.ResponseWriter, r *http.Request) {
	filter, ok := readFilter(w, r)
	if !ok {
		return
	}
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	page := s.store.List(inspect.ListOptions{
		Limit:  min(limit, maxRequests),
		Before: inspect.ID(r.FormValue("before")),
		Filter: filter,
	})
	if r.FormValue("ids") != "" {
		ids := make([]inspect.ID, 0, len(page.Rows))
		for i := range page.Rows {
			ids = append(ids, page.Rows[i].ID)
		}
		writeJSON(w, http.StatusOK, map[string]any{"ids": ids, "seq": page.Seq})
		return
	}
	if page.Rows == nil {
		page.Rows = []inspect.Summary{}
	}
	writeJSON(w, http.StatusOK, struct {
		Rows  []inspect.Summary `json:"rows"`
		More  bool              `json:"more"`
		Seq   uint64            `json:"seq"`
		Total int               `json:"total"`
	}{page.Rows, page.More, page.Seq, page.Total})
}

// readFilter reads the filter of a request; it answers the request when that is wrong.
func readFilter(w http.ResponseWriter, r *http.Request) (*inspect.Filter, bool) {
	text := r.FormValue("filter")
	if text == "" {
		return nil, true
	}
	f, err := inspect.ParseFilter(text)
	if err != nil {
		writeError(w, http.StatusBadRequest, errCodeRequest, "invalid filter", err)
		return nil, false
	}
	return f, true
}

func (s *Server) clearExchanges(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, map[string]int{"removed": s.store.Clear(r.FormValue("pinned") != "")})
}

// exchange finds the exchange that a request names, its secrets covered unless the
// request says reveal=1. It answers the request when there is none.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request) (*inspect.Exchange, bool) {
	e, err := s.store.Exchange(inspect.ID(r.PathValue("id")))
	if err != nil {
		writeStoreError(w, "exchange not found", err)
		return nil, false
	}
	if !revealed(r) {
		e = e.Masked()
	}
	return e, true
}

func revealed(r *http.Request) bool { return r.FormValue("reveal") == "1" }

func (s *Server) showExchange(w http.ResponseWriter, r *http.Request) {
	plain, err := s.store.Exchange(inspect.ID(r.PathValue("id")))
	if err != nil {
		writeStoreError(w, "exchange not found", err)
		return
	}
	writeJSON(w, http.StatusOK, exchangeViewOf(plain, revealed(r)))
}

func exchangeViewOf(plain *inspect.Exchange, reveal bool) exchangeView {
	covered := plain.Masked()
	v := exchangeView{
		Summary: plain.Summary,
		Query:   plain.Query(),
		Notes:   plain.Notes,
		Items:   len(plain.Messages) + len(plain.Events),
		Dropped: plain.MessagesDropped + plain.EventsDropped,
	}
	view := func(p, c *inspect.Message) messageView { return messageViewOf(p, c, reveal, &v.Secrets) }
	v.Request = view(&plain.Request, &covered.Request)
	if plain.Response.StartLine != "" {
		m := view(&plain.Response, &covered.Response)
		v.Response = &m
	}
	for i := range plain.Interim {
		v.Interim = append(v.Interim, view(&plain.Interim[i], &covered.Interim[i]))
	}
	return v
}

func messageViewOf(plain, covered *inspect.Message, reveal bool, secrets *bool) messageView {
	fields := func(p, c []inspect.Field) []fieldView {
		out := make([]fieldView, len(p))
		for i, f := range p {
			out[i] = fieldView{f.Name, f.Value, c[i].Value != f.Value}
			if out[i].Secret {
				*secrets = true
				if !reveal {
					out[i].Value = c[i].Value
				}
			}
		}
		return out
	}
	return messageView{
		StartLine: plain.StartLine,
		Proto:     plain.Proto,
		Header:    fields(plain.Header, covered.Header),
		Trailer:   fields(plain.Trailer, covered.Trailer),
		HeadSize:  plain.HeadSize,
		RawSize:   len(plain.Raw),
		KeptBody:  len(plain.Body),
		BodySize:  plain.BodySize,
		Size:      plain.Size,
		Truncated: plain.Truncated,
		Complete:  plain.Complete,
	}
}

// side returns the message that a request names. It answers the request when there is
// none.
func (s *Server) side(w http.ResponseWriter, r *http.Request) (*inspect.Exchange, *inspect.Message, bool) {
	e, ok := s.exchange(w, r)
	if !ok {
		return nil, nil, false
	}
	switch r.PathValue("side") {
	case "request":
		return e, &e.Request, true
	case "response":
		return e, &e.Response, true
	}
	writeError(w, http.StatusNotFound, errCodeNotFound, "resource not found", errors.New("write request or response"))
	return nil, nil, false
}

// showContent returns a body made readable.
func (s *Server) showContent(w http.ResponseWriter, r *http.Request) {
	if _, m, ok := s.side(w, r); ok {
		writeJSON(w, http.StatusOK, m.Content())
	}
}

// downloadBody returns a body without its content encodings, as a file.
func (s *Server) downloadBody(w http.ResponseWriter, r *http.Request) {
	if e, m, ok := s.side(w, r); ok {
		writeFile(w, string(e.ID)+"-"+r.PathValue("side")+"-body.bin", m.Content().Bytes)
	}
}

// downloadRaw returns a message as it passed, as a file.
func (s *Server) downloadRaw(w http.ResponseWriter, r *http.Request) {
	if e, m, ok := s.side(w, r); ok {
		writeFile(w, string(e.ID)+"-"+r.PathValue("side")+".txt", m.Raw)
	}
}

// writeFile writes captured bytes as something that browsers save and never show. The
// name is made here and holds nothing captured.
func writeFile(w http.ResponseWriter, name string, p []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Length", strconv.Itoa(len(p)))
	w.Write(p)
}

// showTimeline returns the websocket messages or events from number from on, counted
// from the first that ever was.
func (s *Server) showTimeline(w http.ResponseWriter, r *http.Request) {
	e, ok := s.exchange(w, r)
	if !ok {
		return
	}
	dropped := e.MessagesDropped + e.EventsDropped
	from, _ := strconv.Atoi(r.FormValue("from"))
	from = max(from, dropped)
	skip := func(n int) int { return min(max(from-dropped, 0), n) }
	writeJSON(w, http.StatusOK, struct {
		From     int                 `json:"from"`
		Messages []inspect.WSMessage `json:"messages,omitempty"`
		Events   []inspect.Event     `json:"events,omitempty"`
	}{from, e.Messages[skip(len(e.Messages)):], e.Events[skip(len(e.Events)):]})
}

// showCurl returns the exchange's request as a shell command.
func (s *Server) showCurl(w http.ResponseWriter, r *http.Request) {
	e, ok := s.exchange(w, r)
	if !ok {
		return
	}
	line, err := e.Curl()
	if err != nil {
		writeStoreError(w, "no curl command can send this request", err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte(line))
}

// showDiff compares the response with that of another exchange, of the origin unless
// with names one.
func (s *Server) showDiff(w http.ResponseWriter, r *http.Request) {
	e, ok := s.exchange(w, r)
	if !ok {
		return
	}
	with := inspect.ID(r.FormValue("with"))
	if with == "" {
		with = e.ReplayOf
	}
	old, err := s.store.Exchange(with)
	if err != nil {
		writeStoreError(w, "there is nothing to compare with", err)
		return
	}
	if !revealed(r) {
		old = old.Masked()
	}
	writeJSON(w, http.StatusOK, inspect.DiffResponses(old, e))
}

// pinExchange sets whether an exchange stays when others have to go.
func (s *Server) pinExchange(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Pinned bool `json:"pinned"`
	}
	if !readJSON(w, r, &req) {
		return
	}
	if err := s.store.Pin(inspect.ID(r.PathValue("id")), req.Pinned); err != nil {
		writeStoreError(w, "the exchange cannot be pinned", err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
