//go:build linux

package load

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"ngrok/cmd/internal/chaos/verify"
)

// visitHTTP carries out a stream over an HTTP tunnel, on a connection that is kept for
// the next ones. It reports whether the visitor was told that there is no service.
func (v *visitor) visitHTTP(s *verify.Stream, base string) (refused bool) {
	url := fmt.Sprintf("%s/stream/%d", base, s.ID)
	if s.Kind == WebSocket {
		return v.visitWebSocket(s, url)
	}
	req := &http.Request{Method: "GET", Header: http.Header{}}
	if s.Kind == HTTPPut || s.Kind == HTTPPutCh {
		req.Method, req.ContentLength = "POST", -1
		req.Body = io.NopCloser(s.Source(verify.Up))
		if s.Kind == HTTPPut {
			req.ContentLength = s.Up
		}
	}
	var err error
	if req.URL, err = req.URL.Parse(url); err != nil {
		panic(err)
	}
	resp, err := v.http.RoundTrip(req)
	if err != nil {
		if lostPatience(err) {
			s.Stall("the visitor waited in vain for an answer")
		}
		var dial *net.OpError
		return errors.As(err, &dial) && dial.Op == "dial"
	}
	defer resp.Body.Close()
	if !v.checkHead(s, resp) {
		io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
		return true
	}
	if s.Kind == SSE {
		err = readEvents(s, resp.Body)
	} else {
		err = s.Receive(verify.Down, resp.Body)
	}
	if lostPatience(err) {
		s.Stall("the visitor waited in vain for the rest of an answer")
	}
	return false
}

// checkHead reports whether a response comes from the service, and notes one that is
// somebody else's.
func (v *visitor) checkHead(s *verify.Stream, resp *http.Response) bool {
	if resp == nil {
		return false
	}
	id := resp.Header.Get(streamHeader)
	if id == "" {
		v.load.count(resp.StatusCode)
		return false
	}
	if id != strconv.Itoa(int(s.ID)) {
		v.load.Book.Note(fmt.Sprintf("stream %d (%s) was answered with stream %s", s.ID, s.Kind, id))
	}
	return true
}

// readEvents reads a body of server-sent events.
func readEvents(s *verify.Stream, r io.Reader) error {
	sink := s.Sink(verify.Down)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		p, err := base64.StdEncoding.DecodeString(data)
		if err != nil && len(data) == base64.StdEncoding.EncodedLen(eventBytes) {
			p = []byte(data) // counts as corrupt
		} else if err != nil {
			continue // the last line, cut; the next read says so
		}
		sink.Write(p)
	}
	return sink.End(lines.Err())
}

// dial connects to the public address whatever the name in the URL is.
func (v *visitor) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	nc, err := new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, err
	}
	c := patient{nc.(*net.TCPConn), v.load.Patience}
	return tracked{c, v.load.track(c)}, nil
}

// tracked is a connection that is forgotten when it is closed.
type tracked struct {
	patient
	forget func()
}

func (c tracked) Close() error {
	c.forget()
	return c.patient.Close()
}
