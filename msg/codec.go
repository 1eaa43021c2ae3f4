package msg

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// MaxBeforeAuth and MaxAfterAuth limit the payload of a message, in bytes, that
	// a peer may send before and after it has proven who it is.
	MaxBeforeAuth = 64 << 10
	MaxAfterAuth  = 1 << 20

	lengthBytes = 8
	minPayload  = len("{}") // less than that is no JSON object
)

// ErrLength is returned by Read for a length that is out of range. Nothing of the
// payload has been read then, and the connection is of no further use.
var ErrLength = errors.New("message length out of range")

// ErrHTTP is returned by Read in place of ErrLength when the peer speaks HTTP.
var ErrHTTP = errors.New("what answers there speaks HTTP and not the tunnel's protocol")

// UnknownTypeError is returned by Read for a well-formed message of a type that
// this version does not know. The connection is still in step: a reader may go on.
type UnknownTypeError struct{ Type string }

func (e *UnknownTypeError) Error() string {
	const most = 64 // of what a peer says, so that logs stay readable
	return fmt.Sprintf("unknown message type %q", e.Type[:min(len(e.Type), most)])
}

type envelope struct {
	Type    string
	Payload json.RawMessage
}

// Read reads exactly one message and never a byte beyond it. A payload above
// limit bytes is refused with ErrLength before anything is allocated for it. It
// returns io.EOF when r ends before the first byte, and io.ErrUnexpectedEOF when
// it ends within a message.
func Read(r io.Reader, limit int) (Message, error) {
	var head [lengthBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	if string(head[:5]) == "HTTP/" {
		return nil, ErrHTTP
	}
	n := int64(binary.LittleEndian.Uint64(head[:]))
	if n < int64(minPayload) || n > int64(limit) {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrLength, n, limit)
	}
	payload, err := readGrowing(r, int(n))
	if err != nil {
		return nil, err
	}
	return decode(payload)
}

// Append appends the encoded message, length and payload, to b. A connection must
// be given the result in one Write: plain version-2 peers read a payload with a
// single read call, so that a message in two TLS records breaks them.
func Append(b []byte, m Message) ([]byte, error) {
	if s, ok := m.(*StartProxy); ok {
		if b, ok := appendStartProxy(b, s); ok {
			return b, nil
		}
	}
	fields, err := json.Marshal(m)
	if err != nil {
		return b, fmt.Errorf("encode %s: %w", m.typeName(), err)
	}
	start := len(b)
	b = append(b, make([]byte, lengthBytes)...)
	b = append(b, `{"Type":"`...)
	b = append(b, m.typeName()...)
	b = append(b, `","Payload":`...)
	b = append(b, fields...)
	b = append(b, '}')
	binary.LittleEndian.PutUint64(b[start:], uint64(len(b)-start-lengthBytes))
	return b, nil
}

// Write writes one message with a single call of w.Write.
func Write(w io.Writer, m Message) error {
	b, err := Append(nil, m)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// readGrowing reads n bytes and lets the buffer grow with what has arrived, so that
// a peer that announces much and sends little costs little.
func readGrowing(r io.Reader, n int) ([]byte, error) {
	const step = 4 << 10
	b := make([]byte, 0, min(n, step))
	for len(b) < n {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(n, 2*cap(b))), b...)
		}
		m, err := io.ReadFull(r, b[len(b):min(n, cap(b))])
		b = b[:len(b)+m]
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return b, nil
}

func decode(payload []byte) (Message, error) {
	if m := decodeStartProxy(payload); m != nil {
		return m, nil
	}
	var e envelope
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, fmt.Errorf("decode message: %w", err)
	}
	m := newMessage(e.Type)
	if m == nil {
		return nil, &UnknownTypeError{Type: e.Type}
	}
	if len(e.Payload) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(e.Payload, m); err != nil {
		return nil, fmt.Errorf("decode %s: %w", e.Type, err)
	}
	return m, nil
}
