package http1

import (
	"bytes"
	"encoding/base64"
)

// Request is a request head, read by [ParseRequest]. All slices point into the head that
// was parsed, or into memory that the next ParseRequest overwrites.
type Request struct {
	Head   []byte // the head as it came, the empty line included
	Method []byte // as sent; methods are case-sensitive
	Target []byte // as sent: a path with query, an absolute URL, or * of OPTIONS
	Minor  int    // 1 for HTTP/1.1, 0 for HTTP/1.0

	// Fields are the headers in the order sent.
	Fields []Field

	// HostPort is the value of the Host field, or the authority of the target in an
	// HTTP/1.0 request without one. Host is it in the form of [CanonicalHost]. Both
	// are empty in an HTTP/1.0 request that names no host.
	HostPort, Host []byte

	// Framing is NoBody, Length or Chunked. ContentLength counts the body's bytes; it
	// is 0 without a body and -1 for Chunked.
	Framing       Framing
	ContentLength int64

	// Close says that the connection ends after this exchange, by the version and the
	// Connection field.
	Close bool
	// Upgrade is the value of the first Upgrade field if Connection names that field and
	// the version is 1.1: the client asks to leave HTTP. Else it is nil.
	Upgrade []byte
	// Expect100 says that the client may wait for a 100 (Continue) before it sends the
	// body.
	Expect100 bool

	hostScratch, targetScratch []byte
}

// ParseRequest reads the head of a request into r, whose memory it uses again. The head
// begins with the request line and ends with the empty line, as [HeadScanner.Scan] finds
// it. What could be understood in two ways is refused; the error is an [*Error].
//
// Refused are: a version other than 1.0 and 1.1; line ends other than CRLF; control bytes;
// folded lines; a name that is no token or has a space before the colon; a missing (1.1),
// repeated, empty or malformed Host; a target that is neither a path, nor an http or https
// URL of that same host, nor the * of OPTIONS; CONNECT; user information and fragments;
// a Content-Length that is repeated, signed, a list, too big or beside Transfer-Encoding;
// any Transfer-Encoding but one "chunked" in HTTP/1.1; the names of these two with an
// underscore for the hyphen.
func ParseRequest(r *Request, head []byte, lim Limits) error {
	*r = Request{Head: head, Fields: r.Fields[:0],
		hostScratch: r.hostScratch, targetScratch: r.targetScratch}
	if len(head) > lim.headBytes() {
		return &Error{431, "the headers of the request are too long"}
	}
	rest, err := r.parseLine(head, lim)
	if err != nil {
		return err
	}
	f := requestFraming{length: -1}
	for {
		if len(rest) >= 2 && rest[0] == '\r' && rest[1] == '\n' {
			if len(rest) > 2 {
				return badRequest("something follows the end of the request's head")
			}
			break
		}
		if len(r.Fields) == lim.fields() {
			return &Error{431, "the request has too many headers"}
		}
		var field Field
		if field, rest, err = parseField(rest); err != nil {
			return err
		}
		r.Fields = append(r.Fields, field)
		if err := f.add(r, field); err != nil {
			return err
		}
	}
	if err := f.finish(r); err != nil {
		return err
	}
	return r.checkTarget(f.hosts)
}

// parseLine reads the request line and returns what follows it.
func (r *Request) parseLine(head []byte, lim Limits) (rest []byte, err error) {
	i := bytes.IndexByte(head, '\n')
	if i < 1 || head[i-1] != '\r' {
		return nil, badRequest("the request's first line has no end")
	}
	line, rest := head[:i-1], head[i+1:]
	if string(line) == "PRI * HTTP/2.0" {
		return nil, ErrHTTP2Preface
	}
	first := bytes.IndexByte(line, ' ')
	last := bytes.LastIndexByte(line, ' ')
	if first < 0 || first == last {
		return nil, badRequest("the request's first line is not a method, an address and a version")
	}
	r.Method, r.Target = line[:first], line[first+1:last]
	version := line[last+1:]
	switch {
	case !isToken(r.Method):
		return nil, badRequest("the request's method holds a character that is not allowed")
	case len(r.Method) > maxMethodBytes:
		return nil, badRequest("the request's method is too long")
	case len(r.Target) > lim.targetBytes():
		return nil, &Error{414, "the address of the request is too long"}
	case len(r.Target) == 0 || !all(r.Target, classTarget):
		return nil, badRequest("the request's address holds a space, a control character or a #")
	case string(version) == "HTTP/1.1":
		r.Minor = 1
	case string(version) == "HTTP/1.0":
		r.Minor = 0
	case isVersion(version):
		return nil, &Error{505, "only HTTP/1.0 and HTTP/1.1 are spoken here"}
	default:
		return nil, badRequest("the request's first line does not end with an HTTP version")
	}
	return rest, nil
}

