package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"ngrok/client/inspect"
)

// Limits of the page's websockets.
const (
	maxTabs      = 256
	maxTabRows   = 10_000                // what a new tab is given
	rowsAtOnce   = 250                   // rows in one message, some 100 KB
	rowPause     = 50 * time.Millisecond // between two rounds of changes: the page draws no faster
	statePause   = time.Second           // between two states: metrics change with all traffic
	maxFromTab   = 1024                  // bytes; a tab has nothing to say
	closeTimeout = time.Second
)

// tabChanges tells a tab what happened in the store.
type tabChanges struct {
	Type string `json:"type"` // "changes"
	// Seq is what to come back with; 0 in all but the last message of a round.
	Seq     uint64            `json:"seq"`
	Reset   bool              `json:"reset,omitempty"` // forget all rows first
	Rows    []inspect.Summary `json:"rows,omitempty"`
	Removed []inspect.ID      `json:"removed,omitempty"`
}

type tabState struct {
	Type  string    `json:"type"` // "state"
	State pageState `json:"state"`
}

// serveSocket keeps one tab of the page up to date. A tab that comes back names the
// sequence number it has seen with since.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	select {
	case s.tabs <- struct{}{}:
	default:
		http.Error(w, "503 too many pages are open", http.StatusServiceUnavailable)
		return
	}
	s.work.Add(1) // before the connection stops to be counted
	defer s.work.Done()
	defer func() { <-s.tabs }()
	since, _ := strconv.ParseUint(r.FormValue("since"), 10, 64)

	upgrader := websocket.Upgrader{HandshakeTimeout: stallTimeout, CheckOrigin: sameOrigin}
	// The upgrader needs the connection, which the stall writer does not give away.
	conn, err := upgrader.Upgrade(w.(*stallWriter).ResponseWriter, r, nil)
	if err != nil {
		return // it has answered
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer cancel()
		discard(conn, s.guard.stall)
	}()
	t := tab{conn: conn, server: s, since: since}
	t.run(ctx)
	conn.Close()
	<-read
}

// discard answers pings and takes pongs until the tab is gone: one that stopped to read
// sends no more pongs.
func discard(conn *websocket.Conn, stall time.Duration) {
	conn.SetReadLimit(maxFromTab)
	alive := func(string) error { return conn.SetReadDeadline(time.Now().Add(pingEvery(stall) + stall)) }
	conn.SetPongHandler(alive)
	_ = alive("")
	for {
		if _, _, err := conn.NextReader(); err != nil {
			return
		}
	}
}

// tab is one open page.
type tab struct {
	conn   *websocket.Conn
	server *Server
	since  uint64
}

// run writes until ctx ends or the tab does not read what it is sent.
func (t *tab) run(ctx context.Context) {
	rows, stopRows := t.server.store.Subscribe()
	defer stopRows()
	state, stopState := t.server.client.Subscribe()
	defer stopState()
	stall := t.server.guard.stall
	ping := time.NewTicker(pingEvery(stall))
	defer ping.Stop()
	// Each pause holds back one kind of news for a while after it was told.
	rowTimer, stateTimer := time.NewTimer(0), time.NewTimer(0)
	defer rowTimer.Stop()
	defer stateTimer.Stop()
	var rowsReady, stateReady <-chan struct{}
	for {
		var err error
		select {
		case <-ctx.Done():
			_ = t.conn.WriteControl(websocket.CloseMessage,
				websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(closeTimeout))
			return
		case <-ping.C:
			err = t.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(stall))
		case <-rowTimer.C:
			err = t.sendChanges()
			rowsReady = rows
		case <-rowsReady:
			rowsReady = nil
			rowTimer.Reset(rowPause)
			if stateReady != nil { // what the store holds is a part of the state
				stateReady = nil
				stateTimer.Reset(statePause)
			}
		case <-stateTimer.C:
			err = t.send(tabState{"state", t.server.pageState()})
			stateReady = state
		case <-stateReady:
			stateReady = nil
			stateTimer.Reset(statePause)
		}
		if err != nil {
			return
		}
	}
}

// sendChanges tells the tab what happened since it was last told.
func (t *tab) sendChanges() error {
	c := t.server.store.Changes(t.since, maxTabRows)
	t.since = c.Seq
	m := tabChanges{Type: "changes", Reset: c.Reset, Removed: c.Removed}
	for rows := c.Changed; ; {
		n := min(len(rows), rowsAtOnce)
		m.Rows, rows = rows[:n], rows[n:]
		if len(rows) == 0 {
			m.Seq = c.Seq
		}
		if err := t.send(m); err != nil || len(rows) == 0 {
			return err
		}
		m.Reset, m.Removed = false, nil
	}
}

// pingEvery is how often a tab is asked for a sign of life.
func pingEvery(stall time.Duration) time.Duration { return stall / 2 }

// send writes one message, which the tab has to take within guard.stall.
func (t *tab) send(v any) error {
	p, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := t.conn.SetWriteDeadline(time.Now().Add(t.server.guard.stall)); err != nil {
		return err
	}
	return t.conn.WriteMessage(websocket.TextMessage, p)
}
