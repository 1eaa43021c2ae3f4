//go:build linux

package programs

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"ngrok/conn/conntest"
)

// site is a running ngrokd and what its clients need to know.
type site struct {
	t      testing.TB
	server *process
	args   []string // of ngrokd, beside addresses

	tunnelAddr, httpAddr, httpsAddr string
}

// newSite starts the built ngrokd on loopback.
func newSite(t testing.TB, args ...string) *site {
	t.Helper()
	s := &site{t: t, tunnelAddr: conntest.Reserve(t), httpAddr: conntest.Reserve(t), httpsAddr: conntest.Reserve(t)}
	s.args = append([]string{"-domain=localhost", "-dataDir=" + filepath.Join(t.TempDir(), "data")}, args...)
	s.start()
	return s
}

// start runs the server, a second time on the same addresses.
func (s *site) start() {
	s.t.Helper()
	s.server = s.program("ngrokd", append([]string{"-tunnelAddr=" + s.tunnelAddr, "-httpAddr=" + s.httpAddr, "-httpsAddr=" + s.httpsAddr}, s.args...)...)
	for name, addr := range map[string]*string{"clients": &s.tunnelAddr, `"http visitors"`: &s.httpAddr, `"https visitors"`: &s.httpsAddr} {
		*addr = s.server.find(s.t, `msg="?listening"? for=`+name+` addr=(\S+)`)
	}
}

// program starts one of the two programs. Nothing of this user's account reaches it.
func (s *site) program(name string, args ...string) *process {
	s.t.Helper()
	return s.programIn(s.t.TempDir(), nil, name, args...)
}

// programIn is the same with its state kept in home.
func (s *site) programIn(home string, edit func(*exec.Cmd), name string, args ...string) *process {
	s.t.Helper()
	return run(s.t, func(cmd *exec.Cmd) {
		cmd.Env = []string{"HOME=" + home, "XDG_STATE_HOME=" + filepath.Join(home, "state"), "PATH=/usr/bin:/bin"}
		if edit != nil {
			edit(cmd)
		}
	}, built.path(s.t, name), args...)
}

// tunnel is a running ngrok.
type tunnel struct {
	*process
	t testing.TB
}

// client starts the built ngrok and returns when it forwards.
func (s *site) client(args ...string) *tunnel {
	s.t.Helper()
	return s.clientIn(s.t.TempDir(), args...)
}

func (s *site) clientIn(home string, args ...string) *tunnel {
	s.t.Helper()
	args = append([]string{"-server-addr=" + s.tunnelAddr, "-inspect-addr=disabled"}, args...)
	c := &tunnel{s.programIn(home, nil, "ngrok", args...), s.t}
	c.find(s.t, `Forwarding (\S+) ->|msg="started tunnel"`)
	return c
}

// url returns the public URL of the protocol.
func (c *tunnel) url(protocol string) string {
	c.t.Helper()
	return c.find(c.t, `Forwarding (`+regexp.QuoteMeta(protocol)+`://\S+)`)
}

// hostport returns where the tcp tunnel listens.
func (c *tunnel) hostport() (host, port string) {
	c.t.Helper()
	return "127.0.0.1", c.find(c.t, `Forwarding tcp://[^:]+:(\d+)`)
}

// local returns an HTTP client that finds all names on loopback, and believes any
// certificate: whose it is, is the business of other tests.
func local(t testing.TB) *http.Client {
	tr := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(addr)
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: sized(2*patience, 10*time.Minute)}
}
