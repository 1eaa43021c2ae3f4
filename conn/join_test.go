package conn

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"ngrok/conn/conntest"
	"ngrok/msg"
)

// linkPair returns the server's and the client's end of a proxy connection.
func linkPair(t testing.TB) (server, client *Link) {
	t.Helper()
	cert, roots := conntest.Certificate(t, "localhost")
	a, b := conntest.TCPPair(t)
	s := ServerTLS(a, &tls.Config{Certificates: []tls.Certificate{cert}})
	c := ClientTLS(b, &tls.Config{RootCAs: roots, ServerName: "localhost"})
	failed := make(chan error, 1)
	go func() { failed <- s.TLS().Handshake() }()
	if err := c.TLS().Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	return NewLink(s), NewLink(c)
}

// tunnel is a visitor and a private service with a proxy connection between them.
type tunnel struct {
	visitor, service *net.TCPConn
	serverLink       *Link
	clientLink       *Link
	server, client   *Join
	over             chan struct{}
	wait             sync.WaitGroup
}

// open carries one public connection over the links, as server and client do.
func open(t testing.TB, s, c *Link, reuse bool) *tunnel {
	t.Helper()
	visitor, public := conntest.TCPPair(t)
	private, service := conntest.TCPPair(t)
	tun := &tunnel{visitor: visitor, service: service, serverLink: s, clientLink: c, over: make(chan struct{})}
	stream := s.NewStream(reuse, func() { close(tun.over) })
	if _, err := stream.Start(&msg.StartProxy{Url: "tcp://x:1", ClientAddr: "a:1", Reuse: reuse}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadMessage(msg.MaxAfterAuth); err != nil {
		t.Fatal(err)
	}
	tun.server = &Join{Outer: NewConn(public), Stream: stream}
	tun.client = &Join{Outer: NewConn(private), Stream: c.NewStream(reuse, nil)}
	for _, j := range []*Join{tun.server, tun.client} {
		for _, run := range []func() error{j.ToStream, j.FromStream} {
			tun.wait.Go(func() { run() })
		}
	}
	return tun
}

// finish waits for all copying to end.
func (tun *tunnel) finish(t testing.TB) {
	t.Helper()
	done := make(chan struct{})
	go func() { tun.wait.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		t.Fatal("copying does not end")
	}
	tun.server.Outer.(*Conn).Close()
	tun.client.Outer.(*Conn).Close()
}

func forBothModes(t *testing.T, f func(t *testing.T, reuse bool)) {
	t.Run("plain", func(t *testing.T) { f(t, false) })
	t.Run("reuse", func(t *testing.T) { f(t, true) })
}

func TestJoinCarriesBothDirections(t *testing.T) {
	forBothModes(t, func(t *testing.T, reuse bool) {
		conntest.NoLeak(t)
		s, c := linkPair(t)
		tun := open(t, s, c, reuse)
		const size = 5 << 20
		up, down := random(size), random(size)
		var wg sync.WaitGroup
		wg.Go(func() { tun.visitor.Write(up); tun.visitor.CloseWrite() })
		wg.Go(func() { tun.service.Write(down); tun.service.CloseWrite() })
		wg.Go(func() {
			if got, err := io.ReadAll(tun.service); err != nil || sha256.Sum256(got) != sha256.Sum256(up) {
				t.Errorf("service read %d bytes, %v; want what the visitor wrote", len(got), err)
			}
		})
		if got, err := io.ReadAll(tun.visitor); err != nil || sha256.Sum256(got) != sha256.Sum256(down) {
			t.Errorf("visitor read %d bytes, %v; want what the service wrote", len(got), err)
		}
		wg.Wait()
		tun.finish(t)
		if reuse {
			<-tun.over
		}
	})
}

func TestHalfClosePasses(t *testing.T) {
	forBothModes(t, func(t *testing.T, reuse bool) {
		conntest.NoLeak(t)
		s, c := linkPair(t)
		tun := open(t, s, c, reuse)
		tun.visitor.Write([]byte("question"))
		tun.visitor.CloseWrite()
		if got, err := io.ReadAll(tun.service); string(got) != "question" || err != nil {
			t.Fatalf("service read %q, %v", got, err)
		}
		tun.service.Write([]byte("answer"))
		tun.service.CloseWrite()
		if got, err := io.ReadAll(tun.visitor); string(got) != "answer" || err != nil {
			t.Fatalf("visitor read %q, %v", got, err)
		}
		tun.finish(t)
	})
}

func TestResetPasses(t *testing.T) {
	ends := map[string]func(*tunnel) (aborts, sees *net.TCPConn){
		"from the visitor": func(tun *tunnel) (*net.TCPConn, *net.TCPConn) { return tun.visitor, tun.service },
		"from the service": func(tun *tunnel) (*net.TCPConn, *net.TCPConn) { return tun.service, tun.visitor },
	}
	for name, ends := range ends {
		t.Run(name, func(t *testing.T) {
			forBothModes(t, func(t *testing.T, reuse bool) {
				conntest.NoLeak(t)
				s, c := linkPair(t)
				tun := open(t, s, c, reuse)
				aborts, sees := ends(tun)
				aborts.Write([]byte("half a mess"))
				if _, err := io.ReadFull(sees, make([]byte, 11)); err != nil {
					t.Fatal(err)
				}
				aborts.SetLinger(0)
				aborts.Close()
				if n, err := sees.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
					t.Errorf("read %d, %v after a reset; want an error that is no end", n, err)
				}
				tun.finish(t)
				if reuse {
					<-tun.over
				}
			})
		})
	}
}

func TestLinkCutIsNoEnd(t *testing.T) {
	forBothModes(t, func(t *testing.T, reuse bool) {
		conntest.NoLeak(t)
		s, c := linkPair(t)
		tun := open(t, s, c, reuse)
		c.socket.Close() // FIN without close_notify: the client was killed
		for name, end := range map[string]*net.TCPConn{"visitor": tun.visitor, "service": tun.service} {
			if _, err := end.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("%s: read error %v, want one that is no end", name, err)
			}
		}
		tun.finish(t)
	})
}

// TestReuseKeepsConnectionsApart sends many short connections of distinct content over
// one link, some of them aborted somewhere, and looks for bytes of another one.
func TestReuseKeepsConnectionsApart(t *testing.T) {
	conntest.NoLeak(t)
	s, c := linkPair(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		tun := open(t, s, c, true)
		mark := bytes.Repeat([]byte{byte(i), byte(i >> 8), 0xaa}, 1+rng.IntN(60_000))
		abort := rng.IntN(4)
		var wg sync.WaitGroup
		for _, end := range []*net.TCPConn{tun.visitor, tun.service} {
			wg.Go(func() {
				end.Write(mark)
				end.CloseWrite()
			})
			wg.Go(func() {
				got, err := io.ReadAll(end)
				if !bytes.HasPrefix(mark, got) {
					t.Errorf("connection %d: foreign bytes", i)
				}
				if err == nil && abort >= 2 && len(got) != len(mark) {
					t.Errorf("connection %d: silently cut at %d of %d", i, len(got), len(mark))
				}
			})
		}
		if abort < 2 {
			end := []*net.TCPConn{tun.visitor, tun.service}[abort]
			end.SetLinger(0)
			end.Close()
		}
		wg.Wait()
		tun.finish(t)
		select {
		case <-tun.over:
		case <-time.After(60 * time.Second):
			t.Fatalf("connection %d: the link is not idle again", i)
		}
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}
