package http1

// Part says what bytes of a body are.
type Part uint8

// The parts of a body in [Body.Step].
const (
	Frame   Part = iota // chunk sizes, extensions, line ends: how the body is packed
	Payload             // the content itself
	Trailer             // trailer lines with their line ends; see [ParseFields]
)

// Body follows a body to its end. It is told the bytes as they pass and keeps none of
// them; memory is constant, payload is never looked at, nothing is allocated. The zero
// Body is that of a message without one: done from the start. A Body may be copied.
type Body struct {
	framing Framing
	lenient bool // overlooks faults
	careful bool // of these only such that move no boundary
	done    bool
	left    int64 // payload bytes that are left of the body, or of the current chunk
	chunk   chunker
	err     error // what Step has reported once
}

// Next returns how many bytes at the start of p are of the body and whether it ends with
// them; what follows is the next message. Call it with what arrives until done; a body
// that ends with the connection is never done. The error is an [*Error], its n the bytes
// that are good; it stays.
func (b *Body) Next(p []byte) (n int, done bool, err error) {
	for !b.Done() && n < len(p) {
		m, _, err := b.Step(p[n:])
		n += m
		if err != nil {
			return n, false, err
		}
	}
	return n, b.Done(), b.err
}

// Step is Next in smaller steps, for those who want the content: the n bytes at the start
// of p are all of one part of the body. n is 0 only if p is empty, the body is done or err
// is set.
func (b *Body) Step(p []byte) (n int, part Part, err error) {
	if b.Done() || len(p) == 0 || b.err != nil {
		return 0, Frame, b.err
	}
	switch b.framing {
	case UntilClose:
		return len(p), Payload, nil
	case Length:
		n = b.take(p)
		b.done = b.left == 0
		return n, Payload, nil
	}
	if b.chunk.state == inData {
		n = b.take(p)
		if b.left == 0 {
			b.chunk.state = afterData
		}
		return n, Payload, nil
	}
	n, part, b.err = b.stepFrame(p)
	return n, part, b.err
}

// take counts the bytes of p that are of the payload that is left.
func (b *Body) take(p []byte) int {
	n := len(p)
	if int64(n) > b.left {
		n = int(b.left)
	}
	b.left -= int64(n)
	return n
}

// Done reports whether the body has ended.
func (b *Body) Done() bool { return b.done || b.framing == NoBody }

// Framing tells how the body's end is found.
func (b *Body) Framing() Framing { return b.framing }

// Sloppy reports whether a lenient tracker had to overlook something so far. Another
// program may see other boundaries then: don't use the connection again.
func (b *Body) Sloppy() bool { return b.chunk.sloppy }
