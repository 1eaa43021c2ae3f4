package conn

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"ngrok/conn/conntest"
)

// A reset must stay a reset for the reader, also when a write was told of it first.
func TestResetThatAWriteWasToldOf(t *testing.T) {
	for _, test := range []struct {
		name string
		end  bool // the peer ends its direction before it aborts
		want error
	}{
		{"cut", false, syscall.ECONNRESET},
		{"ended before", true, io.EOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			nc, peer := conntest.TCPPair(t)
			leg := NewConn(nc)
			defer leg.Close()
			if _, err := peer.Write([]byte("half")); err != nil {
				t.Fatal(err)
			}
			if test.end {
				peer.CloseWrite()
			}
			leg.SetDeadline(time.Now().Add(60 * time.Second))
			if p, err := leg.Next(); err != nil || string(p[Headroom:]) != "half" {
				t.Fatalf("read %q, %v", p, err)
			}
			peer.SetLinger(0)
			peer.Close()
			var err error
			for err == nil {
				_, err = leg.Write([]byte("into the void"))
			}
			if _, err := leg.Next(); !errors.Is(err, test.want) {
				t.Errorf("the reader sees %v, want %v", err, test.want)
			}
		})
	}
}

// TestEndIsNoReset ends a connection in the usual ways, whoever is first.
func TestEndIsNoReset(t *testing.T) {
	conntest.NoLeak(t)
	for range 100 {
		peer, nc := conntest.TCPPair(t)
		c := NewConn(nc)
		ended := make(chan error, 1)
		go func() { ended <- c.Fill() }()
		go peer.CloseWrite()
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != io.EOF {
			t.Fatalf("Fill returned %v, want io.EOF", err)
		}
		c.Close()
	}
}

// A service that aborts has its client tell the server, which then ends the stream soon:
// what is under way until then is no reason to give the proxy connection up.
func TestAbortUnderLoadKeepsTheLink(t *testing.T) {
	s, c := linkPair(t)
	for range 20 {
		tun := open(t, s, c, true)
		go func() {
			p := make([]byte, 64<<10)
			for {
				if _, err := tun.visitor.Write(p); err != nil {
					return
				}
			}
		}()
		if _, err := io.CopyN(io.Discard, tun.service, 4<<20); err != nil {
			t.Fatal(err)
		}
		tun.service.SetLinger(0)
		tun.service.Close()
		select {
		case <-tun.over:
		case <-time.After(60 * time.Second):
			t.Fatal("the stream has not ended: the link was given up")
		}
		tun.finish(t)
		tun.visitor.Close()
	}
}
