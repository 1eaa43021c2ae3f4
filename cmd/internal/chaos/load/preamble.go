//go:build linux

package load

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// preambleSize is how many bytes a visitor of a TCP tunnel sends first.
const preambleSize = 8

var errPreamble = errors.New("no stream's preamble")

// writePreamble tells the service which stream this is.
func writePreamble(w io.Writer, id uint32) error {
	p := make([]byte, 0, preambleSize)
	p = binary.BigEndian.AppendUint32(p, id)
	p = binary.BigEndian.AppendUint32(p, crc32.ChecksumIEEE(p))
	_, err := w.Write(p)
	return err
}

func readPreamble(r io.Reader) (uint32, error) {
	var p [preambleSize]byte
	if _, err := io.ReadFull(r, p[:]); err != nil {
		return 0, err
	}
	if crc32.ChecksumIEEE(p[:4]) != binary.BigEndian.Uint32(p[4:]) {
		return 0, errPreamble
	}
	return binary.BigEndian.Uint32(p[:4]), nil
}
