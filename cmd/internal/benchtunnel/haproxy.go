package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"ngrok/server/assets"
)

// limits returns the ways through two haproxy processes that know nothing but bytes: what
// two hops over this machine cost anybody. One opens a TLS connection for each visitor,
// as a tunnel without reuse must; the other has no TLS at all.
func limits(dir string, s *service) []*way {
	program, missing := lookHaproxy()
	hops := func(name, what string, tls bool) *way {
		return &way{name: name, what: what, missing: missing, start: func(ctx context.Context) (*running, error) {
			return startHaproxy(ctx, program, dir, s, tls)
		}}
	}
	return []*way{
		hops("limit-plain", "two haproxy processes, bytes only, no TLS", false),
		hops("limit-tls", "two haproxy processes, bytes only, a TLS 1.3 connection between them for each visitor's", true),
	}
}

// lookHaproxy also looks where it is not in the path of ordinary users.
func lookHaproxy() (program, missing string) {
	for _, p := range []string{"haproxy", "/usr/sbin/haproxy", "/usr/local/sbin/haproxy"} {
		if found, err := exec.LookPath(p); err == nil {
			return found, ""
		}
	}
	return "", "haproxy is not installed"
}

// startHaproxy runs the hop of the public side, which stands for the server, and the hop of
// the private side, which stands for the client.
func startHaproxy(ctx context.Context, program, dir string, s *service, tls bool) (*running, error) {
	dir, err := os.MkdirTemp(dir, "haproxy")
	if err != nil {
		return nil, err
	}
	var public, web, between, betweenWeb int
	if err := freePorts(&public, &web, &between, &betweenWeb); err != nil {
		return nil, err
	}
	accept, connect, global := "", "", " option splice-auto\n"
	if tls {
		pem := filepath.Join(dir, "both.pem")
		both := append(assets.MustAsset("tls/snakeoil.crt"), assets.MustAsset("tls/snakeoil.key")...)
		if err := os.WriteFile(pem, both, 0o600); err != nil {
			return nil, err
		}
		accept = " ssl crt " + pem + " ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256"
		connect = " ssl verify none ssl-min-ver TLSv1.3"
		global = ""
	}
	r := &running{tcp: loopback(public), http: loopback(web), host: publicHost}
	for _, hop := range []struct {
		to              **process
		file            string
		tcp, http       int
		tcpTo, httpTo   string
		accept, connect string
	}{
		{&r.client, "private.cfg", between, betweenWeb, s.TCP, s.HTTP, accept, ""},
		{&r.server, "public.cfg", public, web, loopback(between), loopback(betweenWeb), "", connect},
	} {
		config := fmt.Sprintf(`global
 maxconn 4096
 tune.bufsize 65536
defaults
 mode tcp
 timeout connect 5s
 timeout client 10m
 timeout server 10m
%slisten tcp
 bind 127.0.0.1:%d%s
 server next %s%s
listen http
 bind 127.0.0.1:%d%s
 server next %s%s
`, global, hop.tcp, hop.accept, hop.tcpTo, hop.connect, hop.http, hop.accept, hop.httpTo, hop.connect)
		path := filepath.Join(dir, hop.file)
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			return r, err
		}
		p, err := start(ctx, dir, program, "-db", "-f", path)
		if err != nil {
			return r, err
		}
		*hop.to = p
	}
	return r, nil
}
