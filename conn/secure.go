package conn

import "crypto/tls"

// secure is a TLS connection over a wire.
type secure struct {
	*tls.Conn
	wire    *wire
	pending bool // crypto/tls may hold plaintext that there was no room for
}

// fill waits for plaintext and adds to in all that can be had without waiting again.
// in must have room. Without unread bytes it holds no memory while it waits, nor after.
func (s *secure) fill(in *inbuf) error {
	defer s.wire.releaseEmpty()
	if in.b == nil && !s.pending {
		if err := s.wire.wait(); err != nil {
			return err
		}
	}
	got := 0
	for {
		room := in.room(maxRecordData)
		if len(room) == 0 {
			return nil
		}
		n, err := s.Conn.Read(room)
		in.w += n
		got += n
		if err != nil {
			s.pending = true // that it ended is in crypto/tls now, not on the wire
			if got > 0 {
				return nil // the next call returns the error again
			}
			if in.len() == 0 {
				in.release()
			}
			return err
		}
		if s.pending = n == len(room); !s.pending && !s.wire.recordReady() {
			return nil
		}
	}
}

// Write sends the records of p with one system call; crypto/tls alone makes one each.
func (s *secure) Write(p []byte) (int, error) {
	if len(p) <= maxRecordData {
		return s.Conn.Write(p)
	}
	s.wire.cork()
	n, err := s.Conn.Write(p)
	if flushed := s.wire.flush(); err == nil {
		err = flushed
	}
	return n, err
}
