package conn

import "sync"

const (
	// Headroom is how many bytes of scratch space stand before the data that
	// [Leg.Next] returns, so that a frame header can be put there without a copy.
	Headroom = frameHeader

	// MaxChunk is the most that one read of a leg takes, in bytes. As a DATA frame
	// under TLS it leaves in one write that fills one loopback segment of 64 KiB.
	MaxChunk = 65391

	// BufferSize is what a leg holds while bytes are under way.
	BufferSize = bufferSize

	// bufferSize holds one HTTP head of 64 KiB, or a full frame with its header.
	bufferSize = 64<<10 + 64
)

// buffers are shared by all connections of the process: a connection holds one
// only while bytes are under way.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// inbuf is a window of unread bytes b[r:w]. The zero value holds no memory.
// r never falls below Headroom while there is memory.
type inbuf struct {
	b    *[bufferSize]byte
	r, w int
}

func (in *inbuf) len() int      { return in.w - in.r }
func (in *inbuf) bytes() []byte { return in.b[in.r:in.w] }

// take makes sure that there is memory.
func (in *inbuf) take() {
	if in.b == nil {
		in.b = buffers.Get().(*[bufferSize]byte)
		in.r, in.w = Headroom, Headroom
	}
}

// release gives the memory back, with all that is unread in it.
func (in *inbuf) release() {
	if in.b != nil {
		buffers.Put(in.b)
		*in = inbuf{}
	}
}

// room returns the free space behind the unread bytes, after moving them to the
// front when there is less than want. It is empty when the window fills the buffer.
func (in *inbuf) room(want int) []byte {
	in.take()
	if in.r == in.w {
		in.r, in.w = Headroom, Headroom
	} else if bufferSize-in.w < want && in.r > Headroom {
		in.w = Headroom + copy(in.b[Headroom:], in.bytes())
		in.r = Headroom
	}
	return in.b[in.w:]
}
