package conn

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/proxy"
)

// proxyAnswer is how much a CONNECT proxy may say before it lets bytes pass.
const proxyAnswer = 64 << 10

// DialPrivate connects to a private service. On this machine it needs no keep-alive:
// a peer cannot vanish in silence there.
func DialPrivate(ctx context.Context, addr string) (net.Conn, error) {
	d := &net.Dialer{KeepAliveConfig: keepAlive}
	if a, err := netip.ParseAddrPort(addr); err == nil && a.Addr().IsLoopback() {
		d = &net.Dialer{KeepAlive: -1}
	}
	return d.DialContext(ctx, "tcp", addr)
}

// Dial connects to addr (host:port), directly or through a proxy: an http or https
// URL means CONNECT, socks5 or socks5h SOCKS version 5, each with the URL's
// credentials. The names behind a proxy are resolved by it. Names are resolved anew
// by each call.
func Dial(ctx context.Context, addr string, through *url.URL) (net.Conn, error) {
	direct := &net.Dialer{KeepAliveConfig: keepAlive}
	if through == nil {
		return direct.DialContext(ctx, "tcp", addr)
	}
	switch through.Scheme {
	case "http", "https":
		nc, err := dialConnect(ctx, direct, addr, through)
		if err != nil {
			return nil, fmt.Errorf("through the proxy %s: %w", shown(through), err)
		}
		return nc, nil
	case "socks5", "socks5h":
		nc, err := dialSOCKS(ctx, direct, addr, through)
		if err != nil {
			return nil, fmt.Errorf("through the proxy %s: %w", shown(through), err)
		}
		return nc, nil
	default:
		return nil, fmt.Errorf("proxy %s: its scheme must be http, https or socks5", shown(through))
	}
}

// shown returns what errors tell of a proxy: the user's name may be a token.
func shown(proxy *url.URL) string {
	return (&url.URL{Scheme: proxy.Scheme, Host: proxy.Host}).String()
}

func dialSOCKS(ctx context.Context, direct *net.Dialer, addr string, through *url.URL) (net.Conn, error) {
	socket := &remembering{Dialer: direct}
	d, err := proxy.FromURL(through, socket)
	if err != nil {
		return nil, err
	}
	if _, err := d.(proxy.ContextDialer).DialContext(ctx, "tcp", addr); err != nil {
		return nil, err
	}
	return socket.nc, nil // the library's own type hides half-close
}

// remembering keeps the connection that it dialled.
type remembering struct {
	*net.Dialer
	nc net.Conn
}

func (d *remembering) DialContext(ctx context.Context, network, addr string) (nc net.Conn, err error) {
	d.nc, err = d.Dialer.DialContext(ctx, network, addr)
	return d.nc, err
}

func dialConnect(ctx context.Context, direct *net.Dialer, addr string, through *url.URL) (net.Conn, error) {
	nc, err := direct.DialContext(ctx, "tcp", proxyAddr(through))
	if err != nil {
		return nil, err
	}
	// Whatever happens below is cut short by closing when ctx ends.
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if through.Scheme == "https" {
		t := tls.Client(nc, &tls.Config{ServerName: through.Hostname(), MinVersion: tls.VersionTLS12})
		if err := t.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, err
		}
		nc = t
	}
	if err := connect(nc, addr, through.User); err != nil {
		nc.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	if !stop() {
		nc.Close()
		return nil, ctx.Err()
	}
	return nc, nil
}

func proxyAddr(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "https" {
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// connect asks the proxy at the other end of nc for a connection to addr.
func connect(nc net.Conn, addr string, user *url.Userinfo) error {
	var req strings.Builder
	fmt.Fprintf(&req, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", addr, addr)
	if user != nil {
		password, _ := user.Password()
		pair := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		fmt.Fprintf(&req, "Proxy-Authorization: Basic %s\r\n", pair)
	}
	req.WriteString("\r\n")
	if _, err := nc.Write([]byte(req.String())); err != nil {
		return err
	}
	r := &oneByteReader{nc: nc, left: proxyAnswer}
	resp, err := http.ReadResponse(bufio.NewReaderSize(r, 16), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return fmt.Errorf("read its answer: %w", err)
	}
	switch {
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return fmt.Errorf("it wants other credentials (%s): put user:password@ into its URL", resp.Status)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("it refused to connect to %s: %s", addr, resp.Status)
	}
	return nil
}

// oneByteReader never reads beyond what its caller has asked it to look at, so that
// the first bytes of the server stay in the connection.
type oneByteReader struct {
	nc   net.Conn
	left int
}

func (r *oneByteReader) Read(p []byte) (int, error) {
	if r.left--; r.left < 0 {
		return 0, fmt.Errorf("more than %d bytes", proxyAnswer)
	}
	return r.nc.Read(p[:1])
}
