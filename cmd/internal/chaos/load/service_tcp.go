//go:build linux

package load

import (
	"errors"
	"io"
	"net"
	"sync"

	"ngrok/cmd/internal/chaos/verify"
)

// serveTCP is the private service of a TCP tunnel. It returns when the listener is
// closed and all its connections have ended.
func (e *End) serveTCP(l net.Listener) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		wg.Go(func() { e.tcpStream(patient{nc.(*net.TCPConn), e.load.Patience}) })
	}
}

func (e *End) tcpStream(c patient) {
	defer e.track(c)()
	defer c.Close()
	id, err := readPreamble(c)
	if errors.Is(err, errPreamble) {
		e.load.Book.Note("a service was sent a damaged preamble")
	}
	if err != nil {
		c.abort()
		return
	}
	s := e.load.Book.Find(id, e.site)
	if s == nil {
		c.abort()
		return
	}
	s.Begin()
	defer s.Done()
	switch s.Kind {
	case TCPShort: // the question's length is known, no end is awaited
		if err = question(s, c); err == nil {
			err = sendAndEnd(s, verify.Down, c)
		}
	case TCPAsk:
		if err = s.Receive(verify.Up, c); err == nil {
			err = sendAndEnd(s, verify.Down, c)
		}
	case TCPTell:
		if err = sendAndEnd(s, verify.Down, c); err == nil {
			err = s.Receive(verify.Up, c)
		}
	default:
		err = bothWays(s, c, verify.Down, verify.Up)
	}
	if err != nil {
		if lostPatience(err) {
			s.Stall("the service waited in vain")
		}
		c.abort()
	}
}

// question reads as many bytes as the question has.
func question(s *verify.Stream, r io.Reader) error {
	sink := s.Sink(verify.Up)
	_, err := io.CopyN(sink, r, s.Up)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // it knows that more was to come
	}
	return sink.End(err)
}

// sendAndEnd sends a direction and ends it.
func sendAndEnd(s *verify.Stream, d verify.Direction, c patient) error {
	if err := s.Send(d, c); err != nil {
		if errors.Is(err, verify.ErrAborted) {
			c.abort()
		}
		return err
	}
	return c.CloseWrite()
}

// bothWays sends and receives at the same time.
func bothWays(s *verify.Stream, c patient, send, receive verify.Direction) error {
	var sent error
	var wg sync.WaitGroup
	wg.Go(func() { sent = sendAndEnd(s, send, c) })
	sink := s.Sink(receive)
	_, received := io.Copy(struct{ io.Writer }{sink}, struct{ io.Reader }{c})
	if received != nil {
		c.abort() // wakes the sender
	}
	wg.Wait()
	if received == nil && sink.Received() < s.Size(receive) {
		// The kernel tells of a reset once only: a writer that was told leaves the
		// reader a clean end. Between the two, this program has seen the cut.
		received = sent
	}
	return errors.Join(sink.End(received), sent)
}
