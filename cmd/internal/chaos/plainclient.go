//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"log/slog"
	"os"
	"strconv"
	"time"

	"ngrok/client"
)

// plainCommand makes this program a client that knows no extension of the protocol. The
// built ngrok has no flag for that, since nobody but us wants it.
const plainCommand = "plain-client"

// plainClient runs such a client until ctx ends.
func plainClient(ctx context.Context, args []string) error {
	var server, ca, subdomain, web, raw, port, identity, log string
	fs := flag.NewFlagSet(plainCommand, flag.ContinueOnError)
	fs.StringVar(&server, "server", "", "")
	fs.StringVar(&ca, "ca", "", "")
	fs.StringVar(&subdomain, "subdomain", "", "")
	fs.StringVar(&web, "web", "", "")
	fs.StringVar(&raw, "raw", "", "")
	fs.StringVar(&port, "port", "", "")
	fs.StringVar(&identity, "identity", "", "")
	fs.StringVar(&log, "log", "", "")
	if err := fs.Parse(args); err != nil {
		return err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	pem, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	remote, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return err
	}
	c, err := client.New(client.Config{
		ServerAddr: server,
		TLS:        &tls.Config{RootCAs: roots},
		Identity:   identity,
		Tunnels: []client.Tunnel{
			{Name: "web", Subdomain: subdomain, Local: map[string]string{"http": web, "https": web}},
			{Name: "raw", RemotePort: uint16(remote), Local: map[string]string{"tcp": raw}},
		},
		Grace:         time.Second,
		PlainVersion2: true,
		Version:       "plain",
		Logger:        slog.New(slog.NewTextHandler(out, nil)),
	})
	if err != nil {
		return err
	}
	return c.Run(ctx)
}
