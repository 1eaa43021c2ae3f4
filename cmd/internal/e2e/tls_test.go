package e2e

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"ngrok/conn/conntest"
	"ngrok/server"
)

func TestPublicTLS(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, func(c *server.Config) { c.TLS.MinVersion = tls.VersionTLS10 })
	old := &tls.Config{ServerName: "localhost", RootCAs: w.roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if _, err := tls.Dial("tcp", w.listen.Tunnel.Addr().String(), old); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1 on the tunnel port: %v", err)
	}
	for _, tt := range []struct {
		name   string
		config *tls.Config
		alpn   string
		fails  string
	}{
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "", "protocol version"},
		{"TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, "", ""},
		{"TLS 1.3", &tls.Config{MinVersion: tls.VersionTLS13}, "", ""},
		{"a browser", &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, "http/1.1", ""},
		{"HTTP/2 alone", &tls.Config{NextProtos: []string{"h2"}}, "", "no application protocol"},
		{"a challenge without ACME", &tls.Config{NextProtos: []string{"acme-tls/1"}}, "", "no application protocol"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.config.ServerName, tt.config.RootCAs = "a.localhost", w.roots
			tt.config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			for i := range 2 {
				c, err := tls.Dial("tcp", w.listen.HTTPS.Addr().String(), tt.config)
				if tt.fails != "" {
					if err == nil || !strings.Contains(err.Error(), tt.fails) {
						t.Fatalf("%v, want %q", err, tt.fails)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				// The answer brings the session ticket along.
				c.SetDeadline(time.Now().Add(patience))
				c.Write([]byte("GET / HTTP/1.0\r\nHost: a.localhost\r\n\r\n"))
				if n, err := c.Read(make([]byte, 100)); n == 0 {
					t.Fatal(err)
				}
				state := c.ConnectionState()
				c.Close()
				if state.NegotiatedProtocol != tt.alpn || state.DidResume != (i > 0) {
					t.Errorf("connection %d: protocol %q, resumed %v", i, state.NegotiatedProtocol, state.DidResume)
				}
			}
		})
	}
}
