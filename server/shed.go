package server

import (
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"ngrok/conn"
	"ngrok/conn/http1"
	"ngrok/server/limit"
)

const (
	// shedGoodbyes is how many visitors at a time are told why they are sent away when
	// file descriptors run short: each of them keeps one for up to shedTime.
	shedGoodbyes = 64
	shedTime     = time.Second
)

// shed sends a new public connection away if file descriptors run short, so that there
// are some left for the sessions and proxy connections that serve those who are here.
type shed struct {
	descriptors limit.Descriptors
	goodbyes    atomic.Int32
}

// sheds reports whether nc was sent away: an http visitor with a 503, others with a reset.
func (s *Server) sheds(scheme string, nc net.Conn) bool {
	c, ok := nc.(syscall.Conn)
	if !ok || !s.shedding.descriptors.Scarce(c) {
		return false
	}
	s.logger.Debug("visitor turned away: file descriptors run short", "addr", nc.RemoteAddr())
	leg := conn.NewConn(nc)
	if scheme != "http" {
		leg.Reset()
		return true
	}
	fl := s.flows.add(leg)
	if fl == nil {
		leg.Reset()
		return true
	}
	if s.shedding.goodbyes.Add(1) > shedGoodbyes {
		s.shedding.goodbyes.Add(-1)
		s.flows.remove(fl)
		leg.Reset()
		return true
	}
	s.serving.Go(func() {
		defer s.flows.remove(fl)
		defer s.shedding.goodbyes.Add(-1)
		leg.SetWriteDeadline(time.Now().Add(shedTime))
		leg.Write(overloaded().append(nil, &http1.Request{}, true))
		linger(leg, shedTime)
	})
	return true
}

func overloaded() answer {
	return answer{
		status: http.StatusServiceUnavailable,
		title:  "This server has too many visitors",
		hint:   "Try again in a moment.",
		header: "Retry-After: 5\r\n",
	}
}

// linger closes a connection so that its peer can read all it was sent, even if it is
// still sending, for up to d.
func linger(leg *conn.Conn, d time.Duration) {
	defer leg.Close()
	leg.SetWriteDeadline(time.Now().Add(d))
	if leg.CloseWrite() != nil {
		return
	}
	leg.SetReadDeadline(time.Now().Add(d))
	for n := 0; n < lingerBytes; {
		leg.Consume(len(leg.Buffered()))
		if leg.Fill() != nil {
			return
		}
		n += len(leg.Buffered())
	}
}
