package server

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"syscall"
	"testing"

	"ngrok/conn"
	"ngrok/conn/conntest"
	"ngrok/msg"
)

// failingConn is one whose writes, from some moment on, wait and then fail with nothing
// written.
type failingConn struct {
	net.Conn
	failing atomic.Bool
	wait    chan struct{}
}

func (c *failingConn) Write(p []byte) (int, error) {
	if !c.failing.Load() {
		return c.Conn.Write(p)
	}
	<-c.wait
	return 0, syscall.ECONNRESET
}

// deliveredVisitor tells when the client's bytes begin to be delivered to it.
type deliveredVisitor struct{ delivers chan struct{} }

func (v *deliveredVisitor) fromStream(*use) error { close(v.delivers); return errAbandoned }
func (v *deliveredVisitor) cut()                  {}

// A client answers at the moment in which its connection dies under the start of a
// visitor. Who delivers the answer already must not see the visitor be given another
// connection, whose bytes two would read then.
func TestVisitorIsGivenOneConnection(t *testing.T) {
	conntest.NoLeak(t)
	a, b := conntest.TCPPair(t)
	cert, roots := conntest.Certificate(t, "localhost")
	fc := &failingConn{Conn: a, wait: make(chan struct{})}
	server := conn.ServerTLS(fc, &tls.Config{Certificates: []tls.Certificate{cert}})
	client := tls.Client(b, &tls.Config{RootCAs: roots, ServerName: "localhost"})
	shaken := make(chan error, 1)
	go func() { shaken <- client.Handshake() }()
	if err := server.TLS().Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	p := newPool(true, func(int) {})
	pc := newProxyConn(conn.NewLink(server), p, true)
	if !p.register(pc) {
		t.Fatal("not taken into the pool")
	}
	ran := make(chan struct{})
	go func() { pc.run(); close(ran) }()
	if got, err := p.take(context.Background(), &stay{}); err != nil || got != pc {
		t.Fatalf("took %v, %v", got, err)
	}
	if _, err := client.Write([]byte("\x00\x00\x00\x05stray")); err != nil {
		t.Fatal(err)
	}
	fc.failing.Store(true)
	v := &deliveredVisitor{make(chan struct{})}
	go func() { <-v.delivers; close(fc.wait) }()
	_, again, err := pc.begin(v, &msg.StartProxy{}, nil, func(*conn.Stream) {})
	if err == nil || again {
		t.Errorf("begin: again %v, %v: the visitor has two connections", again, err)
	}
	client.NetConn().Close()
	<-ran
}
