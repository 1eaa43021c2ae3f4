package client

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"time"

	"ngrok/conn"
	"ngrok/conn/http1"
)

const (
	// inlineBody is how much of a body leaves in one write with its head, in bytes.
	inlineBody = 16 << 10

	// keptHead is the largest buffer for a new head that is used again, in bytes.
	keptHead = 128 << 10

	// upgradeWait is how long a visitor may send on before the answer to its request to
	// leave HTTP: until then nobody can tell what the bytes are. Only servers without
	// msg.FeatureOptions pass them on that early.
	upgradeWait = 10 * time.Second
)

// errNoUpgradeAnswer ends a connection whose visitor did not wait.
var errNoUpgradeAnswer = errors.New("the visitor sent on, and the service did not answer its Upgrade")

// requestEditor changes the heads of the requests on one connection to a private service.
// It is for one goroutine.
type requestEditor struct {
	leg       *conn.Conn
	rules     *headRules
	responses *responseEditor
	strict    bool
	tap       ConnTap

	visitor     string // the address for X-Forwarded-For; "" is unknown
	behindProxy bool   // a trusted proxy sends the requests: its fields are believed

	scan    http1.HeadScanner
	held    []byte // what has come of an incomplete head
	body    http1.Body
	began   bool      // a request has passed
	opaque  bool      // what follows passes as it is
	upgrade chan bool // tells whether the last request has left HTTP; nil if it did not ask

	edits    http1.Edits // by the rules, with what changes from request to request
	set      [4]http1.Header
	hostPort string // the last X-Forwarded-Host
}

// headWork is the memory in which a head is changed. It is used only while bytes are
// under way.
type headWork struct {
	request http1.Request
	out     []byte
}

var headWorks = sync.Pool{New: func() any { return new(headWork) }}

// write passes bytes of the visitor on, with their heads changed.
func (e *requestEditor) write(p []byte) (err error) {
	for len(p) > 0 && err == nil {
		switch {
		case e.opaque:
			return e.deliver(p)
		case !e.body.Done():
			n, _, bad := e.body.Next(p)
			e.opaque = bad != nil
			err = e.deliver(p[:n])
			p = p[n:]
		case e.upgrade != nil:
			err = e.awaitAnswer()
		default:
			p, err = e.writeHead(p)
		}
	}
	return err
}

// flush passes on what is held of a head that will not be completed.
func (e *requestEditor) flush() error {
	held := e.held
	e.held = nil
	return e.deliver(held)
}

func (e *requestEditor) deliver(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if e.tap != nil {
		e.tap.Deliver()
	}
	if _, err := e.leg.Write(p); err != nil {
		return err
	}
	if e.tap != nil {
		e.tap.Request(p)
	}
	return nil
}

// writeHead takes the head that p begins with, or goes on with, and returns what follows
// of p.
func (e *requestEditor) writeHead(p []byte) (rest []byte, err error) {
	b := p
	if len(e.held) > 0 {
		e.held = append(e.held, p...)
		b = e.held
	}
	start, end, err := e.scan.Scan(b)
	if err == nil && end == 0 {
		if len(e.held) == 0 {
			e.held = append(e.held, p...)
		}
		return nil, nil
	}
	w := headWorks.Get().(*headWork)
	defer w.done()
	if err == nil {
		err = http1.ParseRequest(&w.request, b[start:end], e.scan.Limits)
	}
	e.held = nil
	e.scan.Reset()
	if err != nil {
		e.opaque = true
		return nil, e.deliver(b)
	}
	e.expect(&w.request)
	w.out = append(w.out[:0], b[:start]...)
	w.out = e.editsFor(&w.request).AppendRequest(w.out, &w.request)
	e.body = w.request.Body()
	rest = b[end:]
	n, _, bad := e.body.Next(rest[:min(len(rest), inlineBody)])
	e.opaque = bad != nil
	w.out = append(w.out, rest[:n]...)
	return rest[n:], e.deliver(w.out)
}

