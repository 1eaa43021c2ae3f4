package msg

import (
	"bytes"
	"encoding/binary"
)

// StartProxy is the one message that each public connection costs. What this project
// writes of it is fixed but for two short strings: reading and writing that form by hand
// takes a tenth of the time, and allocates little. Whatever looks different is JSON's.
const (
	startProxyURL    = `{"Type":"StartProxy","Payload":{"Url":"`
	startProxyClient = `","ClientAddr":"`
	startProxyReuse  = `","Reuse":true}}`
	startProxyEnd    = `"}}`
)

// appendStartProxy appends the encoded message to b and reports false when its strings
// need escapes.
func appendStartProxy(b []byte, m *StartProxy) ([]byte, bool) {
	if !isVerbatim(m.Url) || !isVerbatim(m.ClientAddr) {
		return b, false
	}
	end := startProxyEnd
	if m.Reuse {
		end = startProxyReuse
	}
	n := len(startProxyURL) + len(m.Url) + len(startProxyClient) + len(m.ClientAddr) + len(end)
	b = binary.LittleEndian.AppendUint64(b, uint64(n))
	b = append(b, startProxyURL...)
	b = append(b, m.Url...)
	b = append(b, startProxyClient...)
	b = append(b, m.ClientAddr...)
	return append(b, end...), true
}

// decodeStartProxy returns nil for everything that appendStartProxy would not write.
func decodeStartProxy(payload []byte) *StartProxy {
	rest, ok := bytes.CutPrefix(payload, []byte(startProxyURL))
	if !ok {
		return nil
	}
	url, rest, ok := bytes.Cut(rest, []byte(startProxyClient))
	if !ok {
		return nil
	}
	m := &StartProxy{}
	client, ok := bytes.CutSuffix(rest, []byte(startProxyReuse))
	if m.Reuse = ok; !ok {
		if client, ok = bytes.CutSuffix(rest, []byte(startProxyEnd)); !ok {
			return nil
		}
	}
	if !isVerbatim(url) || !isVerbatim(client) {
		return nil
	}
	m.Url, m.ClientAddr = string(url), string(client)
	return m
}

// isVerbatim reports whether s stands in JSON, as Go writes it, without a change.
func isVerbatim[T string | []byte](s T) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