func isVersion(v []byte) bool {
	return len(v) == len("HTTP/1.1") && string(v[:5]) == "HTTP/" && v[6] == '.' &&
		v[5] >= '0' && v[5] <= '9' && v[7] >= '0' && v[7] <= '9'
}

// parseField reads one field line strictly and returns what follows it.
func parseField(b []byte) (f Field, rest []byte, err error) {
	i := 0
	for i < len(b) && class[b[i]]&classToken != 0 {
		i++
	}
	if i == len(b) || b[i] != ':' || i == 0 {
		return f, nil, fieldNameError(b, i)
	}
	f.Name = b[:i]
	b = b[i+1:]
	for i = 0; i < len(b) && class[b[i]]&classValue != 0; i++ {
	}
	if i+1 >= len(b) || b[i] != '\r' || b[i+1] != '\n' {
		return f, nil, badRequest("a header of the request holds a control character")
	}
	f.Value = trimSpace(b[:i])
	return f, b[i+2:], nil
}

// fieldNameError says why b, of which i bytes could be a field's name, is no field line.
func fieldNameError(b []byte, i int) error {
	switch {
	case i == len(b):
		return badRequest("the request's head has no end")
	case i == 0 && (b[0] == ' ' || b[0] == '\t'):
		return badRequest("a header of the request is folded over several lines")
	case i == 0 && b[0] == ':':
		return badRequest("a header of the request has no name")
	case b[i] == ' ' || b[i] == '\t':
		return badRequest("a header of the request has a space in or after its name")
	case b[i] == '\r' || b[i] == '\n':
		return badRequest("a line of the request's head is no header: it has no colon")
	}
	return badRequest("a header's name holds a character that is not allowed")
}

// Get returns the value of the first field of that name, nil if there is none. Letter
// case is ignored.
func (r *Request) Get(name string) []byte {
	value, _ := find(r.Fields, name)
	return value
}

// Count returns how many fields of that name there are. Letter case is ignored.
func (r *Request) Count(name string) int {
	_, n := find(r.Fields, name)
	return n
}

// UpgradesTo reports whether the client asks to go on with that protocol, such as
// "websocket". Letter case and the protocol's version are ignored.
func (r *Request) UpgradesTo(protocol string) bool {
	for list := r.Upgrade; list != nil; {
		var item []byte
		item, list = nextItem(list)
		if i := bytes.IndexByte(item, '/'); i >= 0 {
			item = item[:i]
		}
		if equalFold(item, protocol) {
			return true
		}
	}
	return false
}

// BasicAuth returns the user and the password of the Authorization field (RFC 7617). ok
// is false if the field is missing, repeated, of another scheme or malformed.
func (r *Request) BasicAuth() (user, password string, ok bool) {
	const scheme = "Basic "
	v, n := find(r.Fields, "Authorization")
	if n != 1 || len(v) < len(scheme) || !equalFold(v[:len(scheme)], scheme) {
		return "", "", false
	}
	v = trimSpace(v[len(scheme):])
	plain := make([]byte, base64.StdEncoding.DecodedLen(len(v)))
	size, err := base64.StdEncoding.Decode(plain, v)
	if err != nil {
		return "", "", false
	}
	name, pass, ok := bytes.Cut(plain[:size], []byte(":"))
	if !ok {
		return "", "", false
	}
	return string(name), string(pass), true
}

// Body returns a strict tracker for the request's body.
func (r *Request) Body() Body {
	return Body{framing: r.Framing, left: max(r.ContentLength, 0)}
}
