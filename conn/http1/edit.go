package http1

import (
	"fmt"
	"strings"
)

// Edits are changes to a head. The zero Edits change nothing. Make them once, check them
// with Validate, then use them for any number of heads.
type Edits struct {
	// Host, if not empty, takes the place of the Host field's value and of the host in
	// an absolute target. For requests only.
	Host string
	// Remove names fields to drop.
	Remove []string
	// Set gives fields a value: a field of that name that is there already loses its
	// line, each of them if there are several.
	Set []Header
	// Add appends fields, whatever is there already.
	Add []Header
}

// Header is a field to put into a head.
type Header struct {
	Name, Value string
}

// framingNames are the fields that say where a message ends: changing them makes the
// head lie about the body.
var framingNames = [...]string{"Content-Length", "Transfer-Encoding"}

// Validate reports the first change that would break a message: a name that is no token,
// a control byte in a value, a field that belongs to the framing.
func (e *Edits) Validate() error {
	if e.Host != "" {
		if _, err := CanonicalHost(e.Host); err != nil {
			return fmt.Errorf("%q is not a host name: write it as name or name:port", e.Host)
		}
	}
	for _, name := range e.Remove {
		if err := checkName(name); err != nil {
			return err
		}
		if strings.EqualFold(name, "Host") {
			return fmt.Errorf("the Host header can't be removed, only replaced")
		}
	}
	for _, list := range [...][]Header{e.Set, e.Add} {
		for _, h := range list {
			if err := checkName(h.Name); err != nil {
				return err
			}
			if strings.EqualFold(h.Name, "Host") {
				return fmt.Errorf("the Host header can't be set as a field: use the host setting")
			}
			if !all([]byte(h.Value), classValue) {
				return fmt.Errorf("the value for header %s holds a control character or line break", h.Name)
			}
		}
	}
	return nil
}

func checkName(name string) error {
	if !isToken([]byte(name)) {
		return fmt.Errorf("%q is not a header name: only letters, digits and !#$%%&'*+-.^_`|~ are allowed", name)
	}
	for _, f := range framingNames {
		if strings.EqualFold(name, f) {
			return fmt.Errorf("header %s can't be changed: it tells where the message ends", f)
		}
	}
	return nil
}

// AppendRequest appends the head of r with the changes to dst. Every byte that is not to
// be changed stays as it was, in its place; new fields follow the last one.
func (e *Edits) AppendRequest(dst []byte, r *Request) []byte {
	start := r.Head
	if e.Host != "" {
		if _, authority, _, ok := splitAbsolute(r.Target); ok {
			at := len(r.Method) + 1 + len(r.Target) - len(authority)
			at -= len(r.Target) - authorityEnd(r.Target, authority)
			dst = append(dst, start[:at]...)
			dst = append(dst, e.Host...)
			start = start[at+len(authority):]
		}
	}
	return e.appendLines(dst, start, e.Host)
}

// authorityEnd returns where the authority ends in a target in absolute form.
func authorityEnd(target, authority []byte) int {
	return strings.Index(string(target), "://") + len("://") + len(authority)
}

// AppendResponse appends the head of r with the changes, but for Host, to dst. Every byte
// that is not to be changed stays as it was, in its place; new fields follow the last one.
func (e *Edits) AppendResponse(dst []byte, r *Response) []byte {
	return e.appendLines(dst, r.Head, "")
}

// appendLines copies a head line by line. The start line comes first; it may lack its
// beginning.
func (e *Edits) appendLines(dst, head []byte, host string) []byte {
	var f responseFraming
	_, next := f.cutLine(head, 0)
	dst = append(dst, head[:next]...)
	hosted := host == ""
	for {
		start := next
		stop, after := f.cutLine(head, start)
		if after == 0 || stop == start {
			break
		}
		for after < len(head) && (head[after] == ' ' || head[after] == '\t') {
			stop, after = f.cutLine(head, after)
		}
		next = after
		field, _ := f.field(head[start:stop])
		switch {
		case host != "" && field.Is("Host"):
			hosted = true
			dst = appendHeader(dst, string(field.Name), host)
		case e.drops(field):
		default:
			dst = append(dst, head[start:next]...)
		}
	}
	if !hosted {
		dst = appendHeader(dst, "Host", host)
	}
	for _, h := range e.Set {
		dst = appendHeader(dst, h.Name, h.Value)
	}
	for _, h := range e.Add {
		dst = appendHeader(dst, h.Name, h.Value)
	}
	return append(dst, head[next:]...)
}

func (e *Edits) drops(f Field) bool {
	for _, name := range e.Remove {
		if f.Is(name) {
			return true
		}
	}
	for i := range e.Set {
		if f.Is(e.Set[i].Name) {
			return true
		}
	}
	return false
}

func appendHeader(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}
