package http1

import (
	"errors"
	"strings"
	"testing"
)

// hostForms are host and target forms that visitors send. An empty host means a 400.
var hostForms = []struct {
	name   string
	method string // GET if empty
	target string // / if empty
	fields string // header lines that name the host, joined by |
	minor  byte   // '1' if 0
	host   string
}{
	{name: "plain", fields: "Host: example.com", host: "example.com"},
	{name: "upper case", fields: "Host: EXAMPLE.Com", host: "example.com"},
	{name: "upper case field name", fields: "HOST: example.com", host: "example.com"},
	{name: "lower case field name", fields: "host: example.com", host: "example.com"},
	{name: "port", fields: "Host: example.com:8080", host: "example.com"},
	{name: "empty port", fields: "Host: example.com:", host: "example.com"},
	{name: "highest port", fields: "Host: example.com:65535", host: "example.com"},
	{name: "port too high", fields: "Host: example.com:65536"},
	{name: "port too long", fields: "Host: example.com:000080"},
	{name: "port of letters", fields: "Host: example.com:http"},
	{name: "signed port", fields: "Host: example.com:+80"},
	{name: "two ports", fields: "Host: example.com:80:80"},
	{name: "port alone", fields: "Host: :80"},
	{name: "trailing dot", fields: "Host: example.com.", host: "example.com"},
	{name: "trailing dot and port", fields: "Host: example.com.:80", host: "example.com"},
	{name: "trailing dot upper case", fields: "Host: Example.COM.", host: "example.com"},
	{name: "two trailing dots", fields: "Host: example.com.."},
	{name: "dot alone", fields: "Host: ."},
	{name: "leading dot", fields: "Host: .example.com"},
	{name: "empty label", fields: "Host: example..com"},
	{name: "one label", fields: "Host: localhost", host: "localhost"},
	{name: "underscore", fields: "Host: my_app.example.com", host: "my_app.example.com"},
	{name: "hyphens in third and fourth place", fields: "Host: r3---sn-x.example.com", host: "r3---sn-x.example.com"},
	{name: "digits", fields: "Host: 123.example.com", host: "123.example.com"},
	{name: "white space around", fields: "Host: \t example.com \t", host: "example.com"},
	{name: "no white space", fields: "Host:example.com", host: "example.com"},
	{name: "label of 63", fields: "Host: " + strings.Repeat("a", 63) + ".com", host: strings.Repeat("a", 63) + ".com"},
	{name: "label of 64", fields: "Host: " + strings.Repeat("a", 64) + ".com"},
	{name: "name of 253", fields: "Host: " + strings.Repeat("abc.", 63) + "a", host: strings.Repeat("abc.", 63) + "a"},
	{name: "name of 254", fields: "Host: " + strings.Repeat("abc.", 63) + "ab"},
	{name: "umlaut", fields: "Host: münchen.example", host: "xn--mnchen-3ya.example"},
	{name: "umlaut upper case", fields: "Host: MÜNCHEN.example", host: "xn--mnchen-3ya.example"},
	{name: "umlaut decomposed", fields: "Host: mu\u0308nchen.example", host: "xn--mnchen-3ya.example"},
	{name: "A-label", fields: "Host: xn--mnchen-3ya.example", host: "xn--mnchen-3ya.example"},
	{name: "A-label upper case", fields: "Host: XN--MNCHEN-3YA.example", host: "xn--mnchen-3ya.example"},
	{name: "sharp s", fields: "Host: straße.example", host: "xn--strae-oqa.example"},
	{name: "full-width letters", fields: "Host: ｅｘａｍｐｌｅ.com", host: "example.com"},
	{name: "ideographic dot", fields: "Host: example。com", host: "example.com"},
	{name: "umlaut with port and dot", fields: "Host: münchen.example.:80", host: "xn--mnchen-3ya.example"},
	{name: "mixed directions", fields: "Host: aא.example"},
	{name: "invalid UTF-8", fields: "Host: m\xfcnchen.example"},
	{name: "full-width slash", fields: "Host: a／b.example"},
	{name: "long beyond ASCII", fields: "Host: " + strings.Repeat("ü", 600)},
	{name: "IPv4", fields: "Host: 127.0.0.1:80", host: "127.0.0.1"},
	{name: "IPv6", fields: "Host: [::1]", host: "[::1]"},
	{name: "IPv6 with port", fields: "Host: [::1]:8080", host: "[::1]"},
	{name: "IPv6 upper case, long form", fields: "Host: [2001:0DB8:0:0:0:0:0:1]", host: "[2001:db8::1]"},
	{name: "IPv6 without brackets", fields: "Host: ::1"},
	{name: "IPv6 with zone", fields: "Host: [fe80::1%25eth0]"},
	{name: "IPv6 unclosed", fields: "Host: [::1"},
	{name: "IPv6 and more", fields: "Host: [::1]x"},
	{name: "IPv6 bad port", fields: "Host: [::1]:x"},
	{name: "IPv4 in brackets", fields: "Host: [127.0.0.1]"},
	{name: "IPvFuture", fields: "Host: [v1.a]"},
	{name: "empty brackets", fields: "Host: []"},
	{name: "endless brackets", fields: "Host: [" + strings.Repeat("0:", 200) + "]"},
	{name: "missing", fields: ""},
	{name: "missing in 1.0", minor: '0', fields: "", host: "-"},
	{name: "in 1.0", minor: '0', fields: "Host: example.com", host: "example.com"},
	{name: "bad in 1.0", minor: '0', fields: "Host: a/b"},
	{name: "empty", fields: "Host:"},
	{name: "empty in 1.0", minor: '0', fields: "Host: "},
	{name: "repeated, same", fields: "Host: example.com|Host: example.com"},
	{name: "repeated, different", fields: "Host: example.com|Host: other.com"},
	{name: "repeated in other case", fields: "Host: example.com|hOsT: other.com"},
	{name: "repeated in 1.0", minor: '0', fields: "Host: example.com|Host: other.com"},
	{name: "repeated, first empty", fields: "Host:|Host: example.com"},
	{name: "list", fields: "Host: example.com, other.com"},
	{name: "user name", fields: "Host: user@example.com"},
	{name: "path", fields: "Host: example.com/x"},
	{name: "URL", fields: "Host: http://example.com"},
	{name: "query", fields: "Host: example.com?x"},
	{name: "fragment", fields: "Host: example.com#x"},
	{name: "backslash", fields: `Host: example.com\x`},
	{name: "percent", fields: "Host: ex%61mple.com"},
	{name: "wildcard", fields: "Host: *.example.com"},
	{name: "space inside", fields: "Host: example.com other.com"},
	{name: "quote", fields: `Host: "example.com"`},
	{name: "spoof by another field", fields: "X-Forwarded-Host: other.com|Host: example.com", host: "example.com"},

	{name: "path with everything", target: `/a/../%2e%zz//;x=y?q=[]{}|\^"<>` + "`" + "'?é", fields: "Host: example.com", host: "example.com"},
	{name: "two slashes", target: "//other.com/x", fields: "Host: example.com", host: "example.com"},
	{name: "URL in the path", target: "/http://other.com/", fields: "Host: example.com", host: "example.com"},
	{name: "no slash", target: "index.html", fields: "Host: example.com"},
	{name: "query alone", target: "?a=b", fields: "Host: example.com"},
	{name: "fragment in target", target: "/a#b", fields: "Host: example.com"},
	{name: "tab in target", target: "/a\tb", fields: "Host: example.com"},
	{name: "space in target", target: "/a b", fields: "Host: example.com"},
	{name: "delete in target", target: "/a\x7f", fields: "Host: example.com"},
	{name: "absolute", target: "http://example.com/x", fields: "Host: example.com", host: "example.com"},
	{name: "absolute https", target: "https://example.com/x", fields: "Host: example.com", host: "example.com"},
	{name: "absolute upper case", target: "HTTP://EXAMPLE.com/x", fields: "Host: example.COM", host: "example.com"},
	{name: "absolute without path", target: "http://example.com", fields: "Host: example.com", host: "example.com"},
	{name: "absolute with query alone", target: "http://example.com?x", fields: "Host: example.com", host: "example.com"},
	{name: "absolute, default port", target: "http://example.com:80/", fields: "Host: example.com", host: "example.com"},
	{name: "absolute https, default port", target: "https://example.com/", fields: "Host: example.com:443", host: "example.com"},
	{name: "absolute, same port", target: "http://example.com:8080/", fields: "Host: example.com:8080", host: "example.com"},
	{name: "absolute, other port", target: "http://example.com:8080/", fields: "Host: example.com:8081"},
	{name: "absolute, https on port 80", target: "https://example.com/", fields: "Host: example.com:80"},
	{name: "absolute, other host", target: "http://other.com/", fields: "Host: example.com"},
	{name: "absolute, trailing dot", target: "http://example.com./", fields: "Host: example.com", host: "example.com"},
	{name: "absolute, A-label and umlaut", target: "http://xn--mnchen-3ya.example/", fields: "Host: münchen.example", host: "xn--mnchen-3ya.example"},
	{name: "absolute IPv6", target: "http://[::1]:80/", fields: "Host: [0::1]", host: "[::1]"},
	{name: "absolute without Host", target: "http://example.com/", fields: ""},
	{name: "absolute without Host in 1.0", minor: '0', target: "http://Example.com:81/", fields: "", host: "example.com"},
	{name: "absolute with user name", target: "http://user@example.com/", fields: "Host: example.com"},
	{name: "absolute with password", target: "http://example.com:80@other.com/", fields: "Host: example.com"},
	{name: "absolute with backslash", target: `http://example.com\@other.com/`, fields: "Host: example.com"},
	{name: "absolute without host", target: "http:///x", fields: "Host: example.com"},
	{name: "absolute, one slash", target: "http:/example.com/", fields: "Host: example.com"},
	{name: "absolute, other scheme", target: "ftp://example.com/", fields: "Host: example.com"},
	{name: "absolute, websocket scheme", target: "ws://example.com/", fields: "Host: example.com"},
	{name: "absolute with fragment", target: "http://example.com/#x", fields: "Host: example.com"},
	{name: "asterisk", method: "OPTIONS", target: "*", fields: "Host: example.com", host: "example.com"},
	{name: "asterisk of GET", target: "*", fields: "Host: example.com"},
	{name: "asterisk and more", method: "OPTIONS", target: "*x", fields: "Host: example.com"},
	{name: "authority form", target: "example.com:80", fields: "Host: example.com:80"},
	{name: "CONNECT", method: "CONNECT", target: "example.com:443", fields: "Host: example.com:443"},
	{name: "CONNECT with a path", method: "CONNECT", target: "/", fields: "Host: example.com"},
}

