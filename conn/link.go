package conn

import "ngrok/msg"

// Link is a proxy connection between a server and a client: it carries messages
// while it is idle and, after StartProxy, one public connection as a [Stream]. A link
// whose stream was started for reuse is idle again when the stream is over.
type Link struct {
	*Conn
}

// NewLink makes a link of a TLS connection whose handshake is done.
func NewLink(c *Conn) *Link { return &Link{Conn: c} }

// ReadMessage reads the next message, of at most limit bytes. It must not be called
// while a stream is in use.
func (l *Link) ReadMessage(limit int) (msg.Message, error) {
	m, err := msg.Read((*linkReader)(l), limit)
	if l.in.len() == 0 {
		l.in.release()
	}
	return m, err
}

// WriteMessages sends messages, each in a TLS record of its own, in one write. It must
// not be called while a stream is in use.
func (l *Link) WriteMessages(ms ...msg.Message) error {
	wire := l.secure.wire
	wire.cork()
	var err error
	for _, m := range ms {
		if err = msg.Write(l.secure, m); err != nil {
			break
		}
	}
	if flushed := wire.flush(); err == nil {
		err = flushed
	}
	return err
}

// Start sends m, and with it the first bytes of the visitor, on the stream that
// carries the visitor's connection. When it fails, untouched says that not a single
// byte has left this machine: only then may the visitor be given another link.
func (s *Stream) Start(m *msg.StartProxy, first []byte) (untouched bool, err error) {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	wire := s.link.secure.wire
	before := wire.written()
	err = s.start(m, first)
	return err != nil && wire.written() == before, err
}

func (s *Stream) start(m *msg.StartProxy, first []byte) error {
	out := outBuffers.Get().(*[]byte)
	defer outBuffers.Put(out)
	b, err := msg.Append((*out)[:0], m)
	if err != nil {
		return err
	}
	if !s.reuse {
		// A plain version-2 peer wants the message in a record of its own.
		s.link.secure.wire.cork()
		_, err := s.link.Write(b)
		if err == nil && len(first) > 0 {
			_, err = s.link.Write(first)
		}
		if flushed := s.link.secure.wire.flush(); err == nil {
			err = flushed
		}
		return err
	}
	for len(first) > 0 {
		n := min(len(first), MaxChunk)
		at := len(b)
		b = append(b, make([]byte, frameHeader)...)
		putFrameHeader(b[at:], frameData, n)
		b = append(b, first[:n]...)
		first = first[n:]
	}
	_, err = s.link.Write(b)
	return err
}

// linkReader reads what the link has buffered first.
type linkReader Link

func (r *linkReader) Read(p []byte) (int, error) {
	for r.in.len() == 0 {
		if err := r.Fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.in.bytes())
	r.in.r += n
	return n, nil
}
