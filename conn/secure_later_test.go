package conn

import (
	"crypto/tls"
	"io"
	"testing"

	"ngrok/conn/conntest"
)

// TestSecureServer reads the first bytes of a TLS connection, and makes the handshake
// with them.
func TestSecureServer(t *testing.T) {
	conntest.NoLeak(t)
	cert, roots := conntest.Certificate(t, "localhost")
	a, b := conntest.TCPPair(t)
	done := make(chan error, 1)
	go func() {
		c := tls.Client(a, &tls.Config{RootCAs: roots, ServerName: "localhost"})
		_, err := c.Write([]byte("hello"))
		c.CloseWrite()
		done <- err
	}()
	plain := NewConn(b)
	if err := plain.Fill(); err != nil {
		t.Fatal(err)
	}
	if got := plain.Buffered()[0]; got != 0x16 {
		t.Fatalf("first byte %#x, want that of a handshake", got)
	}
	c := plain.SecureServer(&tls.Config{Certificates: []tls.Certificate{cert}})
	if err := c.TLS().Handshake(); err != nil {
		t.Fatal(err)
	}
	p, err := c.Next()
	if err != nil || string(p[Headroom:]) != "hello" {
		t.Errorf("read %q, %v", p, err)
	}
	if _, err := c.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	c.Close()
}