func TestHostAndTargetForms(t *testing.T) {
	var r Request
	for _, tt := range hostForms {
		t.Run(tt.name, func(t *testing.T) {
			method, target, minor := tt.method, tt.target, tt.minor
			if method == "" {
				method = "GET"
			}
			if target == "" {
				target = "/"
			}
			if minor == 0 {
				minor = '1'
			}
			head := method + " " + target + " HTTP/1." + string(minor) + "\r\n"
			if tt.fields != "" {
				head += strings.ReplaceAll(tt.fields, "|", "\r\n") + "\r\n"
			}
			head += "\r\n"
			err := ParseRequest(&r, []byte(head), Limits{})
			if tt.host == "" {
				var e *Error
				if !errors.As(err, &e) || e.Status != 400 {
					t.Fatalf("error %v, host %q; want a 400", err, r.Host)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.TrimPrefix(tt.host, "-"); string(r.Host) != want {
				t.Errorf("Host %q, want %q", r.Host, want)
			}
			if string(r.Target) != target {
				t.Errorf("Target %q, want %q", r.Target, target)
			}
		})
	}
}

func TestHostPortIsWhatWasSent(t *testing.T) {
	for head, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: Example.com.:80\r\n\r\n":                                    "Example.com.:80",
		"GET http://Example.com:81/ HTTP/1.0\r\n\r\n":                                        "Example.com:81",
		"GET http://example.com/ HTTP/1.1\r\nHost: EXAMPLE.com\r\n\r\n":                      "EXAMPLE.com",
		"GET http://EXAMPLE.com/ HTTP/1.1\r\nX: y\r\nHost:   example.com   \r\nY: z\r\n\r\n": "example.com",
	} {
		var r Request
		if err := ParseRequest(&r, []byte(head), Limits{}); err != nil {
			t.Errorf("%q: %v", head, err)
		} else if string(r.HostPort) != want {
			t.Errorf("%q: HostPort %q, want %q", head, r.HostPort, want)
		}
	}
}

func TestCanonicalHost(t *testing.T) {
	for in, want := range map[string]string{
		"Example.COM.:443": "example.com",
		"bücher.example":   "xn--bcher-kva.example",
		"[::FFFF]:1":       "[::ffff]",
	} {
		if got, err := CanonicalHost(in); err != nil || got != want {
			t.Errorf("CanonicalHost(%q) = %q, %v; want %q", in, got, err, want)
		}
		if again, err := CanonicalHost(want); err != nil || again != want {
			t.Errorf("CanonicalHost(%q) = %q, %v: not stable", want, again, err)
		}
	}
	if got, err := CanonicalHost("a b"); err == nil {
		t.Errorf("CanonicalHost of a name with a space = %q", got)
	}
}
