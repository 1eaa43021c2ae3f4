package client

import (
	"ngrok/conn"
	"ngrok/msg"
)

// editedLeg is the connection to the private service of an http tunnel whose heads are
// changed as they pass. Bodies are followed to their end and never copied.
//
// What can't be read as HTTP makes it a plain connection from there on: the bytes pass
// as they are. From a server with msg.FeatureOptions nothing such comes.
type editedLeg struct {
	*conn.Conn
	requests  requestEditor
	responses responseEditor
}

// newEditedLeg changes by the rules what passes through leg for a visitor. strict says
// that the server reads requests as strictly as this client, and begins a new connection
// for each that asks to leave HTTP. tap, if not nil, is offered what the service is sent.
func newEditedLeg(leg *conn.Conn, rules *headRules, start *msg.StartProxy, strict bool, tap ConnTap) *editedLeg {
	l := &editedLeg{Conn: leg}
	l.responses.leg = leg
	if rules.editsResponses() {
		l.responses.edits = &rules.response
	}
	l.requests = requestEditor{
		leg:       leg,
		rules:     rules,
		responses: &l.responses,
		strict:    strict,
		tap:       tap,
		edits:     rules.request,
		visitor:   visitorIP(start.ClientAddr),
	}
	if start.Proxy != "" {
		l.requests.behindProxy = true
		l.requests.visitor = visitorIP(start.Proxy)
	}
	return l
}

// WritePadded implements [conn.Leg].
func (l *editedLeg) WritePadded(p []byte) error { return l.requests.write(p[conn.Headroom:]) }

// CloseWrite implements [conn.Leg].
func (l *editedLeg) CloseWrite() error {
	if err := l.requests.flush(); err != nil {
		return err
	}
	return l.Conn.CloseWrite()
}

// Next implements [conn.Leg].
func (l *editedLeg) Next() ([]byte, error) { return l.responses.next() }

// Release implements [conn.Leg].
func (l *editedLeg) Release() {
	l.responses.release()
	l.Conn.Release()
}
