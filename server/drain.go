package server

import (
	"bytes"
	"context"
	"errors"
	"time"

	"ngrok/conn"
)

// hangUpTime is how long visitors' connections may take to end that are idle at the
// end of the grace period.
const hangUpTime = time.Second

// ErrHandOver is the cause to end the context of [Server.Serve] with when another
// process goes on in place of this one, on the same listeners. Visitors are then served
// to the end of their next response and told to connect anew; clients are told so at
// once.
var ErrHandOver = errors.New("another process goes on")

// handOver writes down who has which name, for the last time, and lets the other
// process begin. From here on no tunnel is granted.
func (s *Server) handOver() {
	s.handed.Store(true)
	s.registry.memory.seal()
	if s.config.HandOver != nil {
		s.config.HandOver()
	}
}

// sendAway tells c's client that the server is about to end. One that would not
// understand goes on until the flows have ended, unless another process waits for it.
func (s *Server) sendAway(c *control) {
	if !c.drain() && s.handed.Load() {
		c.cancel(errShuttingDown)
	}
}

// drain waits for the public connections to end by themselves.
func (s *Server) drain(hurry context.Context) {
	gentle := s.handed.Load()
	gone := s.flows.drain(gentle)
	if s.config.Grace < 0 {
		return
	}
	var hurried <-chan struct{}
	if hurry != nil {
		hurried = hurry.Done()
	}
	grace := time.NewTimer(s.config.Grace)
	defer grace.Stop()
	select {
	case <-gone:
		return
	case <-grace.C:
		s.logger.Warn("connections are cut: the grace period is over")
	case <-hurried:
		s.logger.Warn("connections are cut: told to hurry")
	}
	if gentle {
		s.flows.drain(false)
		select {
		case <-gone:
		case <-time.After(hangUpTime):
		}
	}
}

// lastWord is what a response gets that is the last one on its connection.
var lastWord = []byte("Connection: close\r\n")

// atLastResponse reports whether what comes next is the beginning of the last response
// that the visitor gets, before it is followed.
func (f *flight) atLastResponse() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last && !f.partial && f.unanswered == 1
}

// announceEnd returns p, padded, with the announcement that the connection ends behind
// this response, if p begins with its head.
func (f *flight) announceEnd(p []byte) []byte {
	const version = "HTTP/1.1 "
	head := p[conn.Headroom:]
	line := bytes.Index(head, []byte("\r\n")) + 2
	if line <= len(version)+2 || !bytes.HasPrefix(head, []byte(version)) || head[len(version)] == '1' {
		return p
	}
	at := conn.Headroom + line
	q := make([]byte, 0, len(p)+len(lastWord))
	q = append(q, p[:at]...)
	q = append(q, lastWord...)
	return append(q, p[at:]...)
}
