//go:build linux

package faultnet

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// proxied returns both ends of a connection through a proxy.
func proxied(t *testing.T) (p *Proxy, client, server net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if p, err = NewProxy(l.Addr().String(), 1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if client, err = net.Dial("tcp", p.Addr()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return p, client, server
}

func TestProxyPassesBytesAndEnds(t *testing.T) {
	p, client, server := proxied(t)
	p.Set(Conditions{Delay: 20 * time.Millisecond, Loss: 0.5})
	begin := time.Now()
	io.WriteString(client, "hello")
	client.(*net.TCPConn).CloseWrite()
	if b, err := io.ReadAll(server); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
	if took := time.Since(begin); took < 20*time.Millisecond {
		t.Errorf("no delay: %v", took)
	}
	io.WriteString(server, "back")
	server.Close()
	if b, err := io.ReadAll(client); err != nil || string(b) != "back" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestProxySwallowsForAWhile(t *testing.T) {
	p, client, server := proxied(t)
	p.Set(Conditions{Blackhole: true})
	io.WriteString(client, "late")
	server.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := server.Read(make([]byte, 4)); err == nil {
		t.Fatalf("%d bytes passed", n)
	}
	p.Set(Conditions{})
	server.SetReadDeadline(time.Now().Add(60 * time.Second))
	if _, err := io.ReadFull(server, make([]byte, 4)); err != nil {
		t.Error(err)
	}
}

func TestProxyResets(t *testing.T) {
	p, client, server := proxied(t)
	io.WriteString(client, "x")
	if _, err := io.ReadFull(server, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	p.Reset()
	for _, c := range []net.Conn{client, server} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
	}
}
