package client

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	web := map[string]string{"http": "127.0.0.1:1", "https": "127.0.0.1:1"}
	tcp := map[string]string{"tcp": "127.0.0.1:1"}
	add := func(name, value string) HeaderChanges { return HeaderChanges{Add: []Header{{name, value}}} }
	tests := []struct {
		name   string
		tunnel Tunnel
		want   string // "" is fine
	}{
		{"plain", Tunnel{Local: web}, ""},
		{"all", Tunnel{Local: web, Users: []string{"a:b"}, AllowCIDRs: []string{"10.0.0.0/8", "::1"}, DenyCIDRs: []string{"10.0.0.1"}, MaxBody: 1,
			HTTPSRedirect: true, HostHeader: "rewrite", RequestHeaders: add("X-A", "b"), ResponseHeaders: add("X-A", "b")}, ""},
		{"tcp", Tunnel{Local: tcp, AllowCIDRs: []string{"10.0.0.0/8"}, ProxyProto: 2}, ""},
		{"tls", Tunnel{Local: map[string]string{"tls": "127.0.0.1:1", "http": "127.0.0.1:2"}, HTTPSRedirect: true, ProxyProto: 1}, ""},
		{"unknown protocol", Tunnel{Local: map[string]string{"ftp": "127.0.0.1:1"}}, "ftp"},
		{"https and tls", Tunnel{Local: map[string]string{"https": "127.0.0.1:1", "tls": "127.0.0.1:1"}}, "one name"},
		{"user without password", Tunnel{Local: web, Users: []string{"secret"}}, "auth"},
		{"users on tcp", Tunnel{Local: tcp, Users: []string{"a:b"}}, "auth"},
		{"no network", Tunnel{Local: web, AllowCIDRs: []string{"ten"}}, "allow_cidrs"},
		{"zone", Tunnel{Local: web, DenyCIDRs: []string{"fe80::1%eth0"}}, "deny_cidrs"},
		{"negative size", Tunnel{Local: web, MaxBody: -1}, "max_body"},
		{"max_body on tcp", Tunnel{Local: tcp, MaxBody: 1}, "max_body"},
		{"redirect without https", Tunnel{Local: map[string]string{"http": "127.0.0.1:1"}, HTTPSRedirect: true}, "https_redirect"},
		{"redirect without http", Tunnel{Local: map[string]string{"https": "127.0.0.1:1"}, HTTPSRedirect: true}, "https_redirect"},
		{"proxy_proto on http", Tunnel{Local: web, ProxyProto: 1}, "proxy_proto"},
		{"proxy_proto 3", Tunnel{Local: tcp, ProxyProto: 3}, "proxy_proto"},
		{"headers on tcp", Tunnel{Local: tcp, RequestHeaders: add("A", "b")}, "request_header"},
		{"line break in a value", Tunnel{Local: web, RequestHeaders: add("X-A", "b\r\nX-Evil: 1")}, "request_header"},
		{"line feed in a value", Tunnel{Local: web, ResponseHeaders: add("X-A", "b\nX-Evil: 1")}, "response_header"},
		{"colon in a name", Tunnel{Local: web, RequestHeaders: add("X-A: b", "c")}, "request_header"},
		{"empty name", Tunnel{Local: web, RequestHeaders: add("", "c")}, "request_header"},
		{"space in a name to remove", Tunnel{Local: web, ResponseHeaders: HeaderChanges{Remove: []string{"X A"}}}, "response_header"},
		{"Host added", Tunnel{Local: web, RequestHeaders: add("host", "c")}, "host_header"},
		{"Content-Length", Tunnel{Local: web, RequestHeaders: add("Content-length", "1")}, "Content-Length"},
		{"Transfer-Encoding removed", Tunnel{Local: web, ResponseHeaders: HeaderChanges{Remove: []string{"transfer-encoding"}}}, "Transfer-Encoding"},
		{"Connection", Tunnel{Local: web, ResponseHeaders: add("connection", "close")}, "Connection"},
		{"Upgrade removed", Tunnel{Local: web, RequestHeaders: HeaderChanges{Remove: []string{"upgrade"}}}, "Upgrade"},
		{"host with a line break", Tunnel{Local: web, HostHeader: "a\r\nX: y"}, "host_header"},
		{"host with a path", Tunnel{Local: web, HostHeader: "a/b"}, "host_header"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.tunnel.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("shows a password: %v", err)
			}
		})
	}
}

func TestProxyHeader(t *testing.T) {
	tests := []struct{ name, visitor, url, service, want string }{
		{"IPv4", "192.0.2.1:5000", "tcp://x:4711", "127.0.0.1:22", "PROXY TCP4 192.0.2.1 127.0.0.1 5000 4711\r\n"},
		{"IPv6 to an IPv4 service", "[2001:db8::1]:5000", "tcp://x:4711", "127.0.0.1:22", "PROXY TCP6 2001:db8::1 :: 5000 4711\r\n"},
		{"IPv4 to an IPv6 service", "192.0.2.1:5000", "tls://x", "[::1]:22", "PROXY TCP4 192.0.2.1 0.0.0.0 5000 443\r\n"},
		{"no address", "somebody", "tls://x", "[::1]:22", "PROXY UNKNOWN\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(proxyHeader(tt.visitor, tt.url, tt.service).AppendV1(nil)); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
