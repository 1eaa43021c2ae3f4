package e2e

import (
	"errors"
	"io"
	"net"
	"testing"

	"ngrok/client"
	"ngrok/conn/conntest"
)

// TestAbortWhileBothSend has the service abort a connection on which the visitor sends:
// the visitor must not take what it has read for all there was.
func TestAbortWhileBothSend(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				nc, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					tc := nc.(*net.TCPConn)
					io.CopyN(io.Discard, tc, 32<<10)
					io.WriteString(tc, "the first half")
					tc.SetLinger(0)
					tc.Close()
				}()
			}
		}()
		w := newWorld(t, nil)
		c := w.runClient(edit, tcpTunnel("raw", l.Addr()))
		for i := range 200 {
			visitor := dialTCP(t, c.url("tcp"))
			sent := make(chan error, 1)
			go func() {
				_, err := io.CopyN(visitor, zeros{}, int64(i+4)*(16<<10))
				if err == nil {
					err = visitor.CloseWrite()
				}
				sent <- err
			}()
			_, received := io.Copy(io.Discard, visitor)
			if err := errors.Join(received, <-sent); err == nil {
				t.Fatalf("try %d: the visitor saw a regular end", i)
			}
			visitor.Close()
		}
	})
}
