package msg

import (
	"bytes"
	"testing"
)

// benchMessages are the one message of each visitor, and the largest of a session's start.
var benchMessages = []Message{
	&StartProxy{Url: "http://example.tunnel.example.com:8080", ClientAddr: "127.0.0.1:58212", Reuse: true},
	&Auth{Version: ProtocolVersion, MmVersion: "1.7", User: "0123456789abcdef0123456789abcdef", OS: "linux", Arch: "amd64",
		ClientId: "0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef", Features: []string{FeatureReuse, FeatureClose}},
}

func BenchmarkAppend(b *testing.B) {
	for _, m := range benchMessages {
		b.Run("message="+m.typeName(), func(b *testing.B) {
			buf, err := Append(nil, m)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				buf, _ = Append(buf[:0], m)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, m := range benchMessages {
		b.Run("message="+m.typeName(), func(b *testing.B) {
			input, err := Append(nil, m)
			if err != nil {
				b.Fatal(err)
			}
			r := bytes.NewReader(nil)
			b.SetBytes(int64(len(input)))
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(input)
				if _, err := Read(r, MaxAfterAuth); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
