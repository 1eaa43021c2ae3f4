package http1

// MaxOutstanding is how many requests a [ResponseStream] can wait for at once: how far a
// client may pipeline. Browsers don't, tools stay well below.
const MaxOutstanding = 32

// Event is what [ResponseStream.Next] came to.
type Event uint8

// The events.
const (
	// More: all bytes were of responses asked for; no response ended with them.
	More Event = iota
	// Ended: the final response to the oldest request ends with these bytes. If
	// Reusable is false now, the connection must end here.
	Ended
	// Switched: the connection left HTTP (101, or 2xx to CONNECT). These bytes and all
	// that follow, in both directions, are opaque.
	Switched
	// Unsolicited: what follows these bytes answers no request. It must not be passed
	// on; the connection must end.
	Unsolicited
	// Lost: what follows these bytes is no HTTP, or could be read in two ways of which
	// one smuggles; Err says why. It must not be passed on; the connection must end.
	Lost
)

// ResponseStream follows the responses on a connection: it knows the requests that were
// sent, is told the bytes that come back, and says where each response ends. So it shows
// what a hostile or broken server sends beyond its answers, which a proxy in front of us
// that pools connections would take as the answer to the next visitor.
//
// It keeps no more than one incomplete head (Limits.HeadBytes) and allocates only when a
// head arrives in pieces. The zero ResponseStream is ready, with the default limits.
type ResponseStream struct {
	// Limits bound each response head.
	Limits Limits
	// Trusting makes it follow also what others could see an earlier end of
	// ([Response.Conflict], line ends in chunked bodies that are not CRLF), as far as
	// it can; else such a response is Lost. It suits a peer that uses its connection
	// for nobody else.
	Trusting bool

	queue  [MaxOutstanding]requestKind // a ring
	first  uint8                       // oldest request in queue
	count  uint8                       // requests in queue
	state  streamState
	ending bool // no response may follow the current one
	status int
	held   []byte // what has arrived of an incomplete head
	scan   HeadScanner
	body   Body
	err    error
}

// requestKind is what of a request matters for its response.
type requestKind uint8

const (
	isHead requestKind = 1 << iota
	isConnect
	wantsUpgrade
)

type streamState uint8

const (
	atHead   streamState = iota // before or in a response's head
	atBody                      // in a final response's body
	switched                    // after Switched
	closing                     // after a response that ends the connection
	lost                        // after Lost
)

// Push tells of a request that is sent to the server, in order, before its response can
// come; upgrade says that it asks for another protocol ([Request.Upgrade]). It returns
// false, and has done nothing, when [MaxOutstanding] requests wait already.
func (s *ResponseStream) Push(method []byte, upgrade bool) bool {
	if s.count == MaxOutstanding {
		return false
	}
	var kind requestKind
	switch string(method) {
	case "HEAD":
		kind = isHead
	case "CONNECT":
		kind = isConnect
	}
	if upgrade {
		kind |= wantsUpgrade
	}
	s.queue[(s.first+s.count)%MaxOutstanding] = kind
	s.count++
	return true
}

// Outstanding returns how many requests have no complete final response yet.
func (s *ResponseStream) Outstanding() int { return int(s.count) }

// Status returns the status of the last final response, or of the 101, whose head is
// complete; 0 before the first.
func (s *ResponseStream) Status() int { return s.status }

// Reusable reports whether another request may be sent on the connection, once those
// outstanding are answered.
func (s *ResponseStream) Reusable() bool {
	return !s.ending && (s.state == atHead || s.state == atBody)
}

// Err returns why the stream was lost, nil if it was not.
func (s *ResponseStream) Err() error { return s.err }

// Next follows the bytes p that came from the server up to the next event. The n bytes at
// the start of p may be passed on; after More that is all of p. After Ended call Next again
// with the rest, if there is one. The other events stay.
func (s *ResponseStream) Next(p []byte) (n int, ev Event) {
	for {
		switch s.state {
		case switched:
			return len(p), Switched
		case lost:
			return n, Lost
		case closing:
			if n == len(p) {
				return n, More
			}
			return n, Unsolicited
		case atBody:
			m, done, err := s.body.Next(p[n:])
			n += m
			if s.body.Sloppy() {
				s.ending = true
			}
			if err != nil {
				return n, s.lose(err)
			}
			if !done {
				return n, More
			}
			s.endExchange()
			return n, Ended
		}
		if n == len(p) {
			return n, More
		}
		if s.count == 0 {
			s.state = closing
			return n, Unsolicited
		}
		head, m, err := s.nextHead(p[n:])
		if err != nil {
			return n, s.lose(err)
		}
		if head == nil {
			return n + m, More
		}
		if err := s.readHead(head); err != nil {
			return n, s.lose(err)
		}
		n += m
		if s.state == switched {
			return len(p), Switched
		}
	}
}

// nextHead consumes m bytes of p for a head, which is nil while it is incomplete.
func (s *ResponseStream) nextHead(p []byte) (head []byte, m int, err error) {
	s.scan.Limits, s.scan.Lenient = s.Limits, true
	if len(s.held) == 0 {
		_, end, err := s.scan.Scan(p)
		if err != nil {
			return nil, 0, err
		}
		if end > 0 {
			s.scan.Reset()
			return p[:end], end, nil
		}
		s.held = append(s.held, p...)
		return nil, len(p), nil
	}
	// The end is often near: don't copy a long body behind it.
	const step = 512
	for m < len(p) {
		old := len(s.held)
		s.held = append(s.held, p[m:min(m+step, len(p))]...)
		_, end, err := s.scan.Scan(s.held)
		if err != nil {
			return nil, 0, err
		}
		if end > 0 {
			head, s.held = s.held[:end], nil
			s.scan.Reset()
			return head, m + end - old, nil
		}
		m += len(s.held) - old
	}
	return nil, m, nil
}

// readHead moves on by what a complete head says.
func (s *ResponseStream) readHead(head []byte) error {
	var r Response
	var f responseFraming
	kind := s.queue[s.first]
	if err := r.parse(head, &f, s.Limits.fields(), false); err != nil {
		return err
	}
	f.finish(&r, kind&isHead != 0, kind&isConnect != 0)
	if r.Conflict && !s.Trusting {
		return badResponse("the response tells its length in several ways, or hides how it does")
	}
	s.ending = s.ending || r.Close || r.Ambiguous
	switch {
	case r.Status == 101:
		if kind&wantsUpgrade == 0 {
			return badResponse("the server switched protocols though nobody asked")
		}
		s.status, s.state = r.Status, switched
	case r.Status < 200: // interim: the final response follows
	case kind&isConnect != 0 && r.Status < 300:
		s.status, s.state = r.Status, switched
	default:
		s.status, s.state, s.body = r.Status, atBody, r.Body()
		s.body.careful = !s.Trusting
	}
	return nil
}

// endExchange drops the oldest request, which is answered.
func (s *ResponseStream) endExchange() {
	s.first = (s.first + 1) % MaxOutstanding
	s.count--
	s.state = atHead
	if s.ending {
		s.state = closing
	}
}

func (s *ResponseStream) lose(err error) Event {
	s.state, s.err, s.held = lost, err, nil
	return Lost
}

// End tells that the server has closed its side. It reports whether that cut nothing off:
// each request has its complete response, to which a body that ends with the connection
// now belongs. After Switched and Lost nobody can tell; it reports true.
func (s *ResponseStream) End() (complete bool) {
	switch {
	case s.state == switched || s.state == lost:
		return true
	case s.state == atBody && s.body.Framing() == UntilClose:
		s.endExchange()
	}
	return s.count == 0
}
