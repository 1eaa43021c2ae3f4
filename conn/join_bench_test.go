package conn

import (
	"fmt"
	"io"
	"testing"
)

// BenchmarkJoinBulk sends bytes from the private service to the visitor.
func BenchmarkJoinBulk(b *testing.B) {
	const size = 64 << 10
	for _, mode := range benchModes {
		b.Run(fmt.Sprintf("mode=%s/size=%d", mode.name, size), func(b *testing.B) {
			s, c := linkPair(b)
			tun := open(b, s, c, mode.reuse)
			done := make(chan int64, 1)
			go func() {
				n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{tun.visitor}, make([]byte, 4*size))
				done <- n
			}()
			p := make([]byte, size)
			sent := int64(0)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				n, err := tun.service.Write(p)
				if err != nil {
					b.Fatal(err)
				}
				sent += int64(n)
			}
			tun.service.CloseWrite()
			if got := <-done; got != sent {
				b.Errorf("%d bytes arrived of %d", got, sent)
			}
			tun.visitor.CloseWrite()
			tun.finish(b)
		})
	}
}

// BenchmarkJoinEcho sends small messages from the visitor to the private service and back.
func BenchmarkJoinEcho(b *testing.B) {
	for _, mode := range benchModes {
		for _, size := range []int{1, 128} {
			b.Run(fmt.Sprintf("mode=%s/size=%d", mode.name, size), func(b *testing.B) {
				s, c := linkPair(b)
				tun := open(b, s, c, mode.reuse)
				go func() {
					io.Copy(struct{ io.Writer }{tun.service}, struct{ io.Reader }{tun.service})
					tun.service.CloseWrite()
				}()
				p := make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := tun.visitor.Write(p); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(tun.visitor, p); err != nil {
						b.Fatal(err)
					}
				}
				tun.visitor.CloseWrite()
				tun.finish(b)
			})
		}
	}
}

// BenchmarkJoinConnect carries one public connection after another over one link: what
// one costs beside its own two TCP connections, which are made within the time, too.
func BenchmarkJoinConnect(b *testing.B) {
	s, c := linkPair(b)
	b.ReportAllocs()
	for b.Loop() {
		tun := open(b, s, c, true)
		tun.visitor.CloseWrite()
		tun.service.CloseWrite()
		tun.finish(b)
		<-tun.over
	}
}
