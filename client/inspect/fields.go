package inspect

import (
	"bytes"
	"slices"
	"strings"

	"ngrok/conn/http1"
)

// parseHead reads a head that has passed: whatever stands there is shown, lines
// without a colon as fields without a value, folded lines as one.
func parseHead(head []byte) (startLine string, fields []Field) {
	for i, line := range bytes.Split(head, []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("\r"))
		switch {
		case i == 0:
			startLine = string(line)
		case len(line) == 0:
		case (line[0] == ' ' || line[0] == '\t') && len(fields) > 0:
			last := &fields[len(fields)-1]
			last.Value = strings.TrimSpace(last.Value + " " + strings.Trim(string(line), " \t"))
		default:
			name, value, _ := bytes.Cut(line, []byte(":"))
			fields = append(fields, Field{Name: string(name), Value: strings.Trim(string(value), " \t")})
		}
	}
	return startLine, fields
}

// protoOf finds the protocol version in a request line or status line.
func protoOf(startLine string) string {
	if strings.HasPrefix(startLine, "HTTP/") {
		proto, _, _ := strings.Cut(startLine, " ")
		return proto
	}
	if i := strings.LastIndexByte(startLine, ' '); i >= 0 && strings.HasPrefix(startLine[i+1:], "HTTP/") {
		return startLine[i+1:]
	}
	return ""
}

// dechunk takes the chunk framing off a body that may be cut or broken anywhere.
func dechunk(p []byte) []byte {
	chunked := http1.Response{Framing: http1.Chunked}
	body := chunked.Body()
	out := make([]byte, 0, len(p))
	for {
		n, part, err := body.Step(p)
		if part == http1.Payload {
			out = append(out, p[:n]...)
		}
		p = p[n:]
		if n == 0 || err != nil {
			return out
		}
	}
}

// trailerStart returns where the trailers begin in a chunked body; its length when they
// are not kept.
func trailerStart(p []byte) int {
	chunked := http1.Response{Framing: http1.Chunked}
	body := chunked.Body()
	for at := 0; ; {
		n, part, err := body.Step(p[at:])
		if part == http1.Trailer {
			return at
		}
		if at += n; n == 0 || err != nil {
			return len(p)
		}
	}
}

// fieldValue returns the first value of the named field, letter case ignored.
func fieldValue(fields []Field, name string) string {
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// fieldTokens returns the comma-separated elements of all fields of that name, in
// lower case.
func fieldTokens(fields []Field, name string) []string {
	var tokens []string
	for _, f := range fields {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		for t := range strings.SplitSeq(f.Value, ",") {
			if t = strings.ToLower(strings.Trim(t, " \t")); t != "" {
				tokens = append(tokens, t)
			}
		}
	}
	return tokens
}

// sortFields orders fields by name, those of one name as they are.
func sortFields(fields []Field) {
	slices.SortStableFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
}
