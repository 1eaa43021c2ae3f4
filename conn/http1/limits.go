package http1

// Defaults of [Limits]. Browsers and the usual servers stay far below all of them.
const (
	// DefaultHeadBytes is the longest head, with its start line and the empty line.
	DefaultHeadBytes = 64 << 10
	// DefaultFields is the most field lines (headers) of a head.
	DefaultFields = 100
	// DefaultTargetBytes is the longest request target. RFC 9110 section 4.1 asks for
	// at least 8000.
	DefaultTargetBytes = 32 << 10
)

const (
	// maxMethodBytes bounds the method; the longest registered one has 17 bytes.
	maxMethodBytes = 64
	// maxBlankLines is how many empty lines may stand before a request line (RFC 9112
	// section 2.2 asks for one at least); old clients send one after a form's body.
	maxBlankLines = 4
	// maxChunkLine bounds the line with a chunk's size and its extensions, in bytes.
	maxChunkLine = 4 << 10
	// maxTrailerBytes bounds the trailer section with its closing empty line.
	maxTrailerBytes = 16 << 10
	// maxExtensionExcess is by how many bytes all chunk extensions of a body may exceed
	// its payload. They carry nothing that anybody uses, and cost those who read them.
	maxExtensionExcess = 16 << 10
)

// Limits bound one head. A field that is zero or negative means its default.
type Limits struct {
	HeadBytes   int // bytes of the whole head; DefaultHeadBytes
	Fields      int // field lines; DefaultFields
	TargetBytes int // bytes of the request target; DefaultTargetBytes
}

func (l Limits) headBytes() int {
	if l.HeadBytes > 0 {
		return l.HeadBytes
	}
	return DefaultHeadBytes
}

func (l Limits) fields() int {
	if l.Fields > 0 {
		return l.Fields
	}
	return DefaultFields
}

func (l Limits) targetBytes() int {
	if l.TargetBytes > 0 {
		return l.TargetBytes
	}
	return DefaultTargetBytes
}
