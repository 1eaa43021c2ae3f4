package web

import (
	"net/http"
	"time"
)

// stallPiece is how much is written under one deadline, in bytes: little enough that
// a slow link takes it in time.
const stallPiece = 64 << 10

// stallWriter drops peers that stop reading: each piece of a response has to leave
// within limit.
type stallWriter struct {
	http.ResponseWriter
	ctl   *http.ResponseController
	limit time.Duration
}

func newStallWriter(w http.ResponseWriter, limit time.Duration) *stallWriter {
	return &stallWriter{w, http.NewResponseController(w), limit}
}

// Unwrap lets http.ResponseController reach the connection.
func (w *stallWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write writes p in pieces, each within its own deadline.
func (w *stallWriter) Write(p []byte) (n int, err error) {
	for {
		piece := p[:min(len(p), stallPiece)]
		// An error here means a connection without deadlines (a test's recorder).
		_ = w.ctl.SetWriteDeadline(time.Now().Add(w.limit))
		k, err := w.ResponseWriter.Write(piece)
		n += k
		if p = p[k:]; err != nil || len(p) == 0 {
			return n, err
		}
	}
}
