package server

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	metrics "github.com/rcrowley/go-metrics"

	"ngrok/server/auth"
)

// report is what one log line tells of the metrics.
type report map[string]json.RawMessage

// reports returns the reports among the JSON lines of a log.
func reports(t *testing.T, log []byte) (all []report) {
	t.Helper()
	for line := range bytes.Lines(log) {
		var record struct {
			Level, Msg string
			Report     report
		}
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if record.Msg != "metrics" || record.Level != "INFO" {
			t.Fatalf("unexpected line %s", line)
		}
		all = append(all, record.Report)
	}
	return all
}

// The metrics are logged every 30 seconds in which something has changed, and they say
// how much there was, not whose it was.
func TestMetricsReport(t *testing.T) {
	metrics.NewMeter().Stop() // starts the goroutine of all meters, outside the bubble
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		m := newMetrics()
		defer m.stop()
		s := &Server{
			logger:   slog.New(slog.NewJSONHandler(&log, nil)),
			registry: newRegistry(newMemory("", slog.New(slog.DiscardHandler)), 0, 0),
			policies: auth.NewPolicies(nil),
			metrics:  m,
			controls: make(map[sessionID]*control),
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.look(ctx); close(ended) }()
		defer func() { cancel(); <-ended }()

		pass := func(want int) []report {
			t.Helper()
			time.Sleep(reportEvery + time.Millisecond)
			synctest.Wait()
			got := reports(t, log.Bytes())
			if len(got) != want {
				t.Fatalf("%d reports, want %d:\n%s", len(got), want, log.String())
			}
			return got
		}
		pass(0) // nobody came
		m.tunnelOpened("http")
		done := m.visit("http")
		m.bytes["http"].in.Inc(1000)
		time.Sleep(2 * time.Second)
		done()
		first := pass(1)[0]
		pass(1) // nothing has changed
		m.visit("tcp")
		second := pass(2)[1]

		for key, want := range map[string]string{
			"http.tunnels": "1", "http.bytes.in": "1000", "http.bytes.out": "0", "http.connections.open": "0", "sessions.open": "0",
			"http.connections": `{"count":1,"mean":2,"p50":2,"p95":2,"p99":2}`, "tcp.connections.open": "0",
		} {
			if got := string(first[key]); got != want {
				t.Errorf("%s is %s, want %s", key, got, want)
			}
		}
		if got := string(second["tcp.connections.open"]); got != "1" {
			t.Errorf("%s tcp connections are open, want 1", got)
		}
		name := regexp.MustCompile(`^(sessions\.open|(http|https|tls|tcp)\.(tunnels|connections|connections\.open|bytes\.in|bytes\.out))$`)
		for key := range first {
			if !name.MatchString(key) {
				t.Errorf("%q is no name of a metric of all", key)
			}
		}
	})
}
