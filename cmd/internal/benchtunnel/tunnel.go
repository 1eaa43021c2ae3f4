package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// The development certificate is valid below localhost.
const (
	domain     = "localhost"
	name       = "bench"
	publicHost = name + "." + domain
)

// mode is what the tunnels that are compared differ in.
type mode struct {
	name, what string
	args       []string // further ones of ngrok
	inspector  bool
}

// tunnels returns the ways through ngrokd and ngrok.
func tunnels(bin, dir string, s *service) []*way {
	var ways []*way
	for _, m := range []mode{
		{name: "plain-v2", what: "ngrokd and ngrok with protocol version 2 as 1.7 speaks it, inspector off", args: []string{"-plain"}},
		{name: "reuse", what: "ngrokd and ngrok with reusable proxy connections, inspector off"},
		{name: "reuse+inspector", what: "the same as they are started by default, with the inspector", inspector: true},
	} {
		ways = append(ways, &way{name: m.name, what: m.what, start: func(ctx context.Context) (*running, error) {
			return m.start(ctx, bin, dir, s)
		}})
	}
	return ways
}

// start runs both programs with one TCP and one HTTP tunnel.
func (m mode) start(ctx context.Context, bin, dir string, s *service) (r *running, err error) {
	bin, err = filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	var exe string
	if runtime.GOOS == "windows" {
		exe = ".exe"
	}
	dir, err = os.MkdirTemp(dir, m.name)
	if err != nil {
		return nil, err
	}
	var control, public, web, page int
	if err := freePorts(&control, &public, &web, &page); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "ngrok.yml")
	if err := os.WriteFile(config, []byte(m.config(s, control, public, page)), 0o600); err != nil {
		return nil, err
	}
	r = &running{tcp: loopback(public), http: loopback(web), host: fmt.Sprintf("%s:%d", publicHost, web)}
	r.server, err = start(ctx, dir, filepath.Join(bin, "ngrokd"+exe), "-domain="+domain, "-tunnelAddr="+loopback(control),
		"-httpAddr="+loopback(web), "-httpsAddr=", "-dataDir="+dir, "-log-level=WARNING", "-grace=0s")
	if err != nil {
		return nil, fmt.Errorf("%w (`make` builds it)", err)
	}
	args := append([]string{"-config=" + config, "-log=stdout", "-log-level=WARNING", "-grace=0s"}, m.args...)
	r.client, err = start(ctx, dir, filepath.Join(bin, "ngrok"+exe), append(args, "start-all")...)
	if err != nil {
		return r, fmt.Errorf("%w (`make` builds it)", err)
	}
	return r, nil
}

// config is ngrok's configuration file.
func (m mode) config(s *service, control, public, page int) string {
	inspector := "inspect_addr: disabled\ninspect_db_size: -1\n"
	if m.inspector {
		inspector = fmt.Sprintf("inspect_addr: %s\n", loopback(page))
	}
	return fmt.Sprintf(`server_addr: %s
%stunnels:
  tcp:
    remote_port: %d
    proto:
      tcp: %s
  %s:
    proto:
      http: %s
`, loopback(control), inspector, public, s.TCP, name, s.HTTP)
}
