package conn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// scripted is a connection that delivers bytes in pieces and swallows what is written.
type scripted struct {
	b    []byte
	step int
}

func (s *scripted) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.b[:min(s.step, len(s.b))])
	s.b = s.b[n:]
	return n, nil
}

func (s *scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (s *scripted) Close() error                     { return nil }
func (s *scripted) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *scripted) SetDeadline(time.Time) error      { return nil }
func (s *scripted) SetReadDeadline(time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }

// wantStream reads one stream off b as docs/protocol.md has it: what it carries, how it
// ends (nil: cut), and what follows.
func wantStream(b []byte) (payload, rest []byte, end error) {
	for len(b) >= frameHeader {
		kind, n := b[0], int(b[1])<<16|int(b[2])<<8|int(b[3])
		b = b[frameHeader:]
		switch {
		case kind == frameEnd && n == 0:
			return payload, b, io.EOF
		case kind == frameReset && n == 0:
			return payload, b, ErrReset
		case kind != frameData || n < 1 || n > maxFrame:
			return payload, nil, ErrProtocol
		}
		n = min(n, len(b))
		payload = append(payload, b[:n]...)
		b = b[n:]
	}
	return payload, nil, nil
}

// FuzzStream reads streams off whatever a peer sends, in pieces of any size.
func FuzzStream(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x05hello\x01\x00\x00\x00\x00\x00\x00\x01x\x02\x00\x00\x00"), 1, false)
	f.Add([]byte("\x00\x00\x00\x05hel"), 100, true)
	f.Add([]byte("\x00\x01\x00\x01x"), 3, false)
	f.Add([]byte("\x01\x00\x00\x01x"), 3, true)
	f.Add(append([]byte("\x00\x01\x00\x00"), bytes.Repeat([]byte("0123456789abcdef"), 4096)...), 4096, false)
	f.Fuzz(func(t *testing.T, b []byte, step int, consume bool) {
		if err := readStreams(bytes.Clone(b), step, consume); err != nil {
			t.Fatal(err)
		}
	})
}

// readStreams reads streams off what a peer sends in pieces of step bytes, and compares
// with a reader that has all of it at hand. consume is to read as one of an HTTP head does.
func readStreams(b []byte, step int, consume bool) error {
	l := NewLink(NewConn(&scripted{b: b, step: max(step, 1)}))
	for rest := b; ; {
		payload, next, end := wantStream(rest)
		over := 0
		s := l.NewStream(true, func() { over++ })
		s.CloseWrite()
		var got []byte
		var err error
		for err == nil {
			if consume {
				if err = s.Fill(); errors.Is(err, ErrFull) {
					err = nil
				}
				n := (len(s.Buffered()) + 1) / 2
				got = append(got, s.Buffered()[:n]...)
				s.Consume(n)
				continue
			}
			var p []byte
			if p, err = s.Next(); err == nil {
				got = append(got, p[Headroom:]...)
			}
		}
		got = append(got, s.Buffered()...)
		s.Release()
		if !bytes.Equal(got, payload) {
			return fmt.Errorf("read %d bytes, want %d", len(got), len(payload))
		}
		if end == nil {
			end = io.ErrUnexpectedEOF
		}
		if !errors.Is(err, end) {
			return fmt.Errorf("ended with %v, want %v", err, end)
		}
		regular := end == io.EOF || end == ErrReset
		if s.Received() != regular || s.Over() != regular || (over == 1) != regular {
			return fmt.Errorf("after %v: received %v, over %v, told %d times", err, s.Received(), s.Over(), over)
		}
		if rest = next; !regular || len(rest) == 0 {
			return nil
		}
	}
}
