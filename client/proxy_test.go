package client

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"ngrok/conn"
	"ngrok/conn/conntest"
	"ngrok/msg"
)

// orderer is a server that has asked for one proxy connection, once; the client's dials
// are taken by turns.
type orderer struct {
	t      *testing.T
	listen net.Listener
	tls    *tls.Config
}

func newOrderer(t *testing.T) *orderer {
	t.Helper()
	cert, roots := conntest.Certificate(t, "127.0.0.1")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	o := &orderer{t: t, listen: l, tls: &tls.Config{Certificates: []tls.Certificate{cert}}}
	c, err := New(Config{ServerAddr: l.Addr().String(), TLS: &tls.Config{RootCAs: roots}})
	if err != nil {
		t.Fatal(err)
	}
	s := &session{client: c, logger: c.logger, id: "me", reuse: true, dials: make(chan struct{}, proxyDials),
		links: make(map[*conn.Link]struct{}), idle: make(map[*conn.Link]struct{}), drained: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(t.Context())
	s.running, s.ending = s.ctx, s.ctx
	t.Cleanup(func() { s.cancel(context.Canceled); c.proxies.Wait() })
	s.openProxy(order{until: time.Now().Add(time.Hour)})
	return o
}

// next takes the client's next dial.
func (o *orderer) next() *net.TCPConn {
	o.t.Helper()
	o.listen.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second))
	nc, err := o.listen.Accept()
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { nc.Close() })
	return nc.(*net.TCPConn)
}

// none sees that the client dials no more.
func (o *orderer) none() {
	o.t.Helper()
	o.listen.(*net.TCPListener).SetDeadline(time.Now().Add(5 * proxyPauseMin))
	if nc, err := o.listen.Accept(); err == nil {
		nc.Close()
		o.t.Error("the client dials once more")
	}
}

// registered shakes hands and reads RegProxy.
func (o *orderer) registered(nc *net.TCPConn) *tls.Conn {
	o.t.Helper()
	c := tls.Server(nc, o.tls)
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if m, err := msg.Read(c, msg.MaxAfterAuth); err != nil {
		o.t.Fatal(err)
	} else if reg, ok := m.(*msg.RegProxy); !ok || reg.ClientId != "me" {
		o.t.Fatalf("%T", m)
	}
	return c
}

func abort(nc *net.TCPConn) { nc.SetLinger(0); nc.Close() }

// What the server has asked for once comes, whatever is cut on the way.
func TestProxyConnectionIsOpenedAnew(t *testing.T) {
	t.Parallel()
	o := newOrderer(t)
	abort(o.next()) // at the handshake
	nc := o.next()
	o.registered(nc)
	abort(nc) // as if RegProxy had not been read
	nc = o.next()
	o.registered(nc)
	nc.Close() // no reset, nor an orderly end of TLS
	o.registered(o.next())
	o.none()
}

// What the server closes it does not want.
func TestClosedProxyConnectionIsNotOpenedAnew(t *testing.T) {
	t.Parallel()
	o := newOrderer(t)
	o.registered(o.next()).Close()
	o.none()
}

// Of a connection that has had a visitor the server knows.
func TestUsedProxyConnectionIsNotOpenedAnew(t *testing.T) {
	t.Parallel()
	o := newOrderer(t)
	nc := o.next()
	c := o.registered(nc)
	if err := msg.Write(c, &msg.StartProxy{Url: "tcp://nobody.example:1", ClientAddr: "192.0.2.1:1", Reuse: true}); err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, 4)
	if _, err := io.ReadFull(c, frame); err != nil || frame[0] != 2 {
		t.Fatalf("the visitor is not reset: %v %v", frame, err)
	}
	if _, err := c.Write([]byte{1, 0, 0, 0}); err != nil { // END: it is idle again
		t.Fatal(err)
	}
	nc.Close()
	o.none()
}

// The tries end when the server does not wait any more.
func TestProxyTriesEnd(t *testing.T) {
	t.Parallel()
	s := &session{drained: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(t.Context())
	o := order{until: time.Now().Add(3 * proxyPauseMin)}
	for n := 1; s.await(&o); n++ {
		if n > 4 { // at once, then after ½–1, 1–2, 2–4 pauses
			t.Fatal("it goes on")
		}
	}
	s.cancel(context.Canceled)
	if o := (order{until: time.Now().Add(time.Hour), pause: time.Hour / 2}); s.await(&o) {
		t.Error("it goes on after the session's end")
	}
}
