package inspect

import "time"

// ID names an exchange. It is made of letters and digits, and no two runs of the
// program give out the same one, so that a stale page cannot mean another exchange.
type ID string

// Kind says what an exchange turned out to be.
type Kind string

const (
	KindHTTP      Kind = "http"      // a request and its response
	KindWebSocket Kind = "websocket" // an accepted websocket; see Exchange.Messages
	KindEvents    Kind = "events"    // a text/event-stream response; see Exchange.Events
	KindUpgrade   Kind = "upgrade"   // an accepted upgrade to another protocol, opaque
	KindRaw       Kind = "raw"       // bytes that are not HTTP/1; see Exchange.Notes
)

// Summary is one exchange as a row of a list.
type Summary struct {
	ID     ID     `json:"id"`
	Number uint64 `json:"number"` // order of arrival, from 1
	Seq    uint64 `json:"seq"`    // the store's sequence number at the last change; see Store.Changes
	Kind   Kind   `json:"kind"`

	Tunnel      string `json:"tunnel"`       // name of the tunnel
	PublicURL   string `json:"public_url"`   // of the tunnel
	Scheme      string `json:"scheme"`       // "http" or "https", of the tunnel
	LocalAddr   string `json:"local_addr"`   // of the private service, host:port; empty when imported
	VisitorAddr string `json:"visitor_addr"` // ip:port; empty for a replay

	Method      string `json:"method"`
	Target      string `json:"target"` // as in the request line: path and query
	Path        string `json:"path"`   // of Target, still escaped
	Host        string `json:"host"`   // the Host header
	Proto       string `json:"proto"`  // "HTTP/1.1"
	Status      int    `json:"status"` // 0 until there is a final response
	Reason      string `json:"reason"` // the response's reason phrase
	ContentType string `json:"content_type"`

	Start     time.Time `json:"start"`      // first byte of the request
	FirstByte time.Time `json:"first_byte"` // first byte of the response; zero while there is none
	End       time.Time `json:"end"`        // zero while open
	// Duration is from Start to End in nanoseconds, or to the moment of the snapshot while open.
	Duration time.Duration `json:"duration"`

	RequestSize  int64 `json:"request_size"`  // body bytes that passed, without chunk framing
	ResponseSize int64 `json:"response_size"` // the same of the response (of a websocket: payload bytes both ways)

	Open     bool   `json:"open"`                // it has not ended yet
	Pinned   bool   `json:"pinned"`              // it stays when others are removed
	Imported bool   `json:"imported"`            // it came from a HAR file
	ReplayOf ID     `json:"replay_of,omitempty"` // the exchange whose request was sent again
	Error    string `json:"error,omitempty"`     // the abnormal end, in words; empty for a regular one
}

// Exchange is a request with its response as they were at one moment. It is a
// snapshot: nothing in it changes afterwards, and it must not be written to.
type Exchange struct {
	Summary

	Request  Message
	Response Message   // zero until there is a final response
	Interim  []Message // 1xx responses that came before it, heads alone

	Messages        []WSMessage // of a websocket, oldest first
	MessagesDropped int         // messages before Messages[0] that are no longer kept
	Events          []Event     // of an event stream, oldest first
	EventsDropped   int         // events before Events[0] that are no longer kept

	// Notes say what could not be read or kept, in words for the user.
	Notes []string

	mask *masker
}

// Message is one HTTP request or response.
type Message struct {
	StartLine string // without line end; empty when there is no message
	Proto     string
	Header    []Field // in the order and case of the wire
	Trailer   []Field

	// Raw is what was kept of the message as it passed: head, body with its chunk
	// framing, trailers. It is the whole message when Complete and not Truncated.
	Raw []byte
	// HeadSize is how many bytes of Raw are the head, with its empty line.
	HeadSize int
	// Body is what was kept of the body without chunk framing, its content
	// encodings still on.
	Body []byte
	// BodySize is how many body bytes passed, without chunk framing.
	BodySize int64
	// Size is how many bytes of the message passed in all.
	Size int64

	Truncated bool // Body is shorter than BodySize, since no more of it is kept
	Complete  bool // the message ended as its framing said

	plain bool // Body has no content encodings, whatever Header says
}

// Field is a header field, a query parameter or a form value. Names need not be unique.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Value returns the first value of the named header field, letter case ignored,
// or "".
func (m *Message) Value(name string) string { return fieldValue(m.Header, name) }

// Direction is who sent something.
type Direction string

const (
	FromVisitor Direction = "in"  // from the visitor to the private service
	FromService Direction = "out" // from the private service to the visitor
)

// WSMessage is a websocket message (its fragments joined) or control frame (RFC 6455).
type WSMessage struct {
	Dir        Direction `json:"dir"`
	Time       time.Time `json:"time"` // when its last byte passed
	Opcode     int       `json:"opcode"`
	Type       string    `json:"type"`             // "text", "binary", "close", "ping", "pong" or "opcode N"
	Size       int64     `json:"size"`             // payload bytes on the wire
	Payload    []byte    `json:"payload"`          // unmasked and inflated, as far as it is kept
	Truncated  bool      `json:"truncated"`        // Payload is not all of it
	Compressed bool      `json:"compressed"`       // it was sent with permessage-deflate (RFC 7692)
	Fragments  int       `json:"fragments"`        // frames it was sent in
	Note       string    `json:"note,omitempty"`   // why Payload could not be read
	Code       int       `json:"code,omitempty"`   // status code of a close frame
	Reason     string    `json:"reason,omitempty"` // reason of a close frame
}

// Event is one server-sent event (WHATWG HTML, 9.2).
type Event struct {
	Time      time.Time `json:"time"` // when it was complete; zero when that is not known
	Type      string    `json:"type"` // "message" when the stream does not say, empty for one of comments alone
	ID        string    `json:"id,omitempty"`
	Data      string    `json:"data"`
	Retry     string    `json:"retry,omitempty"`   // reconnection time in ms, as sent
	Comment   string    `json:"comment,omitempty"` // comment lines, joined by line feeds
	Truncated bool      `json:"truncated"`         // more of it passed than is kept
}
