package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"ngrok/client"
	"ngrok/conn/conntest"
)

// The benchmarks run server, client, visitors and private service in one process:
// they show where time goes, not what a tunnel costs. For that: make bench-tunnel.

// BenchmarkHTTPKeepAlive sends small requests on 64 connections.
func BenchmarkHTTPKeepAlive(b *testing.B) {
	service := rawHTTPService(b)
	w := newWorld(b, nil)
	c := w.runClient(nil, client.Tunnel{Name: "x", Subdomain: "x", Local: map[string]string{"http": service.String()}})
	host := strings.TrimPrefix(c.url("http"), "http://")
	request := []byte("GET /path?query=1 HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		nc, err := net.Dial("tcp", w.listen.HTTP.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer nc.Close()
		answer := make([]byte, len(smallResponse))
		for pb.Next() {
			nc.Write(request)
			if _, err := io.ReadFull(nc, answer); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkTCPConnect opens connections, 16 at a time, for one byte there and back.
func BenchmarkTCPConnect(b *testing.B) {
	for _, plain := range []bool{false, true} {
		b.Run(fmt.Sprintf("plain=%v", plain), func(b *testing.B) {
			w := newWorld(b, nil)
			c := w.runClient(func(cfg *client.Config) { cfg.PlainVersion2 = plain }, tcpTunnel("echo", echoService(b)))
			_, addr, _ := strings.Cut(c.url("tcp"), "://")
			_, port, _ := net.SplitHostPort(addr)
			b.SetParallelism(4)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				one := []byte{'x'}
				for pb.Next() {
					nc, err := net.Dial("tcp", "127.0.0.1:"+port)
					if err != nil {
						b.Error(err)
						return
					}
					nc.Write(one)
					if _, err := io.ReadFull(nc, one); err != nil {
						b.Error(err)
					}
					nc.Close()
				}
			})
		})
	}
}

// BenchmarkBulk sends 64 KiB pieces through a TCP tunnel and counts their bytes.
func BenchmarkBulk(b *testing.B) {
	for _, streams := range []int{1, 8} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			w := newWorld(b, nil)
			c := w.runClient(nil, tcpTunnel("sink", countService(b)))
			piece := bytes.Repeat([]byte("x"), 64<<10)
			b.SetBytes(int64(len(piece)))
			var wg sync.WaitGroup
			b.ResetTimer()
			for range streams {
				wg.Go(func() {
					nc := dialTCP(b, c.url("tcp"))
					for range b.N / streams {
						nc.Write(piece)
					}
					nc.CloseWrite()
					bufio.NewReader(nc).ReadString('\n')
				})
			}
			wg.Wait()
		})
	}
}

const smallResponse = "HTTP/1.1 200 OK\r\nContent-Length: 128\r\nContent-Type: text/plain\r\n\r\n" +
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// rawHTTPService answers each read with smallResponse.
func rawHTTPService(t testing.TB) net.Addr {
	return conntest.Serve(t, func(nc net.Conn) {
		buf := make([]byte, 4096)
		for {
			if _, err := nc.Read(buf); err != nil {
				return
			}
			nc.Write([]byte(smallResponse))
		}
	})
}

// countService reads to the end and says how much it was.
func countService(t testing.TB) net.Addr {
	return conntest.Serve(t, func(nc net.Conn) {
		n, _ := io.Copy(io.Discard, nc)
		fmt.Fprintln(nc, n)
	})
}

// BenchmarkHTTPConnect makes a connection for each request, 16 at a time.
func BenchmarkHTTPConnect(b *testing.B) {
	service := rawHTTPService(b)
	w := newWorld(b, nil)
	c := w.runClient(nil, client.Tunnel{Name: "x", Subdomain: "x", Local: map[string]string{"http": service.String()}})
	host := strings.TrimPrefix(c.url("http"), "http://")
	request := []byte("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		answer := make([]byte, len(smallResponse))
		for pb.Next() {
			nc, err := net.Dial("tcp", w.listen.HTTP.Addr().String())
			if err != nil {
				b.Error(err)
				return
			}
			nc.Write(request)
			if _, err := io.ReadFull(nc, answer); err != nil {
				b.Error(err)
			}
			nc.Close()
		}
	})
}
