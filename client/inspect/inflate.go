package inspect

import (
	"bytes"
	"compress/flate"
	"io"
)

// inflateWindow is how far back deflate refers, in bytes.
const inflateWindow = 32 << 10

// Bounds of the work for messages that are dropped: their inflated size may be so many
// times their size, beyond a start. Whoever sends more wants to keep us busy.
const (
	maxSkipRatio = 64
	maxSkipStart = 1 << 20
)

// inflater takes permessage-deflate off the messages of one direction, in their order
// (RFC 7692 section 7.2.2). Its copies are independent: a window is never written to.
type inflater struct {
	agreed   bool // the handshake allows compression
	takeover bool // messages refer to those before them
	lost     bool // the window is not known any more
	window   []byte
	in, out  int64 // bytes of messages that were skipped
}

const (
	noteNotAgreed  = "not inflated: the handshake did not agree on compression"
	noteWindowLost = "not inflated: it refers to messages that are not kept in full"
	noteTooLarge   = "only the start is shown: inflated it is too large"
	noteBadDeflate = "not inflated: the compressed data is broken"
	noteCut        = "only the start of it is kept"
)

// next inflates a message to at most limit bytes. The note says what is missing.
func (f *inflater) next(m *wsItem, limit int64) (plain []byte, note string) {
	switch {
	case !f.agreed:
		return nil, noteNotAgreed
	case f.takeover && f.lost:
		return nil, noteWindowLost
	}
	// The sender has cut off the end of a flush, and a last block is wanted here.
	const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	src := io.MultiReader(bytes.NewReader(m.payload), bytes.NewReader([]byte(tail)))
	var window []byte
	if f.takeover {
		window = f.window
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReaderDict(src, window), limit+1))
	switch {
	case int64(len(plain)) > limit:
		plain, note = plain[:limit], noteTooLarge
	case m.truncated():
		note = noteCut
	case err != nil:
		note = noteBadDeflate
	}
	if note != "" {
		f.lose()
		return plain, note
	}
	if f.takeover {
		f.window = nextWindow(f.window, plain)
	}
	return plain, ""
}

// skip moves the window over a message that is no longer kept.
func (f *inflater) skip(m *wsItem) {
	if !f.agreed || !f.takeover || f.lost {
		return
	}
	f.in += m.size
	limit := maxSkipStart + maxSkipRatio*f.in - f.out
	if limit <= 0 {
		f.lose()
		return
	}
	plain, _ := f.next(m, limit)
	f.out += int64(len(plain))
}

func (f *inflater) lose() { f.lost, f.window = true, nil }

func nextWindow(window, plain []byte) []byte {
	if len(plain) >= inflateWindow {
		return bytes.Clone(plain[len(plain)-inflateWindow:])
	}
	keep := window[max(0, len(window)+len(plain)-inflateWindow):]
	return append(bytes.Clone(keep), plain...)
}
