package http1

import "bytes"

// HeadScanner finds the end of a head in a buffer that grows, looking at each byte once.
// The zero HeadScanner is ready for a request with the default limits.
type HeadScanner struct {
	// Limits bound the head.
	Limits Limits
	// Lenient makes it a scanner of response heads: lines may end with a bare LF.
	Lenient bool

	start int // where the start line begins: after the blank lines skipped
	line  int // where the line that is being scanned begins
	pos   int // bytes looked at
	lines int // complete lines, blank ones before the start line not counted
	blank int // blank lines skipped
}

// Reset prepares for the next head; the buffer starts anew with it.
func (s *HeadScanner) Reset() {
	*s = HeadScanner{Limits: s.Limits, Lenient: s.Lenient}
}

// Scan looks for the end of the head in b, which holds what it held at the last call and
// what arrived since. When the head is complete it is b[start:end]; what follows it is the
// body or the next message. While it is not, end is 0: read more.
//
// For requests, blank lines before the request line are skipped, and an error is reported
// as soon as no further byte could mend it; the error is an [*Error], among them
// [ErrHTTP2Preface] and [ErrTLSHello]. It stands for the connection: there is no way to
// find the next request.
func (s *HeadScanner) Scan(b []byte) (start, end int, err error) {
	limit := s.Limits.headBytes()
	w := b
	if len(w) > limit {
		w = w[:limit]
	}
	for s.pos < len(w) {
		rest := w[s.pos:]
		lf := bytes.IndexByte(rest, '\n')
		if lf >= 0 {
			rest = rest[:lf]
		}
		cr := -1
		if !s.Lenient {
			if cr, err = checkBytes(rest); err != nil {
				return 0, 0, err
			}
		}
		if lf < 0 {
			s.pos = len(w)
			if cr >= 0 { // the CR's LF has not come yet
				s.pos--
			}
			break
		}
		stop := s.pos + lf
		line := w[s.line:stop]
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		} else if !s.Lenient {
			return 0, 0, badRequest("a line of the request's head ends without a carriage return")
		}
		s.pos = stop + 1
		if err := s.checkStart(w[s.line:s.pos]); err != nil {
			return 0, 0, err
		}
		done, err := s.endLine(line)
		if err != nil {
			return 0, 0, err
		}
		if done {
			return s.start, s.pos, nil
		}
		s.line = s.pos
	}
	if err := s.checkStart(w[s.start:]); err != nil {
		return 0, 0, err
	}
	if len(w) == limit {
		return 0, 0, s.tooLong()
	}
	return 0, 0, nil
}

// checkBytes refuses what no request head may hold. It returns where a CR stands at the
// end of b, else -1.
func checkBytes(b []byte) (cr int, err error) {
	if bytes.IndexByte(b, 0) >= 0 {
		return 0, badRequest("the request's head holds a zero byte")
	}
	cr = bytes.IndexByte(b, '\r')
	if cr >= 0 && cr != len(b)-1 {
		return 0, badRequest("the request's head holds a carriage return that ends no line")
	}
	return cr, nil
}

// endLine counts a complete line, given without its end. It reports whether the head is
// complete.
func (s *HeadScanner) endLine(line []byte) (done bool, err error) {
	if len(line) == 0 {
		if s.lines > 0 || s.Lenient {
			return true, nil
		}
		if s.blank++; s.blank > maxBlankLines {
			return false, badRequest("there are too many empty lines before the request")
		}
		s.start = s.pos
		return false, nil
	}
	if s.lines == 0 && !s.Lenient && string(line) == "PRI * HTTP/2.0" {
		return false, ErrHTTP2Preface
	}
	if s.lines++; s.lines-1 > s.Limits.fields() {
		if s.Lenient {
			return false, badResponse("the response has too many headers")
		}
		return false, &Error{431, "the request has too many headers"}
	}
	return false, nil
}

// checkStart refuses a head by its first bytes, b; its start line may be incomplete.
func (s *HeadScanner) checkStart(b []byte) error {
	if len(b) == 0 || s.lines > 0 {
		return nil
	}
	if s.Lenient {
		const version = "HTTP/"
		if n := min(len(b), len(version)); string(b[:n]) != version[:n] {
			return badResponse("the response does not start as HTTP does")
		}
		return nil
	}
	switch {
	case b[0] == '\r': // perhaps a blank line
		return nil
	case b[0] == 0x16:
		return ErrTLSHello
	case class[b[0]]&classToken == 0:
		return badRequest("the request does not start as HTTP does")
	}
	sp := bytes.IndexByte(b[:min(len(b), maxMethodBytes+1)], ' ')
	if sp < 0 {
		if len(b) > maxMethodBytes {
			return badRequest("the request's method is too long")
		}
		return nil
	}
	if len(b)-sp-1 > s.Limits.targetBytes()+len(" HTTP/1.1\r\n") {
		return &Error{414, "the address of the request is too long"}
	}
	return nil
}

// tooLong says what to answer to a head that does not end within the limit.
func (s *HeadScanner) tooLong() error {
	switch {
	case s.Lenient:
		return badResponse("the head of the response is too long")
	case s.lines == 0:
		return &Error{414, "the address of the request is too long"}
	}
	return &Error{431, "the headers of the request are too long"}
}
