package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"ngrok/client/inspect"
)

// maxReplayRuns bounds the calls to replay under way; each may be of many requests.
const maxReplayRuns = 16

// replayCall asks for a request to be sent again.
type replayCall struct {
	ID     inspect.ID  `json:"-"`
	Edit   *replayEdit `json:"edit"`   // null sends the same bytes
	Count  int         `json:"count"`  // 0 means once
	Tunnel string      `json:"tunnel"` // name in the API; empty means the one it came through
}

// replayEdit is an inspect.Edit in JSON. A null body leaves it as it was.
type replayEdit struct {
	Method string          `json:"method"`
	Target string          `json:"target"`
	Header []inspect.Field `json:"header"`
	Body   []byte          `json:"body"` // base64
}

// replayExchange answers once the first of the replays is under way.
func (s *Server) replayExchange(w http.ResponseWriter, r *http.Request) {
	call := replayCall{ID: inspect.ID(r.PathValue("id"))}
	if !readJSON(w, r, &call) {
		return
	}
	if id := s.replay(w, call); id != nil {
		writeJSON(w, http.StatusAccepted, map[string]inspect.ID{"id": *id})
	}
}

// replay starts to send a request again and returns the id of the (first) new exchange.
// It returns nil and answers the request when nothing can be sent. What was started goes
// on without the caller, until Serve ends.
func (s *Server) replay(w http.ResponseWriter, call replayCall) *inspect.ID {
	options, err := s.replayOptions(call)
	if err != nil {
		writeStoreError(w, "the request cannot be replayed", err)
		return nil
	}
	select {
	case s.replays <- struct{}{}:
	default:
		writeError(w, http.StatusTooManyRequests, errCodeReplay, "too many replays at once",
			fmt.Errorf("%d replays are under way; wait for one to end", maxReplayRuns))
		return nil
	}
	started := make(chan inspect.ID, 1)
	options.Started = func(id inspect.ID) {
		select {
		case started <- id:
		default: // one is enough
		}
	}
	failed := make(chan error, 1)
	s.work.Go(func() {
		defer func() { <-s.replays }()
		_, err := s.store.Replay(s.ctx, options)
		failed <- err
	})
	select {
	case id := <-started:
		return &id
	case err = <-failed:
	}
	select {
	case id := <-started: // it began and ended before anybody looked
		return &id
	default:
	}
	if err == nil {
		err = errors.New("nothing was sent")
	}
	writeStoreError(w, "the request cannot be replayed", err)
	return nil
}

func (s *Server) replayOptions(call replayCall) (o inspect.ReplayOptions, err error) {
	e, err := s.store.Exchange(call.ID)
	if err != nil {
		return o, err
	}
	o = inspect.ReplayOptions{ID: call.ID, Count: call.Count}
	if call.Edit != nil {
		o.Edit = &inspect.Edit{
			Method: call.Edit.Method,
			Target: call.Edit.Target,
			Header: uncover(call.Edit.Header, e),
			Body:   call.Edit.Body,
		}
	}
	if call.Tunnel == "" {
		return o, nil
	}
	t, ok := s.tunnelByName(call.Tunnel)
	if !ok || t.Protocol == "tcp" {
		return o, fmt.Errorf("no http tunnel named %s is open", call.Tunnel)
	}
	o.Addr, o.Tunnel, o.PublicURL = t.LocalAddr, t.Name, t.PublicURL
	return o, nil
}

// uncover puts the secrets back into an edited header whose covered values were left
// as they were: the page need not know a secret to send it again.
func uncover(edited []inspect.Field, e *inspect.Exchange) []inspect.Field {
	covered := e.Masked().Request.Header
	used := make([]bool, len(covered))
	for i, f := range edited {
		for j, c := range covered {
			plain := e.Request.Header[j].Value
			if !used[j] && c.Value != plain && c.Value == f.Value && strings.EqualFold(c.Name, f.Name) {
				edited[i].Value, used[j] = plain, true
				break
			}
		}
	}
	return edited
}
