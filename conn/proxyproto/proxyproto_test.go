package proxyproto

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	reference "github.com/pires/go-proxyproto"
)

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestParse(t *testing.T) {
	four := Header{ap("192.0.2.1:5000"), ap("198.51.100.2:443")}
	six := Header{ap("[2001:db8::1]:5000"), ap("[2001:db8::2]:443")}
	tests := []struct {
		name, in string
		want     Header
		n        int // -1: all of in
		more     bool
		err      bool
	}{
		{name: "nothing", in: "", more: true},
		{name: "http", in: "GET / HTTP/1.1\r\n"},
		{name: "method that begins alike", in: "PROPFIND / HTTP/1.1\r\n"},
		{name: "tls", in: "\x16\x03\x01"},
		{name: "part of v1", in: "PROX", more: true},
		{name: "v1 without its end", in: "PROXY TCP4 192.0.2.1 198.51.100.2 5000 443\r", more: true},
		{name: "v1", in: "PROXY TCP4 192.0.2.1 198.51.100.2 5000 443\r\n", want: four, n: -1},
		{name: "v1 IPv6", in: "PROXY TCP6 2001:db8::1 2001:db8::2 5000 443\r\n", want: six, n: -1},
		{name: "v1 unknown", in: "PROXY UNKNOWN\r\n", n: -1},
		{name: "v1 unknown with addresses", in: "PROXY UNKNOWN ff:: ff:: 1 2\r\n", n: -1},
		{name: "v1 and data", in: "PROXY UNKNOWN\r\nGET /", n: 15},
		{name: "v1 of the wrong family", in: "PROXY TCP4 2001:db8::1 2001:db8::2 5000 443\r\n", err: true},
		{name: "v1 with a zone", in: "PROXY TCP6 fe80::1%eth0 fe80::2 5000 443\r\n", err: true},
		{name: "v1 with a name", in: "PROXY TCP4 localhost 198.51.100.2 5000 443\r\n", err: true},
		{name: "v1 with a port too high", in: "PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n", err: true},
		{name: "v1 with a leading zero", in: "PROXY TCP4 192.0.2.1 198.51.100.2 0443 443\r\n", err: true},
		{name: "v1 with a sign", in: "PROXY TCP4 192.0.2.1 198.51.100.2 +443 443\r\n", err: true},
		{name: "v1 with an empty port", in: "PROXY TCP4 192.0.2.1 198.51.100.2  443\r\n", err: true},
		{name: "v1 with two spaces", in: "PROXY TCP4  192.0.2.1 198.51.100.2 1 443\r\n", err: true},
		{name: "v1 with a bare line feed", in: "PROXY UNKNOWN\n", err: true},
		{name: "v1 of another protocol", in: "PROXY UDP4 192.0.2.1 198.51.100.2 1 443\r\n", err: true},
		{name: "v1 that never ends", in: "PROXY UNKNOWN " + strings.Repeat("x", MaxV1), err: true},
		{name: "http method PROXY", in: "PROXY / HTTP/1.1\r\n", err: true},

		{name: "part of v2", in: v2Signature[:5], more: true},
		{name: "v2 signature alone", in: v2Signature, more: true},
		{name: "v2", in: string(four.AppendV2(nil)), want: four, n: -1},
		{name: "v2 IPv6", in: string(six.AppendV2(nil)), want: six, n: -1},
		{name: "v2 but the last byte", in: string(six.AppendV2(nil)[:51]), more: true},
		{name: "v2 local", in: v2Signature + "\x20\x00\x00\x00", n: -1},
		{name: "v2 local with addresses", in: v2Signature + "\x20\x11\x00\x0c123456789012", n: -1},
		{name: "v2 unix", in: v2Signature + "\x21\x31\x00\x02xy", n: -1},
		{name: "v2 with notes", in: v2Signature + "\x21\x11\x00\x0f\xc0\x00\x02\x01\xc6\x33\x64\x02\x13\x88\x01\xbbtlv", want: four, n: -1},
		{name: "v2 too short for its addresses", in: v2Signature + "\x21\x11\x00\x0b12345678901", err: true},
		{name: "v2 of version 3", in: v2Signature + "\x31\x11\x00\x0c123456789012", err: true},
		{name: "v2 of another command", in: v2Signature + "\x22\x11\x00\x0c123456789012", err: true},
		{name: "v2 too long", in: v2Signature + "\x21\x11\xff\xff", err: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, n, more, err := Parse([]byte(tt.in))
			want := tt.n
			if want < 0 {
				want = len(tt.in)
			}
			if h != tt.want || n != want || more != tt.more || (err != nil) != tt.err {
				t.Errorf("got %v, %d bytes, more %v, %v", h, n, more, err)
			}
			if err != nil && !errors.Is(err, ErrMalformed) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestAppend compares with a library that others use.
func TestAppend(t *testing.T) {
	tests := []struct {
		name        string
		in, written Header
	}{
		{"IPv4", Header{ap("192.0.2.1:1"), ap("198.51.100.2:65535")}, Header{ap("192.0.2.1:1"), ap("198.51.100.2:65535")}},
		{"IPv6", Header{ap("[2001:db8::1]:1"), ap("[::1]:2")}, Header{ap("[2001:db8::1]:1"), ap("[::1]:2")}},
		{"IPv4 as IPv6", Header{ap("[::ffff:192.0.2.1]:1"), ap("198.51.100.2:2")}, Header{ap("192.0.2.1:1"), ap("198.51.100.2:2")}},
		{"of two families", Header{ap("[2001:db8::1]:1"), ap("198.51.100.2:2")}, Header{ap("[2001:db8::1]:1"), ap("[::ffff:198.51.100.2]:2")}},
		{"with a zone", Header{ap("[fe80::1%eth0]:1"), ap("[::1]:2")}, Header{ap("[fe80::1]:1"), ap("[::1]:2")}},
		{"none", Header{}, Header{}},
	}
	for _, tt := range tests {
		for version, b := range map[string][]byte{"v1": tt.in.AppendV1(nil), "v2": tt.in.AppendV2(nil)} {
			t.Run(tt.name+" "+version, func(t *testing.T) {
				h, n, more, err := Parse(b)
				if h != tt.written || n != len(b) || more || err != nil {
					t.Errorf("own reading of %q: %v, %d, %v, %v", b, h, n, more, err)
				}
				ref, err := reference.Read(bufio.NewReader(bytes.NewReader(b)))
				if err != nil {
					t.Fatalf("others cannot read %q: %v", b, err)
				}
				source, destination, ok := ref.TCPAddrs()
				if ok != tt.written.Source.IsValid() {
					t.Fatalf("others find addresses: %v", ok)
				}
				if ok && (addrPort(source) != tt.written.Source || addrPort(destination) != tt.written.Destination) {
					t.Errorf("others read %v, %v from %q", source, destination, b)
				}
			})
		}
	}
}

// addrPort keeps apart what net.IP does not: it has no IPv4 within IPv6.
func addrPort(a *net.TCPAddr) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(a.IP)
	return netip.AddrPortFrom(addr, uint16(a.Port))
}

func FuzzParse(f *testing.F) {
	h := Header{ap("192.0.2.1:5000"), ap("198.51.100.2:443")}
	f.Add(h.AppendV1(nil))
	f.Add(h.AppendV2(nil))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add([]byte(v2Signature + "\x21\x31\x00\x02xy"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, more, err := Parse(b)
		switch {
		case n > len(b) || n < 0:
			t.Fatalf("%d bytes of %d", n, len(b))
		case n > 0 && (more || err != nil):
			t.Fatal("a header and more, or an error")
		case more && len(b) >= MaxV2:
			t.Fatal("wants more than the longest header")
		case n == 0:
			return
		}
		// Others find the same header at the same place.
		r := bytes.NewReader(b)
		br := bufio.NewReaderSize(r, 4<<10)
		ref, refErr := reference.Read(br)
		if refErr != nil {
			return // they refuse some that are harmless
		}
		if left := br.Buffered() + r.Len(); left != len(b)-n {
			t.Fatalf("others leave %d bytes, not %d", left, len(b)-n)
		}
		if source, _, ok := ref.TCPAddrs(); ok && h.Source.IsValid() && source.AddrPort().Port() != h.Source.Port() {
			t.Fatalf("others find %v, not %v", source, h.Source)
		}
	})
}
