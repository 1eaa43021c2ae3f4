package http1

// chunkState is where in a chunked body (RFC 9112 section 7.1) the next byte is.
type chunkState uint8

const (
	inSize       chunkState = iota // in the hexadecimal size
	afterSize                      // in white space after it; lenient only
	inExtension                    // behind the semicolon
	sizeLF                         // before the LF of the chunk line
	inData                         // in the payload; see Body.Step
	afterData                      // before the CR behind the payload
	dataLF                         // before the LF behind the payload
	trailerStart                   // at the start of a trailer line or the last line
	trailerName                    // in the name of a trailer
	trailerValue                   // behind its colon
	trailerLF                      // before the LF of a trailer line
	lastLF                         // before the LF that ends the body
)

// chunker is the part of Body that only chunked bodies need.
type chunker struct {
	state  chunkState
	sloppy bool
	digits uint8    // of the size
	named  uint8    // bytes in name; more than it holds: the name is none of the refused
	name   [17]byte // start of the trailer's name, lower-case
	line   int      // bytes of the chunk line, or of the trailer section
	excess int64    // bytes of extensions less bytes of payload
}

// stepFrame consumes bytes that are not payload, up to a change of part.
func (b *Body) stepFrame(p []byte) (n int, part Part, err error) {
	part = b.chunk.part(p[0])
	for n < len(p) && b.chunk.part(p[n]) == part {
		if err := b.advance(p[n]); err != nil {
			return n, part, err
		}
		n++
		if b.done || b.chunk.state == inData {
			break
		}
	}
	return n, part, nil
}

// part says what the next byte, c, is a part of. The empty line behind the trailers is
// frame; it is known by its first byte.
func (k *chunker) part(c byte) Part {
	switch k.state {
	case trailerStart:
		if c == '\r' || c == '\n' {
			return Frame
		}
		return Trailer
	case trailerName, trailerValue, trailerLF:
		return Trailer
	}
	return Frame
}

// advance takes one byte that is not payload.
func (b *Body) advance(c byte) error {
	k := &b.chunk
	if k.state < inData {
		if k.line++; k.line > maxChunkLine {
			return badChunk("is too long")
		}
	} else if k.state >= trailerStart {
		if k.line++; k.line > maxTrailerBytes {
			return &Error{431, "the trailers of a chunked body are too long"}
		}
	}
	switch k.state {
	case inSize:
		return b.size(c)
	case afterSize, inExtension:
		return b.extension(c)
	case sizeLF:
		if c != '\n' {
			return badChunk("has a carriage return that does not end it")
		}
		return b.endSize()
	case afterData, dataLF:
		switch {
		case c == '\r' && k.state == afterData:
			k.state = dataLF
			return nil
		case c == '\n' && (k.state == dataLF || b.overlook()):
			b.startSize()
			return nil
		}
		return &Error{400, "a chunk of the body is longer than it says"}
	}
	return b.trailer(c)
}

func (b *Body) startSize() {
	b.chunk.state, b.chunk.line, b.chunk.digits, b.left = inSize, 0, 0, 0
}

// overlook reports whether a fault is tolerated, and remembers it.
func (b *Body) overlook() bool {
	if b.lenient && !b.careful {
		b.chunk.sloppy = true
		return true
	}
	return false
}

func badChunk(what string) error {
	return &Error{400, "the line with the size of a chunk " + what}
}

// size takes a byte of the chunk's size.
func (b *Body) size(c byte) error {
	k := &b.chunk
	if d := hexDigit(c); d >= 0 {
		if k.digits++; k.digits > 16 || b.left > (1<<63-1)>>4 {
			return badChunk("names a size that is too big")
		}
		b.left = b.left<<4 | int64(d)
		return nil
	}
	if k.digits == 0 {
		return badChunk("does not start with a number")
	}
	return b.extension(c)
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// extension takes a byte of the chunk line behind the size.
func (b *Body) extension(c byte) error {
	k := &b.chunk
	switch {
	case c == '\r':
		k.state = sizeLF
		return nil
	case c == '\n':
		if !b.overlook() {
			return badChunk("ends without a carriage return")
		}
		return b.endSize()
	case k.state == inExtension:
		if class[c]&classValue == 0 && !b.overlook() {
			return badChunk("holds a control character")
		}
		if k.excess++; k.excess > maxExtensionExcess && !b.lenient {
			return badChunk("is longer than it ought to be, time after time")
		}
		return nil
	case c == ';':
		k.state = inExtension
		return nil
	case (c == ' ' || c == '\t') && b.lenient: // some servers pad the size
		k.sloppy = true
		k.state = afterSize
		return nil
	}
	return badChunk("holds more than a hexadecimal number")
}

// endSize begins the payload of the chunk, or the trailers after the last chunk.
func (b *Body) endSize() error {
	k := &b.chunk
	if b.left == 0 {
		k.state, k.line = trailerStart, 0
		return nil
	}
	k.state = inData
	k.excess = max(k.excess-b.left, 0)
	return nil
}

// trailer takes a byte behind the last chunk.
func (b *Body) trailer(c byte) error {
	k := &b.chunk
	switch k.state {
	case trailerStart:
		switch c {
		case '\r':
			k.state = lastLF
			return nil
		case '\n':
			if !b.overlook() {
				return badTrailer("ends without a carriage return")
			}
			b.done = true
			return nil
		}
		k.state, k.named = trailerName, 0
		return b.trailerName(c)
	case trailerName:
		return b.trailerName(c)
	case trailerValue:
		switch {
		case c == '\r':
			k.state = trailerLF
		case c == '\n' && b.overlook():
			k.state = trailerStart
		case class[c]&classValue == 0 && !b.overlook():
			return badTrailer("holds a control character")
		}
		return nil
	case trailerLF:
		if c == '\n' {
			k.state = trailerStart
			return nil
		}
		return badTrailer("holds a carriage return that does not end it")
	}
	if c != '\n' { // lastLF
		return badTrailer("holds a carriage return that does not end it")
	}
	b.done = true
	return nil
}

func badTrailer(what string) error {
	return &Error{400, "a trailer of a chunked body " + what}
}

// trailerName takes a byte of a trailer's name or its colon.
func (b *Body) trailerName(c byte) error {
	k := &b.chunk
	switch {
	case c == ':' && (k.named > 0 || b.overlook()):
		if !b.lenient && k.refused() {
			return badTrailer("is one that may stand in the head alone")
		}
		k.state = trailerValue
		return nil
	case class[c]&classToken != 0:
		if int(k.named) < len(k.name) {
			k.name[k.named] = lower(c)
		}
		k.named = min(k.named+1, uint8(len(k.name)+1))
		return nil
	case !b.overlook():
		return badTrailer("has no name, or one with characters that are not allowed")
	case c == '\r':
		k.state = trailerLF
	case c == '\n':
		k.state = trailerStart
	}
	return nil
}

// refused reports whether the trailer would change the meaning of the message (RFC 9110
// section 6.5.1).
func (k *chunker) refused() bool {
	if int(k.named) > len(k.name) {
		return false
	}
	switch string(k.name[:k.named]) {
	case "content-length", "transfer-encoding", "host":
		return true
	}
	return false
}
