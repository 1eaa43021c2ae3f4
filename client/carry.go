package client

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"ngrok/conn"
	"ngrok/msg"
)

// privateDialTimeout is how long the private service may take to accept a connection.
const privateDialTimeout = 10 * time.Second

// carry joins a visitor's stream with the private service until both directions have
// ended. strict is that of newEditedLeg.
func (c *Client) carry(ctx context.Context, start *msg.StartProxy, stream *conn.Stream, strict bool) {
	tunnel, g, ok := c.findSoon(ctx, start.Url)
	if !ok {
		c.turnAway(stream, start, closedTunnel(start.Url), nil)
		return
	}
	counts := []*flowMetrics{g.metrics, c.metrics.total}
	began := time.Now()
	for _, m := range counts {
		m.open.Inc(1)
	}
	c.changed()
	defer func() {
		for _, m := range counts {
			m.open.Dec(1)
			m.conns.UpdateSince(began)
		}
		c.changed()
	}()

	info := ConnInfo{
		Tunnel:      tunnel.Name,
		PublicURL:   g.url,
		Protocol:    g.protocol,
		LocalAddr:   tunnel.Local[g.protocol],
		VisitorAddr: start.ClientAddr,
	}
	if c.logger.Enabled(ctx, slog.LevelDebug) { // no cost otherwise
		c.logger.Debug("visitor connected", "url", g.url, "visitor", info.VisitorAddr, "addr", info.LocalAddr)
	}
	private, err := dialPrivate(ctx, info.LocalAddr)
	if err != nil {
		c.logger.Warn("cannot reach the private service", "addr", info.LocalAddr, "url", g.url, "err", err)
		c.turnAway(stream, start, unreachable(info, err), c.openTap(info, tunnel))
		return
	}
	leg := conn.NewConn(private)
	stop := context.AfterFunc(ctx, leg.Reset)
	defer stop()
	if !isWeb(g.protocol) && tunnel.ProxyProto != 0 {
		// When it fails, so does all that follows.
		writeProxyHeader(leg, tunnel.ProxyProto, start.ClientAddr, g.url)
	}
	var edit editing
	if isWeb(g.protocol) && g.heads != nil {
		edit = func(tap ConnTap) conn.Leg { return newEditedLeg(leg, g.heads, start, strict, tap) }
	}
	c.join(leg, edit, stream, info, tunnel, counts)
	leg.Close()
}

// editing makes the private service's leg one that changes heads. tap, if not nil, is to be
// offered the requests as the service gets them.
type editing func(tap ConnTap) conn.Leg

// join copies between the private service and the stream, and shows a tap what passes.
// A nil edit leaves it as it is.
func (c *Client) join(leg *conn.Conn, edit editing, stream *conn.Stream, info ConnInfo, tunnel Tunnel, counts []*flowMetrics) {
	tap := c.openTap(info, tunnel)
	j := &conn.Join{Outer: leg, Stream: stream, CloseFollows: true}
	offer := tap != nil // requests, as the service gets them
	if edit != nil {
		j.Outer, offer = edit(tap), false
	}
	if offer {
		j.Receiving = tap.Deliver
	}
	j.Received = func(p []byte) {
		for _, m := range counts {
			m.in.Inc(int64(len(p)))
		}
		if offer {
			tap.Request(p)
		}
	}
	j.Sent = func(p []byte) {
		for _, m := range counts {
			m.out.Inc(int64(len(p)))
		}
		if tap != nil {
			tap.Response(p)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		err := j.ToStream()
		if tap != nil {
			tap.ResponseEnd(err)
		}
	})
	err := j.FromStream()
	if tap != nil {
		tap.RequestEnd(err)
	}
	wg.Wait()
	if tap != nil {
		tap.Close()
	}
}

// dialPrivate connects to the private service. A name that has several addresses
// (localhost) is tried with all of them.
func dialPrivate(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, privateDialTimeout)
	defer cancel()
	return conn.DialPrivate(ctx, addr)
}

// turnAway ends a visitor's connection that reaches no private service: with a page
// over http, with an abort over tcp.
//
// A tap sees what the service missed, and the page.
func (c *Client) turnAway(stream *conn.Stream, start *msg.StartProxy, page errorPage, tap ConnTap) {
	stream.SetReadDeadline(time.Now().Add(privateDialTimeout))
	if isHTTP(start.Url) {
		// The request tells what kind of page can be shown.
		if err := stream.Fill(); err == nil {
			request := stream.Buffered()
			answer := page.response(request)
			if tap != nil {
				tap.Deliver()
			}
			stream.Write(answer)
			if tap != nil {
				tap.Request(request)
				tap.Response(answer)
			}
		}
		stream.CloseWrite()
	} else {
		stream.Reset()
	}
	stream.Discard()
	if tap != nil {
		tap.RequestEnd(errNotDelivered)
		tap.ResponseEnd(nil)
		tap.Close()
	}
}

// errNotDelivered is how a request ends that reached nobody.
var errNotDelivered = errors.New("the private service could not be reached")

// openTap returns what observes a visitor's connection, nil when nobody does.
func (c *Client) openTap(info ConnInfo, tunnel Tunnel) ConnTap {
	if c.config.Tap == nil || !isWeb(info.Protocol) || tunnel.NoInspect {
		return nil
	}
	return c.config.Tap.Open(info)
}

// isTimeout reports whether err is one of waiting too long.
func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}
