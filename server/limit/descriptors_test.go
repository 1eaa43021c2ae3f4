package limit

import (
	"net"
	"os"
	"runtime"
	"testing"
)

func TestDescriptors(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("handles are not numbered in order")
	}
	for total, want := range map[uint64]uintptr{
		0: 0, 10: 9, 1024: 922, 10_000: 9000,
		20_000:  19_000, // 9,000 visitors hold 18,000
		1 << 20: 1<<20 - 1000,
		1 << 62: 0,
	} {
		if got := descriptorsOf(total); got.first != want {
			t.Errorf("first %d of %d, want %d", got.first, total, want)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accept := func() *net.TCPConn {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { accepted.Close() })
		return accepted.(*net.TCPConn)
	}
	if (Descriptors{}).Scarce(accept()) {
		t.Error("scarce without a limit")
	}
	// Far above what this test has open.
	d := Descriptors{first: 80}
	if d.Scarce(accept()) {
		t.Error("scarce with room left")
	}
	for range 80 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	c := accept()
	if !d.Scarce(c) {
		t.Error("not scarce beyond the limit")
	}
	c.Close()
	if d.Scarce(c) {
		t.Error("a closed connection is scarce")
	}
}
