package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"ngrok/server/cert"
)

const certsUsage = `Usage: ngrokd certs -domain DOMAIN -out DIR

Makes a certificate authority and a server certificate for DOMAIN and *.DOMAIN (or for
an IP address) in DIR. What is there already and still good is kept; what nears its end
is renewed with its old key, so run it again at any time.

`

// runCerts is the command "ngrokd certs". It returns the exit code: 0, 1 for a failure,
// 2 for wrong usage.
func runCerts(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("ngrokd certs", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, certsUsage)
		flags.PrintDefaults()
	}
	domain := flags.String("domain", "", "the server's `name` (tunnels are below it) or its IP address")
	out := flags.String("out", "", "the `directory` to put ca.crt, ca.key, server.crt and server.key in")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if *domain == "" || *out == "" || flags.NArg() > 0 {
		flags.Usage()
		return 2
	}
	authority, err := cert.Issue(*out, *domain, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		fmt.Fprintf(stderr, "ngrokd certs: %v\n", err)
		return 1
	}
	printCerts(stdout, authority, *out)
	return 0
}

func printCerts(w io.Writer, a *cert.Authority, dir string) {
	in := func(name string) string { return filepath.Join(dir, name) }
	fmt.Fprintf(w, `Certificate for %s
  expires      %s
  fingerprint  %s

On the server    ngrokd -domain %s -tlsCrt %s -tlsKey %s
On each client   root_ca: %s             (copy that file there; it expires %s)
            or   server_fingerprint: %s

Keep %s away from the server: who has it can stand in for the server.
Renew before %s by running this command again; clients need nothing new then.
`,
		a.Domain(), a.NotAfter().Format(time.DateOnly), a.Fingerprint(),
		a.Domain(), in("server.crt"), in("server.key"),
		in("ca.crt"), a.RootNotAfter().Format(time.DateOnly), a.Fingerprint(),
		in("ca.key"), a.NotAfter().Format(time.DateOnly))
}
