package conntest

import (
	"errors"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func refuses(t *testing.T, addr string) bool {
	t.Helper()
	nc, err := net.DialTimeout("tcp", addr, 30*time.Second)
	if err == nil {
		nc.Close()
		return false
	}
	return runtime.GOOS == "windows" || errors.Is(err, syscall.ECONNREFUSED)
}

func TestRefused(t *testing.T) {
	var addr string
	t.Run("held", func(t *testing.T) {
		addr = Refused(t).String()
		if !refuses(t, addr) {
			t.Errorf("%s does not refuse", addr)
		}
		if runtime.GOOS != "linux" {
			return
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			t.Errorf("%s could be listened on", addr)
		}
	})
	if runtime.GOOS != "linux" {
		return
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("after the test the port is not free: %v", err)
	}
	l.Close()
}

func TestReserve(t *testing.T) {
	addr := Reserve(t)
	for range 3 { // as a server that is started again
		if !refuses(t, addr) {
			t.Errorf("%s does not refuse", addr)
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		there, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		there.Close() // first, so that its end of the port has to wait
		nc.Close()
		l.Close()
	}
}

// TestReservedIsGivenToNobody asks for so many ports that the reserved one would be
// among them.
func TestReservedIsGivenToNobody(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no port can be reserved on " + runtime.GOOS)
	}
	reserved := make(map[string]bool)
	for range 100 {
		reserved[Reserve(t)] = true
	}
	for range 100 {
		var open []net.Listener
		for range 100 {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, l)
			if reserved[l.Addr().String()] {
				t.Errorf("%s was given away", l.Addr())
			}
		}
		for _, l := range open {
			l.Close()
		}
	}
}
