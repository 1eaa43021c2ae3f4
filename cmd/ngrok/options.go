package main

import (
	"errors"
	"flag"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// defaultGrace is how long what flows may go on after a signal, as with the server.
const defaultGrace = 30 * time.Second

// options are the flags as they were given.
type options struct {
	authToken, config, hostname, httpAuth, log, logLevel, logFormat string
	proto, subdomain, serverAddr, inspectAddr, remotePort, region   string
	none, all, plain, version, help                                 bool
	grace                                                           time.Duration

	set map[string]bool // names of the flags that were given
}

// flagNames of options that describe the one tunnel of the command line.
var tunnelFlags = []string{"hostname", "httpauth", "proto", "remote-port", "subdomain"}

// parseArgs separates flags, with one dash or two, from the other words. Flags may
// stand before, between and after these; everything behind "--" is a word.
func parseArgs(args []string) (*options, []string, error) {
	o := &options{set: map[string]bool{}}
	fs := flag.NewFlagSet("ngrok", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(&o.authToken, "authtoken", "", "")
	fs.StringVar(&o.config, "config", "", "")
	fs.DurationVar(&o.grace, "grace", defaultGrace, "")
	fs.StringVar(&o.hostname, "hostname", "", "")
	fs.StringVar(&o.httpAuth, "httpauth", "", "")
	fs.StringVar(&o.inspectAddr, "inspect-addr", "", "")
	fs.StringVar(&o.log, "log", "", "")
	fs.StringVar(&o.logFormat, "log-format", "", "")
	fs.StringVar(&o.logLevel, "log-level", "", "")
	fs.BoolVar(&o.plain, "plain", false, "")
	fs.StringVar(&o.proto, "proto", "http+https", "")
	fs.StringVar(&o.region, "region", "", "")
	fs.StringVar(&o.remotePort, "remote-port", "", "")
	fs.StringVar(&o.serverAddr, "server-addr", "", "")
	fs.StringVar(&o.subdomain, "subdomain", "", "")
	fs.BoolVar(&o.all, "all", false, "")
	fs.BoolVar(&o.none, "none", false, "")
	fs.BoolVar(&o.version, "version", false, "")

	var words []string
	for len(args) > 0 {
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				o.help = true
				return o, words, nil
			}
			return nil, nil, flagError(fs, err)
		}
		rest := fs.Args()
		read := len(args) - len(rest)
		if read > 0 && args[read-1] == "--" {
			words = append(words, rest...)
			break
		}
		if len(rest) == 0 {
			break
		}
		words = append(words, rest[0])
		args = rest[1:]
	}
	fs.Visit(func(f *flag.Flag) { o.set[f.Name] = true })
	return o, words, nil
}

// flagError adds the name that was most likely meant.
func flagError(fs *flag.FlagSet, err error) error {
	msg := err.Error()
	if name, found := strings.CutPrefix(msg, "flag provided but not defined: -"); found {
		var names []string
		fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
		msg = "unknown flag -" + name
		if near := nearest(name, names); near != "" {
			msg += ": did you mean -" + near + "?"
		}
	}
	return usagef("%s", msg)
}

// allow refuses the flags that have no meaning for a command.
func (o *options) allow(command string, refused ...string) error {
	for _, name := range slices.Sorted(maps.Keys(o.set)) {
		if slices.Contains(refused, name) {
			return usagef("-%s has no meaning for %q", name, "ngrok "+command)
		}
	}
	return nil
}
