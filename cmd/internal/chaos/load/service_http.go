//go:build linux

package load

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ngrok/cmd/internal/chaos/verify"
)

const (
	// streamHeader names the stream in requests' paths and responses' heads.
	streamHeader = "X-Stream"

	// eventBytes of content are in one server-sent event, and eventPause is between
	// two of them.
	eventBytes = 48
	eventPause = 20 * time.Millisecond
)

// serveHTTP is the private service of an HTTP tunnel.
func (e *End) serveHTTP(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(strings.TrimPrefix(r.URL.Path, "/stream/"), 10, 32)
	if r.URL.Path == "/probe" {
		io.WriteString(w, "here")
		return
	}
	if err != nil {
		e.load.Book.Note(fmt.Sprintf("site %d was sent the path %.80q", e.site, r.URL.Path))
		http.Error(w, "no stream", http.StatusBadRequest)
		return
	}
	s := e.load.Book.Find(uint32(id), e.site)
	if s == nil {
		panic(http.ErrAbortHandler) // nobody reads the answer any more
	}
	s.Begin()
	defer s.Done()
	w.Header().Set(streamHeader, strconv.Itoa(int(s.ID)))
	switch s.Kind {
	case WebSocket:
		e.webSocket(s, w, r)
		return
	case HTTPClose:
		untilClose(s, w, e.load.Patience)
		return
	case HTTPPut, HTTPPutCh:
		if err := s.Receive(verify.Up, r.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	if err := answer(s, w); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// answer sends the body as the kind wants it framed.
func answer(s *verify.Stream, w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/octet-stream")
	switch s.Kind {
	case HTTPChunks:
		return s.Send(verify.Down, flushing{w})
	case SSE:
		w.Header().Set("Content-Type", "text/event-stream")
		return events(s, flushing{w})
	}
	w.Header().Set("Content-Length", strconv.FormatInt(s.Down, 10))
	return s.Send(verify.Down, w)
}

// flushing makes a chunk of each write.
type flushing struct{ http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	if err == nil {
		err = http.NewResponseController(f.ResponseWriter).Flush()
	}
	return n, err
}

func events(s *verify.Stream, w io.Writer) error {
	src := s.Source(verify.Down)
	p := make([]byte, eventBytes)
	for {
		n, err := io.ReadFull(src, p)
		if n > 0 {
			if _, err := fmt.Fprintf(w, "data: %s\n\n", base64.StdEncoding.EncodeToString(p[:n])); err != nil {
				return err
			}
			time.Sleep(eventPause)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// untilClose answers in the way of HTTP/1.0: the end of the connection is the end of the
// body, and only a reset says that it was cut.
func untilClose(s *verify.Stream, w http.ResponseWriter, limit time.Duration) {
	nc, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	c := patient{nc.(*net.TCPConn), limit}
	defer c.Close()
	fmt.Fprintf(c, "HTTP/1.0 200 OK\r\n%s: %d\r\nContent-Type: application/octet-stream\r\n\r\n", streamHeader, s.ID)
	if err := s.Send(verify.Down, c); err != nil {
		c.abort()
		return
	}
	// A close with unread bytes would be a reset.
	c.CloseWrite()
	io.Copy(io.Discard, c)
}
