package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"ngrok/conn"
	"ngrok/msg"
	"ngrok/server/auth"
	"ngrok/server/limit"
)

const (
	// controlSilence is how long a client may be silent: plain version-2 clients
	// ping every 20 s.
	controlSilence = 30 * time.Second

	// ownSilence is the same for clients with FeatureDrain, which ping every 10 s: two
	// pings may be lost or late, and a dead path is noticed within 25 s.
	ownSilence = 24 * time.Second

	// silentGrace is for how long connections of a session that has died in silence
	// may go without acknowledgement of what was sent: most likely they are dead too.
	silentGrace = 10 * time.Second

	// controlWrite is how long a client may take to read what it was sent.
	controlWrite = 10 * time.Second

	// controlFarewell is the same for why its session has ended.
	controlFarewell = 2 * time.Second
)

// control is the session of one client: its control connection, its tunnels and its
// pool of proxy connections. One goroutine reads, another one writes while there is
// something to write.
type control struct {
	server   *Server
	link     *conn.Link
	logger   *slog.Logger
	id       sessionID
	owner    string // what names are held under
	holder   string // whose share they are counted in
	identity *auth.Identity
	account  *limit.Account
	closes   bool // the client understands CloseTunnel
	drains   bool // the client understands Drain
	hasty    bool // it was made to wait before it was answered
	pool     *pool
	out      *outbox

	turned rate.Sometimes // says that visitors are turned away

	ctx    context.Context
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	tunnels []*tunnel
	flights map[*flight]struct{} // HTTP visitors on the session's proxy connections
	ended   bool
}

var (
	errReplaced     = errors.New("the client has come back on another connection")
	errShuttingDown = errors.New("the server is shutting down")
)

// unwelcomeError ends a session whose user has no right to it any more.
type unwelcomeError struct{ why error }

func (e *unwelcomeError) Error() string { return e.why.Error() }

// run serves the session until it ends; by then all it held has been given back.
func (c *control) run() error {
	stop := context.AfterFunc(c.ctx, func() { c.link.SetReadDeadline(time.Unix(1, 0)) })
	err := c.read()
	stop()
	if cause := context.Cause(c.ctx); cause != nil {
		err = cause
	}
	c.cancel(err)
	c.link.SetWriteDeadline(time.Now().Add(controlFarewell))
	var unwelcome *unwelcomeError
	revoked := errors.As(err, &unwelcome)
	c.release(!revoked)
	if revoked {
		c.pool.cut()
	}
	if c.out.close() != nil { // it does not read: spare it the farewell
		c.link.Release()
		c.link.Reset()
		return err
	}
	c.link.Close()
	return err
}

