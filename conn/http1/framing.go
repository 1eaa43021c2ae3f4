package http1

// Framing says how the end of a body is found (RFC 9112 section 6.3).
type Framing uint8

// The ways in which a body can end.
const (
	NoBody     Framing = iota // there is none: the head is all
	Length                    // after ContentLength bytes
	Chunked                   // with the last chunk and the trailers
	UntilClose                // with the connection; responses only
)

// requestFraming gathers what decides about the boundaries of a request.
type requestFraming struct {
	opts     options
	upgrade  []byte
	length   int64 // -1 without Content-Length
	encoding bool
	hosts    int
}

func (f *requestFraming) add(r *Request, field Field) error {
	v := field.Value
	switch len(field.Name) {
	case len("Host"):
		if field.Is("Host") {
			if f.hosts++; f.hosts > 1 {
				return badRequest("the request has more than one Host header")
			}
			r.HostPort = v
		}
	case len("Expect"):
		if field.Is("Expect") && equalFold(v, "100-continue") {
			r.Expect100 = true
		}
	case len("Upgrade"):
		if field.Is("Upgrade") && f.upgrade == nil && len(v) > 0 {
			f.upgrade = v
		}
	case len("Connection"):
		if field.Is("Connection") {
			f.opts.add(v)
		}
	case len("Content-Length"):
		if field.Is("Content_Length") {
			return lookalike("Content-Length")
		}
		if !field.Is("Content-Length") {
			break
		}
		if f.length >= 0 {
			return badRequest("the request has more than one Content-Length header")
		}
		n, ok := parseLength(v)
		if !ok {
			return badRequest("the request's Content-Length is not a number of bytes")
		}
		f.length = n
	case len("Transfer-Encoding"):
		if field.Is("Transfer_Encoding") {
			return lookalike("Transfer-Encoding")
		}
		if !field.Is("Transfer-Encoding") {
			break
		}
		if f.encoding || !equalFold(v, "chunked") {
			return badRequest("the request's Transfer-Encoding is not just chunked")
		}
		f.encoding = true
	}
	return nil
}

// lookalike refuses an underscore in the name of a framing field: programs that pass fields
// on as environment variables (CGI, WSGI) take both names for one.
func lookalike(name string) error {
	return badRequest("the request has an underscore for the hyphen in " + name)
}

func (f *requestFraming) finish(r *Request) error {
	switch {
	case f.encoding && r.Minor == 0:
		return badRequest("the request uses Transfer-Encoding, which HTTP/1.0 does not have")
	case f.encoding && f.length >= 0:
		return badRequest("the request has both Content-Length and Transfer-Encoding")
	case f.encoding:
		r.Framing, r.ContentLength = Chunked, -1
	case f.length > 0:
		r.Framing, r.ContentLength = Length, f.length
	}
	r.Close = f.opts.closes(r.Minor)
	if f.opts.upgrade && r.Minor == 1 {
		r.Upgrade = f.upgrade
	}
	return nil
}
