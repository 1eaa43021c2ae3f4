//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestExplainListen(t *testing.T) {
	o := &options{httpAddr: ":80", httpsAddr: "192.0.2.1:https", tunnelAddr: ":4443"}
	listenError := func(port int, errno syscall.Errno) error {
		return fmt.Errorf("listen: %w", &net.OpError{Op: "listen", Net: "tcp", Addr: &net.TCPAddr{Port: port}, Err: os.NewSyscallError("bind", errno)})
	}
	other := errors.New("something else")
	tests := []struct {
		name string
		in   error
		want string
	}{
		{"no rights", listenError(443, syscall.EACCES), "listen 192.0.2.1:https: permission denied: run as root, give the program the right (setcap cap_net_bind_service=+ep ngrokd), or choose -httpsAddr=192.0.2.1:8443"},
		{"in use", listenError(80, syscall.EADDRINUSE), "listen :80: address already in use: another program, perhaps another ngrokd, listens there: stop it, or choose -httpAddr=:8080"},
		{"not ours", listenError(4443, syscall.EADDRNOTAVAIL), "listen :4443: cannot assign requested address: this machine has no such address: choose -tunnelAddr=:5443 for all that it has"},
		{"something else", other, "something else"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := explainListen(o, tt.in)
			if got.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", got, tt.want)
			}
			if tt.in != other && !errors.As(got, new(syscall.Errno)) {
				t.Error("the reason can't be told any more")
			}
		})
	}
}

// The errors of the real thing have the form that explainListen reads.
func TestExplainRealListenErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = net.Listen("tcp", l.Addr().String())
	got := explainListen(&options{httpsAddr: l.Addr().String()}, err).Error()
	want := "listen " + l.Addr().String() + ": address already in use: another program, perhaps another ngrokd, listens there: stop it, or choose -httpsAddr=127.0.0.1:8443"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	_, err = net.Listen("tcp", "4443")
	got = explainListen(&options{tunnelAddr: "4443"}, err).Error()
	if want := "write -tunnelAddr like :5443 or 192.0.2.1:5443"; len(got) < len(want) || got[len(got)-len(want):] != want {
		t.Errorf("got %s, want it to end in %s", got, want)
	}
}
