package server

import (
	"errors"

	"ngrok/msg"
)

// Bounds of the texts that a client sends, in bytes: what it says is repeated in answers,
// some of it once for each protocol that is asked for, and in logs. Without them one
// message of 1 MiB has the server make answers of a gigabyte.
const (
	maxRequestID = 256  // clients send 16
	maxProtocols = 256  // of the names, with their "+"
	maxNameText  = 1024 // a host name has 253
	maxLogText   = 64   // of what is only logged; more of it is left out
)

var errRequestText = errors.New("the client asks for a tunnel with more text than a request has")

// checkTexts refuses a request that nobody sends who wants a tunnel.
func checkTexts(m *msg.ReqTunnel) error {
	if len(m.ReqId) > maxRequestID || len(m.Protocol) > maxProtocols || len(m.Hostname) > maxNameText || len(m.Subdomain) > maxNameText {
		return errRequestText
	}
	return nil
}

// logText returns the beginning of what a client said.
func logText(s string) string { return s[:min(len(s), maxLogText)] }
