package http1

import (
	"bytes"
	"errors"
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
	// Drop, if not nil, says of the name of a field whether it is to be dropped, too. It
	// must spare Host, Content-Length and Transfer-Encoding.
	Drop func(name []byte) bool
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
			return errors.New("the Host header can't be removed, only replaced")
		}
	}
	for _, list := range [...][]Header{e.Set, e.Add} {
		for _, h := range list {
			if err := checkName(h.Name); err != nil {
				return err
			}
			if strings.EqualFold(h.Name, "Host") {
				return errors.New("the Host header can't be set as a field: use the host setting")
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
	head := r.Head
	if e.Host != "" {
		if _, authority, rest, ok := splitAbsolute(r.Target); ok {
			end := len(r.Method) + 1 + len(r.Target) - len(rest)
			dst = append(dst, head[:end-len(authority)]...)
			dst = append(dst, e.Host...)
			head = head[end:]
		}
	}
	return e.appendLines(dst, head, e.Host)
}

// AppendResponse appends the head of r with the changes, but for Host, to dst. Every byte
// that is not to be changed stays as it was, in its place; new fields follow the last one.
func (e *Edits) AppendResponse(dst []byte, r *Response) []byte {
	return e.appendLines(dst, r.Head, "")
}

// appendLines copies a head line by line. Of the start line the beginning may lack.
func (e *Edits) appendLines(dst, head []byte, host string) []byte {
	next := bytes.IndexByte(head, '\n') + 1
	dst = append(dst, head[:next]...)
	for {
		line := head[next:]
		line = line[:fieldEnd(line)]
		if len(line) == 0 {
			break
		}
		next += len(line)
		name := line[:max(bytes.IndexByte(line, ':'), 0)]
		switch {
		case host != "" && equalFold(name, "Host"):
			dst = append(dst, name...)
			dst = appendValue(dst, host)
			host = ""
		case !e.drops(trimSpace(name)):
			dst = append(dst, line...)
		}
	}
	if host != "" {
		dst = appendValue(append(dst, "Host"...), host)
	}
	for _, list := range [...][]Header{e.Set, e.Add} {
		for i := range list {
			dst = appendValue(append(dst, list[i].Name...), list[i].Value)
		}
	}
	return append(dst, head[next:]...)
}

// fieldEnd returns where the field that b begins with ends, its folded lines included; 0
// at the empty line that ends a head.
func fieldEnd(b []byte) int {
	end := bytes.IndexByte(b, '\n') + 1
	if end <= 1 || end == 2 && b[0] == '\r' {
		return 0
	}
	for end < len(b) && (b[end] == ' ' || b[end] == '\t') {
		more := bytes.IndexByte(b[end:], '\n') + 1
		if more == 0 {
			break
		}
		end += more
	}
	return end
}

func (e *Edits) drops(name []byte) bool {
	for i := range e.Remove {
		if equalFold(name, e.Remove[i]) {
			return true
		}
	}
	for i := range e.Set {
		if equalFold(name, e.Set[i].Name) {
			return true
		}
	}
	return e.Drop != nil && e.Drop(name)
}

func appendValue(dst []byte, value string) []byte {
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}
