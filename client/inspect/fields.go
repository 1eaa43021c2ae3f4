package inspect

import (
	"bytes"
	"strconv"
	"strings"
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

// dechunk takes the chunk framing off a body that may be cut anywhere.
func dechunk(p []byte) []byte {
	out := make([]byte, 0, len(p))
	for len(p) > 0 {
		line, rest, ok := bytes.Cut(p, []byte("\n"))
		if !ok {
			break
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 63)
		if err != nil || n == 0 {
			break
		}
		if n >= uint64(len(rest)) {
			return append(out, rest...)
		}
		out = append(out, rest[:n]...)
		p = bytes.TrimPrefix(rest[n:], []byte("\r"))
		p = bytes.TrimPrefix(p, []byte("\n"))
	}
	return out
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

// hasToken says whether one of the elements of the named field is token.
func hasToken(fields []Field, name, token string) bool {
	for _, t := range fieldTokens(fields, name) {
		if t == token {
			return true
		}
	}
	return false
}
