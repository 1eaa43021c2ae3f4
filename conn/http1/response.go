package http1

import "bytes"

// Response is a response head, read by [ParseResponse]. All slices point into the head
// that was parsed.
type Response struct {
	Head   []byte // the head as it came, the empty line included
	Minor  int    // 1 for HTTP/1.1, 0 for HTTP/1.0
	Status int    // 100 to 999
	Reason []byte // the reason phrase, often empty

	// Fields are the headers in the order sent. A folded value holds its line ends.
	Fields []Field

	// Framing says how the body ends. ContentLength is the length that the head names,
	// also where there is no body (HEAD, 304); -1 if it names none or no usable one.
	Framing       Framing
	ContentLength int64

	// Close says that the connection ends after this response.
	Close bool
	// Ambiguous says that other programs may find another end of this response than
	// Framing tells: after it, the connection must not carry another message.
	Ambiguous bool
	// Conflict says that they may find an earlier end: two lengths, a length beside a
	// transfer coding, a length hidden by control bytes. What is passed beyond that end
	// they take for the next response; RFC 9112 section 6.3 has a proxy send an error
	// instead. A response with Conflict is also Ambiguous.
	Conflict bool
}

// ParseResponse reads the head of a response to a request with that method into r, whose
// Fields it uses again. A nil method stands for one without special rules, such as GET. The
// head is what [HeadScanner.Scan] finds in lenient mode. What is no HTTP/1.x response is
// an [*Error]; what is merely sloppy passes, and sets Ambiguous where that can change the
// framing.
func ParseResponse(r *Response, head []byte, method []byte, lim Limits) error {
	*r = Response{Fields: r.Fields[:0]}
	if len(head) > lim.headBytes() {
		return badResponse("the head of the response is too long")
	}
	var f responseFraming
	if err := r.parse(head, &f, lim.fields(), true); err != nil {
		return err
	}
	f.finish(r, string(method) == "HEAD", string(method) == "CONNECT")
	return nil
}

// Get returns the value of the first field of that name, nil if there is none. Letter
// case is ignored.
func (r *Response) Get(name string) []byte {
	value, _ := find(r.Fields, name)
	return value
}

// Body returns a lenient tracker for the response's body.
func (r *Response) Body() Body {
	b := Body{framing: r.Framing, lenient: true}
	if r.Framing == Length {
		b.left = r.ContentLength
	}
	return b
}

// parse reads the head. With keep it stores the fields, else it only gathers the framing.
func (r *Response) parse(head []byte, f *responseFraming, fields int, keep bool) error {
	r.Head = head
	f.length = -1
	stop, next := f.cutLine(head, 0)
	if next == 0 || !r.parseStatusLine(head[:stop], f) {
		return badResponse("the response does not start with an HTTP/1.x status line")
	}
	for count := 0; ; count++ {
		start := next
		if stop, next = f.cutLine(head, start); next == 0 {
			return badResponse("the head of the response has no end")
		}
		if stop == start {
			break
		}
		if count == fields {
			return badResponse("the response has too many headers")
		}
		for next < len(head) && (head[next] == ' ' || head[next] == '\t') { // folded
			f.folded = true
			more := next
			if stop, next = f.cutLine(head, more); next == 0 {
				return badResponse("the head of the response has no end")
			}
			f.addFold(head[more:stop])
		}
		if field, ok := f.field(head[start:stop]); ok && keep {
			r.Fields = append(r.Fields, field)
		}
	}
	if next != len(head) {
		return badResponse("something follows the end of the response's head")
	}
	return nil
}

// parseStatusLine reads "HTTP/1.1 200 OK"; the phrase, and the space before it, may lack.
func (r *Response) parseStatusLine(line []byte, f *responseFraming) bool {
	const prefix = "HTTP/1.x 200"
	if len(line) < len(prefix) || string(line[:7]) != prefix[:7] || line[8] != ' ' {
		return false
	}
	if line[7] < '0' || line[7] > '9' {
		return false
	}
	if line[7] != '0' {
		r.Minor = 1
	}
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return false
		}
		r.Status = r.Status*10 + int(c-'0')
	}
	if len(line) > len(prefix) && line[len(prefix)] != ' ' {
		return false
	}
	r.Reason = trimSpace(line[len(prefix):])
	f.hidden = !all(r.Reason, classValue)
	return r.Status >= 100
}

