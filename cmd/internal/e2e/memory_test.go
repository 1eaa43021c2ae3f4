package e2e

import (
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
)

// TestIdleMemory shows what an idle connection holds on both sides together, visitor
// and private service not counted where they need no goroutine.
func TestIdleMemory(t *testing.T) {
	const n = 500
	w := newWorld(t, nil)
	hold := make(chan net.Conn, n)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 1)
			nc.Read(b)
			nc.Write(b)
			hold <- nc
		}
	}()
	c := w.runClient(nil, tcpTunnel("idle", l.Addr()))
	before := inUse()
	for range n {
		nc := dialTCP(t, c.url("tcp"))
		nc.Write([]byte("x"))
		nc.Read(make([]byte, 1))
		<-hold
	}
	after := inUse()
	heap, stack := (after.HeapInuse-before.HeapInuse)/n, (after.StackInuse-before.StackInuse)/n
	t.Logf("server and client together hold %d bytes of heap and %d of stack for an idle connection", heap, stack)
	if f := os.Getenv("HEAPPROFILE"); f != "" {
		out, _ := os.Create(f)
		pprof.Lookup("heap").WriteTo(out, 0)
		out.Close()
	}
	if heap+stack > 2*36<<10 {
		t.Errorf("%d bytes, want at most 72 KiB", heap+stack)
	}
}

func inUse() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}
