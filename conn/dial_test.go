package conn

import (
	"net/url"
	"strings"
	"testing"
)

// An error tells which proxy it was, and nothing of the credentials.
func TestDialHidesCredentials(t *testing.T) {
	const addr = "127.0.0.1:1" // where nobody answers
	for _, scheme := range []string{"http", "https", "socks5", "gopher"} {
		t.Run(scheme, func(t *testing.T) {
			through := &url.URL{Scheme: scheme, User: url.UserPassword("kanarie-user", "kanarie-password"), Host: addr}
			nc, err := Dial(t.Context(), "server.example:4443", through)
			if err == nil {
				nc.Close()
				t.Fatal("connected to nobody")
			}
			if text := err.Error(); strings.Contains(text, "kanarie") || !strings.Contains(text, scheme+"://"+addr) {
				t.Errorf("%v", err)
			}
		})
	}
}
