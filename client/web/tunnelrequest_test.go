package web

import (
	"encoding/json"
	"testing"
)

// What one tunnel may hold is tested with configfile.TunnelJSON; this is what the server's
// lack of https makes of it.
func TestFallbackWithoutHTTPS(t *testing.T) {
	for name, c := range map[string]struct {
		json string
		want bool
	}{
		"nothing said":    {`{"name":"a","proto":"http","addr":80}`, true},
		"null is nothing": {`{"name":"a","proto":"http","addr":80,"bind_tls":null,"schemes":null}`, true},
		"bind_tls":        {`{"name":"a","proto":"http","addr":80,"bind_tls":"both"}`, false},
		"schemes":         {`{"name":"a","proto":"http","addr":80,"schemes":["http","https"]}`, false},
		"both by name":    {`{"name":"a","proto":"http+https","addr":80}`, false},
		"redirection":     {`{"name":"a","proto":"http","addr":80,"https_redirect":true}`, false},
		"tcp":             {`{"name":"a","proto":"tcp","addr":80}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			var fields map[string]json.RawMessage
			if err := json.Unmarshal([]byte(c.json), &fields); err != nil {
				t.Fatal(err)
			}
			tunnel, fallback, err := tunnelRequest(fields)
			if err != nil {
				t.Fatal(err)
			}
			if (fallback != nil) != c.want {
				t.Fatalf("fallback is %+v", fallback)
			}
			if fallback != nil && (len(fallback.Local) != 1 || fallback.Local["http"] == "" || len(tunnel.Local) != 2) {
				t.Errorf("%v falls back to %v", tunnel.Local, fallback.Local)
			}
		})
	}
}
