// Package sample is a small private service to try tunnels with: a page that shows the
// request as it arrived, and endpoints for the kinds of traffic that a tunnel carries.
package sample

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

//go:embed page.html
var files embed.FS

// maxBytes bounds what /bytes sends: enough for any disk's patience.
const maxBytes = 100 << 30

// Serve answers requests until ctx ends, then closes what is open and returns. It
// closes the listener.
func Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		// Websockets and event streams end with it too.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		server.Close()
	})
	err := server.Serve(listener)
	if !stop() {
		<-done
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Handler returns the service:
//
//	/             a page that shows the request
//	/echo         the body as it comes, with its type
//	/sse          an event a second
//	/ws           a websocket that sends messages back
//	/bytes?n=N    N bytes, the same for the same N; with sha256=1 their checksum
//	/status/CODE  an answer with that status
func Handler() http.Handler {
	page := template.Must(template.ParseFS(files, "page.html"))
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { show(page, w, r) })
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/sse", events)
	mux.HandleFunc("/ws", socket)
	mux.HandleFunc("/bytes", numbered)
	mux.HandleFunc("/status/{code}", status)
	return mux
}

func show(page *template.Template, w http.ResponseWriter, r *http.Request) {
	// A request that carries more than a screen can show is no reason to hold it all.
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	dump, err := httputil.DumpRequest(r, true)
	if err != nil {
		http.Error(w, "the request could not be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "This is the sample service behind the tunnel. Your request, as it arrived here from %s:\n\n%s\n", r.RemoteAddr, dump)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; form-action 'self'")
	// Only the visitor's going away can fail here.
	_ = page.Execute(w, struct{ Host, Remote, Request string }{r.Host, r.RemoteAddr, string(dump)})
}

func echo(w http.ResponseWriter, r *http.Request) {
	kind := r.Header.Get("Content-Type")
	if kind == "" {
		kind = "application/octet-stream"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// The answer begins before the request has ended.
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex()
	buffer := make([]byte, 32<<10)
	for {
		n, err := r.Body.Read(buffer)
		if _, writeErr := w.Write(buffer[:n]); writeErr != nil || control.Flush() != nil || err != nil {
			return
		}
	}
}

func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for i := 1; ; i++ {
		if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", i, time.Now().Format(time.TimeOnly)); err != nil || control.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-ticks.C:
		}
	}
}

func socket(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	defer conn.Close()
	defer context.AfterFunc(r.Context(), func() { conn.Close() })()
	conn.SetReadLimit(16 << 20)
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil || conn.WriteMessage(kind, message) != nil {
			return
		}
	}
}

func numbered(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(r.FormValue("n"), 10, 64)
	if err != nil || n < 0 || n > maxBytes {
		http.Error(w, fmt.Sprintf("say how many bytes: /bytes?n=1000 (at most %d)", int64(maxBytes)), http.StatusBadRequest)
		return
	}
	body := io.LimitReader(&pattern{}, n)
	if r.FormValue("sha256") != "" {
		hash := sha256.New()
		if _, err := io.Copy(hash, body); err == nil {
			fmt.Fprintln(w, hex.EncodeToString(hash.Sum(nil)))
		}
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	_, _ = io.Copy(w, body) // fails when the visitor goes away
}

// pattern reads as lines that are numbered by their place, so that bytes that got
// lost, doubled or mixed up show.
type pattern struct {
	line [lineLength]byte // the present one
	next int64            // number of the one after it
	left []byte           // what is still to be read of line
}

const lineLength = 16

func (p *pattern) Read(b []byte) (int, error) {
	for i := 0; i < len(b); {
		if len(p.left) == 0 {
			p.advance()
		}
		n := copy(b[i:], p.left)
		p.left = p.left[n:]
		i += n
	}
	return len(b), nil
}

// advance writes the next number into the line, by hand because a tunnel is faster
// than fmt.
func (p *pattern) advance() {
	p.line[lineLength-1] = '\n'
	n := p.next
	for i := lineLength - 2; i >= 0; i-- {
		p.line[i] = byte('0' + n%10)
		n /= 10
	}
	p.next++
	p.left = p.line[:]
}

func status(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.PathValue("code"))
	if err != nil || code < 200 || code > 599 {
		http.Error(w, "say which: /status/200 to /status/599", http.StatusBadRequest)
		return
	}
	w.WriteHeader(code)
	if code != http.StatusNoContent && code != http.StatusNotModified {
		fmt.Fprintf(w, "%d %s\n", code, http.StatusText(code))
	}
}
