// Package msg holds the messages of protocol version 2 and their encoding, as
// docs/protocol.md describes them. A message travels as
//
//	8 bytes   length of the payload, signed 64-bit, little endian
//	n bytes   payload, JSON: {"Type": "<message name>", "Payload": {<fields>}}
//
// Unknown fields are ignored in both directions: extensions add fields that a plain
// version-2 peer does not see.
package msg

// ProtocolVersion is what Auth and AuthResp must carry in Version.
const ProtocolVersion = "2"

// FeatureReuse in Auth.Features and AuthResp.Features asks for and grants
// proxy connections that outlive one public connection.
const FeatureReuse = "reuse"

// FeatureClose lets the client give up a tunnel with CloseTunnel while its session
// goes on, and the server take one back with the same message.
const FeatureClose = "close"

// FeatureOptions says that the server checks each request by itself and enforces
// TunnelOptions. A client never asks a server without it for a tunnel with options: the
// tunnel would be open to those whom the options keep out.
const FeatureOptions = "options"

// FeatureDrain lets a server that ends tell the client with Drain, and says that
// both sides ping or answer often: a session that is silent for 24 s is dead.
const FeatureDrain = "drain"

// Message is one of the pointer types of this package that carry a protocol message.
type Message interface {
	typeName() string
}

// Auth is the first message of a control connection, client to server.
type Auth struct {
	Version   string // ProtocolVersion
	MmVersion string // version of the program, informational
	User      string // the auth token, a secret
	Password  string // unused by the peers we know, a secret
	OS        string
	Arch      string
	ClientId  string   // of the session to resume, a secret; empty for a new one
	Features  []string `json:",omitempty"` // extensions that the client speaks
}

// AuthResp answers Auth. With a non-empty Error the server closes the connection.
type AuthResp struct {
	Version   string
	MmVersion string
	ClientId  string // names the session, a secret
	Error     string
	Features  []string `json:",omitempty"` // extensions that the session uses
}

// ReqTunnel asks for a tunnel, client to server. The answer is one NewTunnel for
// each of its protocols.
type ReqTunnel struct {
	ReqId    string // chosen by the client, repeated in the answers
	Protocol string // names joined by "+", as in "http+https"

	Hostname  string // http and https: the whole host name, or
	Subdomain string // a name below the server's domain
	HttpAuth  string // "user:password" that visitors must present, a secret

	RemotePort uint16 // tcp: the wanted port, 0 for any

	Options *TunnelOptions `json:",omitempty"` // with FeatureOptions only
}

// TunnelOptions are what the server is to enforce for the visitors of a tunnel. The zero
// value of a field asks for nothing.
type TunnelOptions struct {
	// Users are "user:password" pairs, secrets. Visitors of http and https tunnels must
	// present one of them, or HttpAuth.
	Users []string `json:",omitempty"`

	// AllowCIDRs and DenyCIDRs are networks or single addresses. Visitors from denied
	// ones are refused, and where some are allowed, those from all others.
	AllowCIDRs []string `json:",omitempty"`
	DenyCIDRs  []string `json:",omitempty"`

	// MaxBody is the most bytes that the body of an http request may have.
	MaxBody int64 `json:",omitempty"`

	// HTTPSRedirect sends visitors of the http tunnel to the https one of the same
	// request.
	HTTPSRedirect bool `json:",omitempty"`
}

// NewTunnel grants one protocol of a ReqTunnel, or refuses it with a non-empty
// Error, server to client.
type NewTunnel struct {
	ReqId    string
	Url      string
	Protocol string
	Error    string
}

// ReqProxy asks the client for one more proxy connection.
type ReqProxy struct{}

// RegProxy is the first message of a proxy connection, client to server.
type RegProxy struct {
	ClientId string   // of the session it belongs to, a secret
	Features []string `json:",omitempty"` // FeatureReuse when the session has it
}

// StartProxy tells a proxy connection which public connection it carries from
// here on, server to client.
type StartProxy struct {
	Url        string // of the tunnel
	ClientAddr string // ip:port of the visitor; the port is 0 when only a proxy knows it
	Reuse      bool   `json:",omitempty"` // frames follow, and more public connections after this one
	Proxy      string `json:",omitempty"` // ip:port of the trusted proxy that the visitor came by, which tells about visitors by X-Forwarded-For
}

// Ping asks for a Pong. Either side may send it on a control connection.
type Ping struct{}

// Pong answers Ping.
type Pong struct{}

// CloseTunnel ends one tunnel of a session that has FeatureClose. From the client
// it gives the tunnel up; from the server it says that the tunnel was taken back,
// and Error why.
type CloseTunnel struct {
	Url   string
	Error string `json:",omitempty"`
}

// Drain tells the client of a session that has FeatureDrain that this server is about to
// end, server to client. The client opens another session under the same address at
// once; this one goes on for what it carries, until the server closes it.
type Drain struct{}

func (*Auth) typeName() string        { return "Auth" }
func (*AuthResp) typeName() string    { return "AuthResp" }
func (*ReqTunnel) typeName() string   { return "ReqTunnel" }
func (*NewTunnel) typeName() string   { return "NewTunnel" }
func (*ReqProxy) typeName() string    { return "ReqProxy" }
func (*RegProxy) typeName() string    { return "RegProxy" }
func (*StartProxy) typeName() string  { return "StartProxy" }
func (*Ping) typeName() string        { return "Ping" }
func (*Pong) typeName() string        { return "Pong" }
func (*CloseTunnel) typeName() string { return "CloseTunnel" }
func (*Drain) typeName() string       { return "Drain" }

// newMessage returns an empty message of the named type, or nil for an unknown one.
func newMessage(name string) Message {
	switch name {
	case "Auth":
		return new(Auth)
	case "AuthResp":
		return new(AuthResp)
	case "ReqTunnel":
		return new(ReqTunnel)
	case "NewTunnel":
		return new(NewTunnel)
	case "ReqProxy":
		return new(ReqProxy)
	case "RegProxy":
		return new(RegProxy)
	case "StartProxy":
		return new(StartProxy)
	case "Ping":
		return new(Ping)
	case "Pong":
		return new(Pong)
	case "CloseTunnel":
		return new(CloseTunnel)
	case "Drain":
		return new(Drain)
	default:
		return nil
	}
}
