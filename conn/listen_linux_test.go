package conn

import (
	"net"
	"syscall"
	"testing"

	"ngrok/conn/conntest"
)

// What this package's listeners accept has the options of SetOptions without a call for
// each, and a plain listener's has them after it.
func TestOptions(t *testing.T) {
	t.Run("inherited", func(t *testing.T) {
		l, err := ListenConfig().Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		dialled, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer dialled.Close()
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer accepted.Close()
		checkOptions(t, accepted.(*net.TCPConn))
	})
	t.Run("set", func(t *testing.T) {
		_, accepted := conntest.TCPPair(t)
		SetOptions(accepted)
		checkOptions(t, accepted)
	})
}

func checkOptions(t *testing.T, c *net.TCPConn) {
	const tcpNotsentLowat = 25
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		for _, o := range []struct {
			text              string
			level, name, want int
		}{
			{"SO_KEEPALIVE", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			{"TCP_KEEPIDLE", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 15},
			{"TCP_KEEPINTVL", syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 5},
			{"TCP_KEEPCNT", syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 3},
			{"TCP_NODELAY", syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
			{"TCP_NOTSENT_LOWAT", syscall.IPPROTO_TCP, tcpNotsentLowat, unsentMax},
		} {
			got, err := syscall.GetsockoptInt(int(fd), o.level, o.name)
			if err != nil || got != o.want {
				t.Errorf("%s is %d (%v), want %d", o.text, got, err, o.want)
			}
		}
	})
}
