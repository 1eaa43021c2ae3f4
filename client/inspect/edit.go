package inspect

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"ngrok/conn/http1"
)

// Edit changes a request before it is sent again. Content-Length is always that of the
// body that is sent; chunks are joined, trailers and Expect are left out.
type Edit struct {
	Method string  // empty leaves it as it was
	Target string  // path and query; empty leaves it
	Header []Field // all fields to send; nil leaves them
	// Body is sent as it is; nil leaves it, empty and not nil removes it. With a new body
	// and Header nil, the field Content-Encoding is left out, since it told about the old one.
	Body []byte
}

// apply makes the bytes of the changed request.
func (d *Edit) apply(e *Exchange) ([]byte, error) {
	method, target, header, body := e.Method, e.Target, e.Request.Header, e.Request.Body
	if d.Method != "" {
		method = d.Method
	}
	if d.Target != "" {
		target = d.Target
	}
	if d.Header != nil {
		header = d.Header
	}
	if d.Body != nil {
		body = d.Body
	}
	drop := []string{"Content-Length", "Transfer-Encoding", "Trailer", "Expect"}
	if d.Body != nil && d.Header == nil {
		drop = append(drop, "Content-Encoding")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\r\n", method, target, e.Request.Proto)
	for _, f := range header {
		if slices.ContainsFunc(drop, func(name string) bool { return strings.EqualFold(name, f.Name) }) {
			continue
		}
		if strings.ContainsAny(f.Name+f.Value, "\r\n") {
			return nil, fmt.Errorf("the header field %q holds a line break", f.Name)
		}
		b.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
	if len(body) > 0 || takesBody(method) {
		b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("\r\n")
	if err := checkRequest(b.String(), method, target); err != nil {
		return nil, err
	}
	b.Write(body)
	return []byte(b.String()), nil
}

// takesBody says whether servers expect a length with this method.
func takesBody(method string) bool {
	return method == "POST" || method == "PUT" || method == "PATCH"
}

// checkRequest refuses what no server in front of the service would have let pass, and
// what would not be the request that was meant.
func checkRequest(head, method, target string) error {
	scan := http1.HeadScanner{Limits: headLimits}
	_, end, err := scan.Scan([]byte(head))
	var r http1.Request
	if err == nil && end == len(head) {
		err = http1.ParseRequest(&r, []byte(head), headLimits)
	}
	switch {
	case err != nil:
		return fmt.Errorf("the edited request is not valid: %w", err)
	case string(r.Method) != method || string(r.Target) != target:
		return errors.New("the edited request is not valid: its method or its address holds a space or a line break")
	case r.UpgradesTo("websocket"):
		return ErrWebSocket
	}
	return nil
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }
