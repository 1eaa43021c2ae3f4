package e2e

import (
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
)

// What a client sends when it opens a connection, counted in TLS records: the reset comes
// in the place of that one.
const (
	atClientHello = 1
	atRegProxy    = 4 // after ClientHello, change of cipher spec and Finished
)

// saboteur stands between clients and the server and resets connections that are young.
type saboteur struct {
	net.Listener
	to string

	mu     sync.Mutex
	record int // which record of the client is not let through
	left   int // how many connections are still to be reset
	open   []net.Conn
}

func newSaboteur(t testing.TB, to string) *saboteur {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &saboteur{Listener: l, to: to}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.forward(&wg, nc.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() { l.Close(); s.closeAll(); wg.Wait() })
	return s
}

// closeAll ends all connections as a system does for a program that was killed: without
// an orderly end of TLS.
func (s *saboteur) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, nc := range s.open {
		nc.Close()
	}
}

// reset has the next n connections end at that record of the client.
func (s *saboteur) reset(n, record int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left, s.record = n, record
}

// awaits reports whether there are connections still to be reset.
func (s *saboteur) awaits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left > 0
}

// chosen returns the record at which a new connection ends, 0 for none.
func (s *saboteur) chosen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 {
		return 0
	}
	s.left--
	return s.record
}

func (s *saboteur) forward(wg *sync.WaitGroup, in *net.TCPConn) {
	defer in.Close()
	nc, err := net.Dial("tcp", s.to)
	if err != nil {
		return
	}
	out := nc.(*net.TCPConn)
	defer out.Close()
	s.mu.Lock()
	s.open = append(s.open, in, out)
	s.mu.Unlock()
	wg.Go(func() {
		io.Copy(in, out)
		in.CloseWrite()
	})
	end := s.chosen()
	for n := 1; ; n++ {
		record, err := readRecord(in)
		if err != nil {
			out.CloseWrite()
			return
		}
		if n == end {
			in.SetLinger(0)
			out.SetLinger(0)
			return
		}
		if _, err := out.Write(record); err != nil {
			return
		}
	}
}

// readRecord reads one TLS record with its header.
func readRecord(r io.Reader) ([]byte, error) {
	const header = 5
	b := make([]byte, header)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	b = append(b, make([]byte, binary.BigEndian.Uint16(b[3:]))...)
	_, err := io.ReadFull(r, b[header:])
	return b, err
}

// A proxy connection that is reset before the server knows whose it is costs a visitor who
// waits for it a moment, not the time after which the server counts it as lost.
func TestVisitorsAfterEarlyResets(t *testing.T) {
	for name, test := range map[string]struct {
		record int
		plain  bool
	}{
		"at the handshake":               {record: atClientHello},
		"before RegProxy":                {record: atRegProxy},
		"at the handshake, plain client": {record: atClientHello, plain: true},
		"before RegProxy, plain client":  {record: atRegProxy, plain: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			s := newSaboteur(t, w.listen.Tunnel.Addr().String())
			c := w.runClient(func(c *client.Config) {
				c.ServerAddr, c.PlainVersion2 = s.Addr().String(), test.plain
			}, tcpTunnel("mine", echoService(t)))
			var worst []time.Duration // of each round
			for range 5 {
				s.reset(3, test.record)
				// Each visitor stays and so needs a proxy connection to itself. They come
				// until all three resets were met, and then one more.
				var longest time.Duration
				for last := false; !last; {
					last = !s.awaits()
					begin := time.Now()
					visitor := dialTCP(t, c.url("tcp"))
					visitor.SetDeadline(begin.Add(30 * time.Second))
					if _, err := io.WriteString(visitor, "x"); err != nil {
						t.Fatal(err)
					}
					if _, err := visitor.Read(make([]byte, 1)); err != nil {
						t.Fatalf("after %v: %v", time.Since(begin), err)
					}
					longest = max(longest, time.Since(begin))
				}
				worst = append(worst, longest)
			}
			slices.Sort(worst)
			t.Logf("the longest waits of the rounds: %v", worst)
			// The machine may stall once; without the client's help it is 10 s each time.
			if median := worst[len(worst)/2]; median > 5*time.Second {
				t.Errorf("visitors waited for %v", median)
			}
		})
	}
}

// The end of a session is not taken for that of a handshake, which has other reasons.
func TestLostSessionIsToldAsSuch(t *testing.T) {
	w := newWorld(t, nil)
	s := newSaboteur(t, w.listen.Tunnel.Addr().String())
	var log syncBuffer
	w.runClient(func(c *client.Config) {
		c.ServerAddr, c.Logger = s.Addr().String(), slog.New(slog.NewTextHandler(&log, nil))
	}, tcpTunnel("mine", echoService(t)))
	s.closeAll()
	var line string
	conntest.Eventually(t, "the client notices", func() bool {
		_, rest, ok := strings.Cut(log.String(), "session closed")
		line, _, _ = strings.Cut(rest, "\n")
		return ok
	})
	if !strings.Contains(line, "the session was cut") || strings.Contains(line, "handshake") {
		t.Error(line)
	}
}