// responseFraming gathers what decides about the boundaries of a response.
type responseFraming struct {
	opts      options
	length    int64 // -1 without a usable Content-Length
	badLength bool
	codings   int  // transfer codings
	chunked   bool // the last of them is chunked
	folded    bool // the current field is
	doubt     bool // see Response.Ambiguous
	hidden    bool // others may see a framing field that is not seen here
}

// cutLine returns where the line from start on stops and where the next one begins; next
// is 0 if the line has no end.
func (f *responseFraming) cutLine(head []byte, start int) (stop, next int) {
	i := bytes.IndexByte(head[start:], '\n')
	if i < 0 {
		return 0, 0
	}
	stop = start + i
	if i > 0 && head[stop-1] == '\r' {
		return stop - 1, stop + 1
	}
	f.doubt = true
	return stop, stop + 1
}

// addFold takes a continuation line: others may take it for a field of its own.
func (f *responseFraming) addFold(line []byte) {
	f.doubt = true
	name, value, _ := bytes.Cut(line, []byte(":"))
	name = trimSpace(name)
	if equalFold(name, "Content-Length") || equalFold(name, "Transfer-Encoding") ||
		!all(name, classValue) || !all(value, classValue) {
		f.hidden = true
	}
}

// field reads a field line and learns from it; ok is false if it is none.
func (f *responseFraming) field(line []byte) (field Field, ok bool) {
	folded := f.folded
	f.folded = false
	i := bytes.IndexByte(line, ':')
	if i <= 0 {
		f.doubt = true
		f.hidden = f.hidden || !folded && !all(line, classValue)
		return field, false
	}
	field.Name, field.Value = line[:i], trimSpace(line[i+1:])
	if !isToken(field.Name) {
		f.doubt = true
		f.hidden = f.hidden || !isPrintable(field.Name)
		field.Name = trimSpace(field.Name)
	}
	if !folded && !all(field.Value, classValue) {
		f.hidden = true
	}
	switch {
	case field.Is("Content-Length"):
		f.addLength(field.Value)
	case field.Is("Transfer-Encoding"):
		for list := field.Value; list != nil; {
			var coding []byte
			coding, list = nextItem(list)
			f.codings++
			f.chunked = equalFold(coding, "chunked")
		}
	case field.Is("Connection"):
		f.opts.add(field.Value)
	default:
		return field, true
	}
	f.hidden = f.hidden || folded
	return field, true
}

// isPrintable reports whether b is ASCII without control bytes but for tabs.
func isPrintable(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || class[c]&classValue == 0 {
			return false
		}
	}
	return true
}

// addLength takes a Content-Length. Equal repetitions count once (RFC 9112 section 6.3).
func (f *responseFraming) addLength(list []byte) {
	for list != nil {
		var item []byte
		item, list = nextItem(list)
		n, ok := parseLength(item)
		if !ok || f.length >= 0 && n != f.length {
			f.badLength = true
		}
		f.length = n
	}
}

// finish decides about the framing (RFC 9112 section 6.3) of the response to a HEAD, a
// CONNECT or another request.
func (f *responseFraming) finish(r *Response, head, connect bool) {
	interim := r.Status < 200
	encoded := f.codings > 0
	conflict := f.hidden || f.badLength || encoded && (f.length >= 0 || !f.chunked)
	if f.badLength {
		f.length = -1
	}
	switch {
	case interim || r.Status == 204:
		// A length or coding is forbidden here; some programs would wait for the body.
		f.doubt = f.doubt || encoded || f.badLength || f.length > 0
	case head || r.Status == 304 || connect && r.Status < 300:
	case encoded && f.chunked:
		r.Framing = Chunked
		f.doubt = f.doubt || f.codings > 1 || r.Minor == 0
	case encoded || f.badLength || f.length < 0:
		r.Framing = UntilClose
	case f.length > 0:
		r.Framing = Length
	}
	r.ContentLength = f.length
	// Without a body nobody can see an earlier end.
	r.Conflict = conflict && r.Framing != NoBody
	r.Ambiguous = f.doubt || f.hidden || r.Conflict
	r.Close = !interim && f.opts.closes(r.Minor) || r.Framing == UntilClose
}
