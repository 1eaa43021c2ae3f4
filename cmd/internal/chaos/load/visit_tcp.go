//go:build linux

package load

import (
	"net"

	"ngrok/cmd/internal/chaos/verify"
)

// visitTCP carries out a stream over a TCP tunnel. It reports whether the service was
// never reached.
func (v *visitor) visitTCP(s *verify.Stream, addr string) (refused bool) {
	nc, err := net.DialTimeout("tcp", addr, v.load.Patience)
	if err != nil {
		return true
	}
	c := patient{nc.(*net.TCPConn), v.load.Patience}
	defer c.Close()
	defer v.load.track(c)()
	if err := writePreamble(c, s.ID); err != nil {
		return true
	}
	switch s.Kind {
	case TCPShort:
		if err = s.Send(verify.Up, c); err == nil {
			err = s.Receive(verify.Down, c)
		}
	case TCPAsk:
		if err = sendAndEnd(s, verify.Up, c); err == nil {
			err = s.Receive(verify.Down, c)
		}
	case TCPTell:
		if err = s.Receive(verify.Down, c); err == nil {
			err = sendAndEnd(s, verify.Up, c)
		}
	default:
		err = bothWays(s, c, verify.Up, verify.Down)
	}
	if err != nil {
		if lostPatience(err) {
			s.Stall("the visitor waited in vain")
		}
		c.abort()
	}
	return false
}
