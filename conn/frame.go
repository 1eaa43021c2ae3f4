package conn

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Frames carry one public connection after another over one proxy connection
// (docs/protocol.md, "Extension: reusable proxy connections"):
//
//	4 bytes   big endian: the top byte is the type, the low 24 bits the payload length
const (
	frameHeader = 4

	frameData  = 0 // payload of 1..maxFrame bytes
	frameEnd   = 1 // the sender will send no more: half-close
	frameReset = 2 // the sender aborts

	maxFrame = 64 << 10 // payload bytes of one DATA frame
)

// ErrProtocol is what a peer's violation of the frame protocol is reported as.
var ErrProtocol = errors.New("proxy connection out of step")

func putFrameHeader(b []byte, kind byte, n int) {
	binary.BigEndian.PutUint32(b, uint32(kind)<<24|uint32(n))
}

// parseFrameHeader checks a header of frameHeader bytes.
func parseFrameHeader(b []byte) (kind byte, n int, err error) {
	v := binary.BigEndian.Uint32(b)
	kind, n = byte(v>>24), int(v&0xffffff)
	switch {
	case kind == frameData && n >= 1 && n <= maxFrame:
	case (kind == frameEnd || kind == frameReset) && n == 0:
	default:
		return 0, 0, fmt.Errorf("%w: frame of type %d with %d bytes", ErrProtocol, kind, n)
	}
	return kind, n, nil
}
