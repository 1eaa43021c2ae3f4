package server

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"ngrok/conn/http1"
	"ngrok/msg"
)

// request returns a request with those header lines.
func request(t testing.TB, lines ...string) *http1.Request {
	t.Helper()
	head := "GET / HTTP/1.1\r\nHost: a.b\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
	r := new(http1.Request)
	if err := http1.ParseRequest(r, []byte(head), http1.Limits{}); err != nil {
		t.Fatal(err)
	}
	return r
}

func basic(credentials string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

func TestOptionsRefused(t *testing.T) {
	tests := []struct {
		name, protocol string
		m              msg.ReqTunnel
		want           string
	}{
		{"password on tcp", "tcp", msg.ReqTunnel{HttpAuth: "a:b"}, "password"},
		{"users on tls", "tls", msg.ReqTunnel{Options: &msg.TunnelOptions{Users: []string{"a:b"}}}, "password"},
		{"max_body on tcp", "tcp", msg.ReqTunnel{Options: &msg.TunnelOptions{MaxBody: 1}}, "max_body"},
		{"user without password", "http", msg.ReqTunnel{Options: &msg.TunnelOptions{Users: []string{"secret"}}}, "user:password"},
		{"user without name", "http", msg.ReqTunnel{Options: &msg.TunnelOptions{Users: []string{":secret"}}}, "user:password"},
		{"no network", "http", msg.ReqTunnel{Options: &msg.TunnelOptions{AllowCIDRs: []string{"10.0.0.0/33"}}}, "allow_cidrs"},
		{"a name", "tcp", msg.ReqTunnel{Options: &msg.TunnelOptions{DenyCIDRs: []string{"localhost"}}}, "deny_cidrs"},
		{"an empty network", "http", msg.ReqTunnel{Options: &msg.TunnelOptions{DenyCIDRs: []string{""}}}, "deny_cidrs"},
		{"too many networks", "http", msg.ReqTunnel{Options: &msg.TunnelOptions{DenyCIDRs: make([]string, 257)}}, "256"},
		{"negative size", "https", msg.ReqTunnel{Options: &msg.TunnelOptions{MaxBody: -1}}, "max_body"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newOptions(&tt.m, tt.protocol)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("error shows a password: %v", err)
			}
		})
	}
}

func TestOptionsAdmit(t *testing.T) {
	one, _ := newOptions(&msg.ReqTunnel{HttpAuth: "u:p"}, "http")
	three, _ := newOptions(&msg.ReqTunnel{HttpAuth: "u:p", Options: &msg.TunnelOptions{Users: []string{"v:q:r", "w:"}}}, "http")
	tests := []struct {
		name       string
		lines      []string
		one, three bool
	}{
		{"nothing", nil, false, false},
		{"the first", []string{basic("u:p")}, true, true},
		{"colon in the password", []string{basic("v:q:r")}, false, true},
		{"empty password", []string{basic("w:")}, false, true},
		{"wrong password", []string{basic("u:q")}, false, false},
		{"password of another", []string{basic("u:q:r")}, false, false},
		{"no colon", []string{basic("u")}, false, false},
		{"twice", []string{basic("u:p"), basic("u:p")}, false, false},
		{"other scheme", []string{"Authorization: Bearer dTpw"}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request(t, tt.lines...)
			if one.admits(r) != tt.one || three.admits(r) != tt.three {
				t.Errorf("one user: %v, three: %v", one.admits(r), three.admits(r))
			}
			if !(&options{}).admits(r) {
				t.Error("without a password not admitted")
			}
		})
	}
}

func TestOptionsAllow(t *testing.T) {
	tests := []struct {
		name        string
		allow, deny []string
		in, out     []string
	}{
		{"none", nil, nil, []string{"192.0.2.1", "::1"}, nil},
		{"allowed", []string{"192.0.2.0/24", "2001:db8::1"}, nil, []string{"192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"}, []string{"192.0.3.1", "2001:db8::2"}},
		{"denied", nil, []string{"192.0.2.1"}, []string{"192.0.2.2", "::1"}, []string{"192.0.2.1", "::ffff:192.0.2.1"}},
		{"denied within allowed", []string{"10.0.0.0/8"}, []string{"10.1.0.0/16"}, []string{"10.2.0.1"}, []string{"10.1.0.1", "11.0.0.1"}},
		{"IPv4 written as IPv6", []string{"::ffff:10.0.0.0/104"}, nil, []string{"10.1.2.3"}, []string{"11.0.0.1"}},
		{"host bits set", []string{"10.1.2.3/8"}, nil, []string{"10.9.9.9"}, []string{"11.0.0.1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := newOptions(&msg.ReqTunnel{Options: &msg.TunnelOptions{AllowCIDRs: tt.allow, DenyCIDRs: tt.deny}}, "tcp")
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range tt.in {
				if !o.allows(netip.MustParseAddr(a)) {
					t.Errorf("%s is kept out", a)
				}
			}
			for _, a := range tt.out {
				if o.allows(netip.MustParseAddr(a)) {
					t.Errorf("%s is let in", a)
				}
			}
			if rules := len(tt.allow)+len(tt.deny) > 0; o.allows(netip.Addr{}) == rules {
				t.Errorf("an unknown address is let in: %v", !rules)
			}
		})
	}
}

