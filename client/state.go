package client

import "time"

// Status is where a client stands in its life.
type Status int

const (
	Connecting   Status = iota // dialling for the first time
	Online                     // a session is up
	Reconnecting               // the session was lost; see State.RetryAt
	Closed                     // Run has returned or is about to
)

// String returns the status as it is shown to users.
func (s Status) String() string {
	switch s {
	case Connecting:
		return "connecting"
	case Online:
		return "online"
	case Reconnecting:
		return "reconnecting"
	default:
		return "closed"
	}
}

// State is what views show: a snapshot, never written to after it was made.
type State struct {
	Status        Status
	Since         time.Time // when Status began
	RetryAt       time.Time // while Reconnecting: when the next attempt starts; zero while it is under way
	LastError     string    // why the last session or attempt ended, in words; empty while Online
	ServerAddr    string    // as configured
	ClientVersion string
	ServerVersion string // empty before the first session
	Tunnels       []TunnelState
	Metrics       Metrics
}
