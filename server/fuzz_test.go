package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"ngrok/conn/http1"
	"ngrok/msg"
)

// FuzzVisitor reads who a visitor is from what a trusted proxy passes on. What the visitor
// itself put in front must not matter.
func FuzzVisitor(f *testing.F) {
	for _, seed := range []string{"198.51.100.7", "1.2.3.4, 10.0.0.1", " ,10.0.0.1,", "[2001:db8::1]:80", "unknown, 10.0.0.1", "fe80::1%eth0", "::ffff:10.0.0.1"} {
		f.Add(seed, "10.0.0.1")
	}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	s := &Server{config: Config{TrustedProxies: proxies}}
	from := origin{addr: netip.MustParseAddrPort("10.0.0.9:5"), proxy: true}
	visitor := func(lists ...string) (netip.Addr, bool) {
		head := "GET / HTTP/1.1\r\nHost: a\r\n"
		for _, list := range lists {
			head += "X-Forwarded-For: " + list + "\r\n"
		}
		var r http1.Request
		if http1.ParseRequest(&r, []byte(head+"\r\n"), http1.Limits{}) != nil {
			return netip.Addr{}, false
		}
		return s.visitor(from, &r), true
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		a, ok := visitor(first, second)
		if !ok || s.trusts(a) {
			return // proxies alone: it is one of them
		}
		for _, forged := range [][]string{{"192.0.2.99, " + first, second}, {"192.0.2.99", first, second}, {"10.0.0.2", "x", first, second}} {
			if b, ok := visitor(forged...); ok && b != a {
				t.Fatalf("%q, %q is from %v, and %q from %v", first, second, a, forged, b)
			}
		}
	})
}

// FuzzRedirect sends a visitor from any target to https. It must stay on the tunnel's host.
func FuzzRedirect(f *testing.F) {
	for _, seed := range []string{"/", "/a?b=c", "//evil.example/", "http://a.example", "http://a.example?x", "http://a.example//evil.example", "*", "/\\evil.example", "/%0d%0aX: y"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, target []byte) {
		head := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: a.example\r\n\r\n", target)
		var r http1.Request
		if http1.ParseRequest(&r, head, http1.Limits{}) != nil {
			return
		}
		const to = "https://a.example:8443"
		answer := redirected(to, r.Target).append(nil, &r, true)
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), &http.Request{Method: string(r.Method)})
		if err != nil {
			t.Fatalf("%v in %q", err, answer)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(r.Method) != "HEAD" && int64(len(body)) != resp.ContentLength {
			t.Fatalf("%d bytes of %d, %v", len(body), resp.ContentLength, err)
		}
		all := resp.Header.Values("Location")
		if len(all) != 1 || !strings.HasPrefix(all[0], to+"/") {
			t.Fatalf("%q leads to %q", target, all)
		}
		if u, err := url.Parse(all[0]); err == nil && u.Host != "a.example:8443" {
			t.Fatalf("%q leads to %q", target, u.Host)
		}
	})
}

// FuzzOptions reads what a client asks to be enforced. What is taken must mean what it says.
func FuzzOptions(f *testing.F) {
	f.Add("192.0.2.0/24", "192.0.2.7", "a:b")
	f.Add("::ffff:192.0.2.0/120", "192.0.2.7", "a")
	f.Add("2001:db8::1", "2001:db8::1", ":")
	f.Add("fe80::1%eth0", "fe80::1", "a:b:c")
	f.Fuzz(func(t *testing.T, network, from, user string) {
		m := &msg.ReqTunnel{Options: &msg.TunnelOptions{Users: []string{user}, AllowCIDRs: []string{network}}}
		o, err := newOptions(m, "http")
		if err != nil {
			return
		}
		again, err := parsePrefix(o.allow[0].String())
		if err != nil || again != o.allow[0] || again != again.Masked() {
			t.Fatalf("%q becomes %v, then %v (%v)", network, o.allow[0], again, err)
		}
		if a, err := netip.ParseAddr(from); err == nil && a.Zone() == "" && o.allows(a) != o.allow[0].Contains(a.Unmap()) {
			t.Fatalf("%q lets %v in: %v", network, a, o.allows(a))
		}
		if o.allows(netip.Addr{}) {
			t.Fatal("an unknown address is let in")
		}
		if name, password, ok := strings.Cut(user, ":"); !ok || name == "" || len(o.users) != 1 {
			t.Fatalf("user %q with password %q is taken", name, password)
		}
	})
}
