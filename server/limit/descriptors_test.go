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
	if d := ProcessDescriptors(); d.first != 0 && float64(d.first) > descriptorShare*float64(descriptorLimit()) {
		t.Errorf("first %d of %d", d.first, descriptorLimit())
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
