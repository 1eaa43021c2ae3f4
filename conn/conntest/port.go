package conntest

import (
	"net"
	"testing"
)

// Refused returns an address of loopback that refuses connections until the test ends.
//
// Where a listener was closed, the port would be anybody's again: of another test that
// runs at the same time, or of the very server that is tested.
func Refused(t testing.TB) *net.TCPAddr {
	t.Helper()
	addr, release, err := hold(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return addr
}

// Reserve returns an address of loopback, port included, for whoever has to be told where
// to listen: a program that can't choose a port by itself, or a server that will listen
// there a second time.
//
// Until the test ends the system gives the port to nobody who asks for any, neither to
// listen nor to connect from. On Linux that is certain; elsewhere the port is merely free
// when Reserve returns. The address may be listened on by name, one listener at a time.
func Reserve(t testing.TB) string {
	t.Helper()
	addr, release, err := hold(true)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := net.Listen("tcp", addr.String()); err == nil {
		l.Close()
	} else {
		release() // this system gives a bound port to no other
		release = func() {}
	}
	t.Cleanup(release)
	return addr.String()
}

// ReservePort is Reserve for who wants the number of the port alone.
func ReservePort(t testing.TB) string {
	t.Helper()
	_, port, err := net.SplitHostPort(Reserve(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}
