package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"ngrok/client/trust"
	"ngrok/conn"
	"ngrok/msg"
)

const (
	// idleAfter is for how long idle proxy connections of a session that was lost may
	// still be used, by a server that has not noticed yet.
	idleAfter = 30 * time.Second

	// farewell is how long the server may take to close idle proxy connections when
	// the client ends: closed from this side, one might just have been given a visitor.
	farewell = time.Second

	// controlWrite is how long the server may take to read what it is sent.
	controlWrite = 10 * time.Second

	// proxyDials is how many proxy connections are opened at the same time.
	proxyDials = 64

	// askAgain is when a tunnel that was refused during a reconnect is asked for again.
	askAgain = 10 * time.Second
)

// session is one connection to the server: one goroutine reads it, another one sends
// pings; messages are written by whoever has one.
type session struct {
	client  *Client
	link    *conn.Link
	logger  *slog.Logger
	id      string // a secret
	reuse   bool   // proxy connections may serve several visitors
	closes  bool   // the server understands CloseTunnel
	drains  bool   // the server may send Drain
	ctx     context.Context
	cancel  context.CancelCauseFunc
	ending  context.Context // of the client
	running context.Context // outlives the session while the connections it carries end
	dials   chan struct{}   // limits concurrent dials of proxy connections

	opening atomic.Int64 // proxy connections under way

	// enforces says that the server enforces msg.TunnelOptions, and has read each
	// request that it passes on.
	enforces bool

	writing sync.Mutex

	mu       sync.Mutex
	pending  map[string]*pendingTunnel // by ReqId
	links    map[*conn.Link]struct{}   // proxy connections
	idle     map[*conn.Link]struct{}   // those between two visitors
	ended    bool
	until    time.Time     // when idle ones end, once ended is set
	drained  chan struct{} // closed when the server wants another session to be opened
	draining bool          // drained is closed
	pong     time.Time     // until when the server must answer; zero while nothing is owed
}

// pendingTunnel is a ReqTunnel that has not been answered for all its protocols.
type pendingTunnel struct {
	record *tunnelRecord
	left   int // answers to come
	got    []grant
	done   chan error // one slot
}

// runSession makes a session and serves it until it ends.
func (c *Client) runSession(ctx, running context.Context) error {
	if c.State().Status != Connecting {
		c.setStatus(Reconnecting, time.Time{}, nil)
	}
	link, err := c.reach(ctx)
	if err != nil {
		return trust.Explain(err, c.config.ServerAddr)
	}
	s, err := c.authenticate(ctx, running, link)
	if err != nil {
		link.Reset()
		// A server may refuse a handshake that is over on this side (TLS 1.3).
		return trust.Explain(err, c.config.ServerAddr)
	}
	ended := make(chan error, 1)
	c.sessions.Go(func() { ended <- s.run() })
	select {
	case err := <-ended:
		return err
	case <-s.drained:
		return errDrained // it goes on for the connections that it carries
	}
}

// errDrained is the reason to open another session beside one that goes on.
var errDrained = errors.New("the server is about to restart")

// run serves the session until it ends, and gives back what it holds.
func (s *session) run() error {
	c := s.client
	s.logger.Info("client session established", "obj", "tunnels.session", "server", c.config.ServerAddr)
	c.setSession(s)
	var others sync.WaitGroup
	others.Go(s.keepAlive)
	others.Go(func() {
		if err := s.askAll(); err != nil {
			s.cancel(err)
		}
	})
	stop := context.AfterFunc(s.ctx, func() { s.link.SetReadDeadline(time.Unix(1, 0)) })
	err := s.read()
	stop()
	if cause := context.Cause(s.ctx); cause != nil {
		err = cause
	}
	s.cancel(err)
	c.endSession(s)
	if c.stopping() {
		s.goodbye()
	}
	s.end(err)
	others.Wait()
	s.link.Close()
	return err
}

// read acts on the server's messages until the session ends.
func (s *session) read() error {
	for {
		m, err := s.link.ReadMessage(msg.MaxAfterAuth)
		var unknown *msg.UnknownTypeError
		if errors.As(err, &unknown) {
			s.logger.Debug("ignoring a message of unknown type", "type", unknown.Type)
			continue
		}
		if err != nil {
			return fmt.Errorf("the session was cut: %w", err)
		}
		switch m := m.(type) {
		case *msg.ReqProxy:
			if !s.isDraining() { // it could not be reached any more
				s.openProxy(order{until: time.Now().Add(proxyTime)})
			}
		case *msg.NewTunnel:
			s.answered(m)
		case *msg.Ping:
			s.send(&msg.Pong{})
		case *msg.Pong:
			s.ponged()
		case *msg.CloseTunnel:
			s.client.lost(m)
		case *msg.Drain:
			s.drain()
		}
	}
}

// send writes a message; when that fails the session ends.
func (s *session) send(m msg.Message) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.link.SetWriteDeadline(time.Now().Add(controlWrite))
	if err := s.link.WriteMessages(m); err != nil {
		s.cancel(fmt.Errorf("write to the server: %w", err))
	}
}

// end tells those who wait for tunnels, and limits the time of idle proxy connections.
func (s *session) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.until = time.Now().Add(idleAfter)
	if s.client.stopping() {
		s.until = time.Now().Add(farewell)
	}
	for id, p := range s.pending {
		p.done <- err
		delete(s.pending, id)
	}
	for link := range s.idle {
		link.SetReadDeadline(s.until)
	}
}

func (c *Client) setSession(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = s
}