func TestRedirected(t *testing.T) {
	tests := []struct{ target, want string }{
		{"/", "https://x:1/"},
		{"/a?b=c", "https://x:1/a?b=c"},
		{"//evil.example/", "https://x:1//evil.example/"},
		{"http://x/a", "https://x:1/a"},
		{"http://x?a", "https://x:1/?a"},
		{"http://x", "https://x:1/"},
		{"*", "https://x:1/"},
	}
	for _, tt := range tests {
		a := redirected("https://x:1", []byte(tt.target))
		if want := "Location: " + tt.want + "\r\n"; a.header != want || a.status != 307 {
			t.Errorf("%s: %d %q, want %q", tt.target, a.status, a.header, want)
		}
	}
}

func TestVisitor(t *testing.T) {
	s := &Server{config: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}}}
	const none = "invalid IP"
	tests := []struct {
		name, peer string
		lines      []string
		want       string
	}{
		{"no proxy", "192.0.2.1", []string{"X-Forwarded-For: 198.51.100.1"}, "192.0.2.1"},
		{"proxy without the field", "127.0.0.1", nil, "127.0.0.1"},
		{"one", "127.0.0.1", []string{"X-Forwarded-For: 198.51.100.1"}, "198.51.100.1"},
		{"spoofed before it", "127.0.0.1", []string{"X-Forwarded-For: 1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		{"spoofed line before it", "127.0.0.1", []string{"X-Forwarded-For: 1.1.1.1", "x-forwarded-for: 198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "127.0.0.1", []string{"X-Forwarded-For: 1.1.1.1,198.51.100.1,10.0.0.1"}, "198.51.100.1"},
		{"proxies alone", "127.0.0.1", []string{"X-Forwarded-For: 10.0.0.2, 10.0.0.1"}, "10.0.0.2"},
		{"with port", "127.0.0.1", []string{"X-Forwarded-For: 198.51.100.1:5000"}, "198.51.100.1"},
		{"IPv6", "127.0.0.1", []string{"X-Forwarded-For: [2001:db8::1]:5000"}, "2001:db8::1"},
		{"IPv6 in brackets", "127.0.0.1", []string{"X-Forwarded-For: [2001:db8::1]"}, "2001:db8::1"},
		{"IPv4 in IPv6", "127.0.0.1", []string{"X-Forwarded-For: ::ffff:198.51.100.1"}, "198.51.100.1"},
		{"empty elements", "127.0.0.1", []string{"X-Forwarded-For: 198.51.100.1, ,"}, "198.51.100.1"},
		{"empty", "127.0.0.1", []string{"X-Forwarded-For: "}, "127.0.0.1"},
		{"unknown", "127.0.0.1", []string{"X-Forwarded-For: 198.51.100.1, unknown"}, none},
		{"garbage behind a proxy", "127.0.0.1", []string{"X-Forwarded-For: x, 10.0.0.1"}, none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := origin{addr: netip.AddrPortFrom(netip.MustParseAddr(tt.peer), 1)}
			o.proxy = s.trusts(o.addr.Addr())
			if got := s.visitor(o, request(t, tt.lines...)).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestLimitedBody(t *testing.T) {
	chunked := func(sizes ...int) string {
		var b strings.Builder
		for _, n := range sizes {
			fmt.Fprintf(&b, "%x;note=1\r\n%s\r\n", n, strings.Repeat("x", n))
		}
		return b.String() + "0\r\n\r\n"
	}
	tests := []struct {
		name, in string
		limit    int64
		ok       bool
	}{
		{"no limit", chunked(1000, 1000), 0, true},
		{"at the limit", chunked(5, 5), 10, true},
		{"above it", chunked(5, 6), 10, false},
		{"one chunk above it", chunked(11), 10, false},
		{"empty", chunked(), 1, true},
	}
	for _, tt := range tests {
		for _, step := range []int{1, 7, 1 << 20} {
			r := request(t, "Transfer-Encoding: chunked")
			b := limitedBody{Body: r.Body(), limit: tt.limit}
			rest, sent := []byte(tt.in), 0
			var err error
			for len(rest) > 0 && err == nil && !b.Done() {
				var n int
				n, _, err = b.Next(rest[:min(step, len(rest))])
				sent += n
				rest = rest[n:]
			}
			if (err == nil) != tt.ok || tt.ok && (!b.Done() || sent != len(tt.in)) {
				t.Errorf("%s by %d: sent %d of %d, %v", tt.name, step, sent, len(tt.in), err)
			}
			if payload := bytes.Count([]byte(tt.in[:sent]), []byte("x")); tt.limit > 0 && int64(payload) > tt.limit {
				t.Errorf("%s by %d: %d bytes of payload passed", tt.name, step, payload)
			}
		}
	}
}