// read acts on the client's messages until the session ends.
func (c *control) read() error {
	silence := controlSilence
	if c.drains {
		silence = ownSilence
	}
	c.link.GiveUpAfter(silence)
	for {
		c.link.SetReadDeadline(time.Now().Add(silence))
		if c.ctx.Err() != nil {
			return context.Cause(c.ctx)
		}
		m, err := c.link.ReadMessage(msg.MaxAfterAuth)
		var unknown *msg.UnknownTypeError
		if errors.As(err, &unknown) {
			c.logger.Debug("ignoring a message of unknown type", "type", logText(unknown.Type))
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && c.ctx.Err() == nil {
			c.pool.giveUpAfter(silentGrace)
			return fmt.Errorf("the client has been silent for %v", silence)
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if err := c.handle(m); err != nil {
			return err
		}
	}
}

func (c *control) handle(m msg.Message) error {
	switch m := m.(type) {
	case *msg.Ping:
		return c.out.put(&msg.Pong{})
	case *msg.ReqTunnel:
		if c.server.handed.Load() {
			return nil // the process that goes on will be asked again
		}
		if err := checkTexts(m); err != nil {
			return err
		}
		if err := c.pace(); err != nil {
			return err
		}
		return c.out.put(c.server.openTunnels(c, m)...)
	case *msg.CloseTunnel:
		c.closeTunnel(m.Url)
	case *msg.Pong:
	default:
		c.logger.Debug("ignoring a message out of place", "type", fmt.Sprintf("%T", m))
	}
	return nil
}

// pace waits while the client's user asks for tunnels faster than it may. Nothing is
// refused: what it wants it gets, but not at the others' expense.
func (c *control) pace() error {
	key, tunnels := c.holder, c.server.policies.Current().Tunnels(c.identity.Key)
	if c.server.requests.Allow(key, tunnels) {
		return nil
	}
	if !c.hasty {
		c.hasty = true
		c.logger.Warn("this client's user asks for tunnels too fast; answering more slowly", "who", c.identity.Name)
	}
	if err := c.server.requests.Wait(c.ctx, key, tunnels); err != nil {
		return context.Cause(c.ctx)
	}
	return nil
}

// turnedAway tells that a visitor of url was turned away: once a second, and at Debug
// otherwise, since a visitor may ask again as fast as it can.
func (c *control) turnedAway(level slog.Level, url string, why error) {
	told := false
	c.turned.Do(func() { told = true })
	if !told {
		level = slog.LevelDebug
	}
	c.logger.Log(c.ctx, level, "visitor turned away", "url", url, "why", why)
}

// send writes messages for the outbox.
func (c *control) send(ms []msg.Message) error {
	c.link.SetWriteDeadline(time.Now().Add(controlWrite))
	if c.ctx.Err() != nil {
		c.link.SetWriteDeadline(time.Now().Add(controlFarewell))
	}
	err := c.link.WriteMessages(ms...)
	if err != nil {
		c.cancel(fmt.Errorf("write: %w", err))
	}
	return err
}

// drain asks the client to open another session, or reports false when it would not
// understand that.
func (c *control) drain() bool {
	if !c.drains {
		return false
	}
	if err := c.out.put(&msg.Drain{}); err != nil {
		c.cancel(err)
	}
	return true
}

// askProxies queues n ReqProxys.
func (c *control) askProxies(n int) {
	for range n {
		if err := c.out.put(&msg.ReqProxy{}); err != nil {
			c.cancel(err)
			return
		}
	}
}

// serveProxy runs a proxy connection that the client has opened, until it ends.
func (c *control) serveProxy(link *conn.Link, reuse bool) {
	pc := newProxyConn(link, c.pool, reuse)
	if !c.pool.register(pc) {
		link.Close()
		return
	}
	pc.run()
	c.pool.forget(pc)
}

// addFlight counts f as one of the session's.
func (c *control) addFlight(f *flight) {
	c.mu.Lock()
	ended := c.ended
	if c.flights == nil {
		c.flights = make(map[*flight]struct{})
	}
	c.flights[f] = struct{}{}
	c.mu.Unlock()
	if ended {
		f.retire()
	}
}

func (c *control) removeFlight(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, f)
}

// addTunnel counts t as the session's, or reports false when the session has ended or has
// lost t already.
func (c *control) addTunnel(t *tunnel) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || t.lost {
		return false
	}
	c.tunnels = append(c.tunnels, t)
	return true
}

// closeTunnel gives up the tunnel with that URL.
func (c *control) closeTunnel(url string) {
	c.mu.Lock()
	i := slices.IndexFunc(c.tunnels, func(t *tunnel) bool { return t.url == url })
	var t *tunnel
	if i >= 0 {
		t = c.tunnels[i]
		c.tunnels = slices.Delete(c.tunnels, i, i+1)
	}
	c.mu.Unlock()
	if t != nil {
		c.server.registry.release(t, false)
		c.logger.Info("tunnel closed by its client", "url", url)
	}
}

// lose takes t from the session because a newer one of the same identity wants it.
func (c *control) lose(t *tunnel) {
	c.mu.Lock()
	i := slices.Index(c.tunnels, t)
	if i >= 0 {
		c.tunnels = slices.Delete(c.tunnels, i, i+1)
	}
	t.lost = i < 0
	c.mu.Unlock()
	if i < 0 {
		return // the session has ended, or finds out when it is granted
	}
	c.account.RemoveTunnel()
	c.logger.Info("tunnel taken over by a newer session of the same user", "url", t.url)
	if c.closes {
		why := "another ngrok with the same token has asked for " + t.url + " and has it now"
		if err := c.out.put(&msg.CloseTunnel{Url: t.url, Error: why}); err != nil {
			c.cancel(err)
		}
	}
}

// release gives back what the session holds, once; with expected the client is thought
// to come back for its tunnels. Visitors that are being served keep their proxy
// connections until they are, see [pool.cut]; idle ones are closed.
func (c *control) release(expected bool) {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	c.ended = true
	tunnels := c.tunnels
	c.tunnels = nil
	flights := slices.Collect(maps.Keys(c.flights))
	c.mu.Unlock()
	for _, t := range tunnels {
		c.server.registry.release(t, expected)
	}
	for _, f := range flights {
		f.retire()
	}
	c.pool.close() // after the tunnels, so that its visitors find who they wait for
	c.account.RemoveSession()
	c.account.Close()
}
