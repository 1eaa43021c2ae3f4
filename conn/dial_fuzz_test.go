package conn

import (
	"bytes"
	"net/url"
	"testing"
)

// FuzzConnect reads what a proxy answers to CONNECT. It must take no byte of what the server
// behind it says, and no more than proxyAnswer.
func FuzzConnect(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n", "HTTP/1.1 407 No\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\nA: b\n\nx", "\x16\x03\x01", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		proxy := &scripted{b: bytes.Clone(in), step: max(step, 1)}
		err := connect(proxy, "a.example:443", url.UserPassword("u", "p"))
		took := in[:len(in)-len(proxy.b)]
		if len(took) > proxyAnswer {
			t.Fatalf("%d bytes were taken", len(took))
		}
		if err != nil {
			return
		}
		if !bytes.HasPrefix(in, []byte("HTTP/")) || !bytes.HasSuffix(took, []byte("\n\n")) && !bytes.HasSuffix(took, []byte("\n\r\n")) {
			t.Fatalf("connected after %q", took)
		}
	})
}
