// Command demo is `make run`: it starts the built ngrokd on loopback, a sample service
// unless one is named, and the built ngrok in front of it, prints the public URL, and
// ends all of them when it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	// debug.yml names the first, and the printed URL the second.
	d := demo{out: os.Stdout, tunnelAddr: "127.0.0.1:4443", httpAddr: "127.0.0.1:8080", httpsAddr: "127.0.0.1:8443"}
	flag.StringVar(&d.bin, "bin", "bin", "the `directory` of the built programs")
	flag.StringVar(&d.config, "config", "debug.yml", "ngrok's configuration `file`")
	flag.StringVar(&d.service, "port", "", "the `port` (or host:port) of your service; empty starts a sample")
	flag.StringVar(&d.name, "subdomain", "hello", "the `name` below localhost to ask for")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := d.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "make run:", err)
		stop()
		os.Exit(1)
	}
}

// checkPorts says which listener's port is taken, before anything is started.
func checkPorts(addrs ...string) error {
	for _, addr := range addrs {
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("%s is in use, perhaps by an ngrokd that still runs: end that first (%w)", addr, err)
		}
		listener.Close()
	}
	return nil
}

// serviceAddr returns the address that a user's PORT means.
func serviceAddr(given string) (string, error) {
	addr := given
	if !strings.Contains(addr, ":") {
		addr = "127.0.0.1:" + addr
	}
	host, port, err := net.SplitHostPort(addr)
	if err == nil && host == "" {
		host = "127.0.0.1"
	}
	if err == nil {
		var n int
		if n, err = net.LookupPort("tcp", port); err == nil && n == 0 {
			err = errors.New("port 0 names no service")
		}
	}
	if err != nil {
		return "", fmt.Errorf("PORT=%s is no port and no host:port: %w", given, err)
	}
	return net.JoinHostPort(host, port), nil
}
