package conn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

const (
	recordHeader  = 5        // bytes before each TLS record: type, version, length
	maxRecordData = 16 << 10 // plaintext bytes that one TLS record holds at the most
	outSize       = 72 << 10 // a full frame in its TLS records
)

var outBuffers = sync.Pool{New: func() any { b := make([]byte, 0, outSize); return &b }}

// errCut is what an end without close_notify is reported as: TCP's own end can be
// forged or come from a crash. (crypto/tls would take it for a regular one.)
var errCut = fmt.Errorf("connection cut within TLS: %w", io.ErrUnexpectedEOF)

// wire stands between TCP and crypto/tls. Without it, crypto/tls reads and writes
// one record a system call and holds its buffers while it waits. wire reads what
// there is at once, knows where records end, and sends the records of one large
// write together.
//
// Reading (Read, wait, recordReady) is for one goroutine at a time; Write, cork and
// flush may be called while another reads.
type wire struct {
	*socket
	in   inbuf // ciphertext
	left int   // bytes to the end of the record that Read is in, 0 between records

	mu     sync.Mutex // guards what follows
	corked *[]byte    // collects records until flush; nil when not corked
	sent   int64      // bytes that the socket has accepted
}

func newWire(nc net.Conn) *wire {
	return &wire{socket: newSocket(nc)}
}

// Read never returns bytes of two records, so that crypto/tls keeps nothing that
// recordReady should know of.
func (w *wire) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	need := 1
	if w.left == 0 {
		need = recordHeader
	}
	for w.in.len() < need {
		if err := w.fill(); err != nil {
			if errors.Is(err, errCut) && w.in.len() > 0 {
				break // hand out the rest; the next Read says how it ended
			}
			return 0, err
		}
	}
	if w.left == 0 {
		w.left = recordSize(w.in.bytes())
	}
	n := copy(p[:min(len(p), w.left)], w.in.bytes())
	w.in.r += n
	w.left -= n
	return n, nil
}

// wait blocks until bytes have arrived, and holds no memory meanwhile.
func (w *wire) wait() error {
	if w.in.len() > 0 {
		return nil
	}
	return w.fill()
}

// recordReady reports whether the next record has arrived whole, so that crypto/tls
// can read it without waiting.
func (w *wire) recordReady() bool {
	return w.left == 0 && w.in.len() >= recordHeader && w.in.len() >= recordSize(w.in.bytes())
}

// releaseEmpty gives the buffer back once all of it was read. Thousands of connections
// that are aborted at once would otherwise hold theirs until each has had its turn.
func (w *wire) releaseEmpty() {
	if w.in.len() == 0 {
		w.in.release()
	}
}

func (w *wire) fill() error {
	w.releaseEmpty()
	err := w.readInto(&w.in, bufferSize)
	if errors.Is(err, io.EOF) {
		return errCut
	}
	return err
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.corked != nil {
		*w.corked = append(*w.corked, p...)
		return len(p), nil
	}
	n, err := w.socket.Write(p)
	w.sent += int64(n)
	return n, err
}

// written returns how many bytes the socket has accepted.
func (w *wire) written() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent
}

// cork holds written records back until flush.
func (w *wire) cork() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.corked == nil {
		w.corked = outBuffers.Get().(*[]byte)
	}
}

// flush sends what was held back, in one write.
func (w *wire) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.corked
	if out == nil {
		return nil
	}
	w.corked = nil
	n, err := w.socket.Write(*out)
	w.sent += int64(n)
	if cap(*out) == outSize {
		*out = (*out)[:0]
		outBuffers.Put(out)
	}
	return err
}

// recordSize returns the size of the TLS record that b begins with, its header
// included. Of bytes that are no TLS record it returns a number that does no harm:
// crypto/tls refuses them.
func recordSize(b []byte) int {
	if len(b) < recordHeader {
		return len(b)
	}
	return recordHeader + int(b[3])<<8 + int(b[4])
}