func (w *headWork) done() {
	if cap(w.out) > keptHead {
		w.out = nil
	}
	headWorks.Put(w)
}

// expect tells those who follow the responses of a request that is about to be sent.
func (e *requestEditor) expect(r *http1.Request) {
	if !e.began {
		e.began = true
		if !e.strict || r.Upgrade != nil || e.rules.editsResponses() {
			e.responses.follow()
		}
	}
	if r.Upgrade != nil {
		e.upgrade = make(chan bool, 1)
	}
	e.responses.push(r.Method, e.upgrade)
}

// awaitAnswer waits until it is known what follows a request that asked to leave HTTP.
func (e *requestEditor) awaitAnswer() error {
	timeout := time.NewTimer(upgradeWait)
	defer timeout.Stop()
	select {
	case e.opaque = <-e.upgrade:
		e.upgrade = nil
		return nil
	case <-timeout.C:
		e.leg.Reset()
		return errNoUpgradeAnswer
	}
}

// editsFor returns the changes for one request.
func (e *requestEditor) editsFor(r *http1.Request) *http1.Edits {
	e.edits.Remove, e.edits.Set, e.edits.Drop = e.rules.request.Remove, nil, nil
	if e.rules.forwarded {
		e.edits.Set = e.set[:0]
		e.tell(r, forwardedFor, e.visitor)
		e.tell(r, forwardedProto, e.rules.scheme)
		e.tell(r, forwardedHost, e.forwardedHost(r))
		if !e.behindProxy {
			e.edits.Drop = isForwarded
		}
	}
	e.keepNominations(r)
	return &e.edits
}

// tell sets a field about the visitor, unless the tunnel's settings care for it or a
// trusted proxy has set it.
func (e *requestEditor) tell(r *http1.Request, name, value string) {
	if value == "" || e.rules.own[name] || e.behindProxy && r.Count(name) > 0 {
		return
	}
	e.edits.Set = append(e.edits.Set, http1.Header{Name: name, Value: value})
}

// forwardedHost returns the host as the visitor wrote it, with the port of a proxy in
// front of the server, if it is that of the tunnel.
func (e *requestEditor) forwardedHost(r *http1.Request) string {
	if len(r.HostPort) == 0 || string(r.Host) != e.rules.host {
		return e.rules.hostPort
	}
	if string(r.HostPort) != e.hostPort {
		e.hostPort = string(r.HostPort)
	}
	return e.hostPort
}

// keepNominations sees to it that a visitor can't have the fields that were put in taken
// out again by a proxy behind: that drops all fields that Connection names.
func (e *requestEditor) keepNominations(r *http1.Request) {
	found := false
	for i := range r.Fields {
		if r.Fields[i].Is("Connection") && e.nominates(r.Fields[i].Value) {
			found = true
		}
	}
	if !found {
		return
	}
	var kept []string
	for _, f := range r.Fields {
		if !f.Is("Connection") {
			continue
		}
		for item := range bytes.SplitSeq(f.Value, []byte(",")) {
			if item = bytes.TrimSpace(item); len(item) > 0 && !e.nominates(item) {
				kept = append(kept, string(item))
			}
		}
	}
	e.edits.Remove = append([]string{"Connection"}, e.edits.Remove...)
	if len(kept) > 0 {
		e.edits.Set = append(e.edits.Set, http1.Header{Name: "Connection", Value: strings.Join(kept, ", ")})
	}
}

// nominates reports whether a list of names holds one that must stay.
func (e *requestEditor) nominates(list []byte) bool {
	for list != nil {
		item, rest, more := bytes.Cut(list, []byte(","))
		item = bytes.TrimSpace(item)
		if e.rules.forwarded && isForwarded(item) {
			return true
		}
		for i := range e.rules.request.Add {
			if strings.EqualFold(string(item), e.rules.request.Add[i].Name) {
				return true
			}
		}
		if list = rest; !more {
			break
		}
	}
	return false
}
