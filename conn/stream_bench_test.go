package conn

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

// The benchmarks of this package go over TLS and loopback, within one process: what a
// stream or a join costs is what these show beyond the system calls and AES.

var benchModes = []struct {
	name  string
	reuse bool
}{{"plain", false}, {"reuse", true}}

// BenchmarkStreamWrite writes chunks, which a peer reads and drops as they come.
func BenchmarkStreamWrite(b *testing.B) {
	forStreams(b, func(b *testing.B, server, client *Stream, size int) {
		done := make(chan error, 1)
		go func() { done <- client.Discard() }()
		p := make([]byte, Headroom+size)
		for b.Loop() {
			if err := server.WritePadded(p); err != nil {
				b.Fatal(err)
			}
		}
		server.CloseWrite()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkStreamRead reads chunks, which a peer writes as fast as it can.
func BenchmarkStreamRead(b *testing.B) {
	forStreams(b, func(b *testing.B, server, client *Stream, size int) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			p := make([]byte, Headroom+size)
			for server.WritePadded(p) == nil {
			}
		}()
		left := 0
		for b.Loop() {
			for left += size; left > 0; {
				p, err := client.Next()
				if err != nil {
					b.Fatal(err)
				}
				left -= len(p) - Headroom
			}
		}
		client.link.Reset()
		<-done
	})
}

// BenchmarkStreamEcho sends small chunks there and back: the latency of a message.
func BenchmarkStreamEcho(b *testing.B) {
	for _, mode := range benchModes {
		b.Run("mode="+mode.name+"/size=128", func(b *testing.B) {
			s, c := linkPair(b)
			server, client := s.NewStream(mode.reuse, nil), c.NewStream(mode.reuse, nil)
			done := make(chan error, 1)
			go func() { done <- echoStream(client) }()
			p := make([]byte, Headroom+128)
			b.SetBytes(128)
			b.ReportAllocs()
			for b.Loop() {
				if err := server.WritePadded(p); err != nil {
					b.Fatal(err)
				}
				for left := 128; left > 0; {
					got, err := server.Next()
					if err != nil {
						b.Fatal(err)
					}
					left -= len(got) - Headroom
				}
			}
			server.CloseWrite()
			if err := <-done; err != nil {
				b.Error(err)
			}
		})
	}
}

// echoStream sends back what comes until that ends.
func echoStream(s *Stream) error {
	for {
		p, err := s.Next()
		if errors.Is(err, io.EOF) {
			return s.CloseWrite()
		}
		if err != nil {
			return err
		}
		if err := s.WritePadded(p); err != nil {
			return err
		}
	}
}

// forStreams runs f for both modes and for small and full chunks.
func forStreams(b *testing.B, f func(b *testing.B, server, client *Stream, size int)) {
	for _, mode := range benchModes {
		for _, size := range []int{128, MaxChunk} {
			b.Run(fmt.Sprintf("mode=%s/size=%d", mode.name, size), func(b *testing.B) {
				s, c := linkPair(b)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				f(b, s.NewStream(mode.reuse, nil), c.NewStream(mode.reuse, nil), size)
			})
		}
	}
}
