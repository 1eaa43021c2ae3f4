package conn

import (
	"errors"
	"io"
	"runtime"
	"testing"

	"ngrok/conn/conntest"
)

// TestResetToldToWrite has a write be told of the peer's reset. The kernel tells it once:
// the read that comes after must still not take it for a regular end.
func TestResetToldToWrite(t *testing.T) {
	if !canWaitReadable {
		t.Skip("the platform can't tell")
	}
	conntest.NoLeak(t)
	peer, nc := conntest.TCPPair(t)
	c := NewConn(nc)
	defer c.Close()
	peer.SetLinger(0)
	peer.Close()
	conntest.Eventually(t, "a write fails", func() bool {
		_, err := c.Write([]byte("x"))
		return err != nil
	})
	if err := c.Fill(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("Fill returned %v, want an error that is no end", err)
	}
}

// TestResetToldToSocket is the same where something else than our write was told.
func TestResetToldToSocket(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the platform can't tell")
	}
	conntest.NoLeak(t)
	peer, nc := conntest.TCPPair(t)
	c := NewConn(nc)
	defer c.Close()
	peer.SetLinger(0)
	peer.Close()
	conntest.Eventually(t, "a write fails", func() bool {
		_, err := nc.Write([]byte("x"))
		return err != nil
	})
	if err := c.Fill(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("Fill returned %v, want an error that is no end", err)
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
