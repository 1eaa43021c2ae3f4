package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"

	"ngrok/cmd/internal/version"
	"ngrok/server"
)

// The exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// program is ngrokd with what it takes from its surroundings.
type program struct {
	env            func(string) string
	stdout, stderr io.Writer
	listen         listenFunc
}

// listenFunc opens the listeners of a server and returns what serves them.
type listenFunc func(server.Config) (serveFunc, error)

// serveFunc serves until ctx ends and then what flows has ended, or hurry ends too.
type serveFunc func(ctx, hurry context.Context) error

// run does what args say and returns the exit code. Ending ctx ends a server as
// SIGTERM does.
func (p program) run(ctx context.Context, args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case "help":
			fmt.Fprint(p.stdout, usage)
			return exitOK
		case "version":
			p.printVersion()
			return exitOK
		case "certs":
			return runCerts(args[1:], p.stdout, p.stderr)
		case "token":
			return p.exit("ngrokd token", p.runToken(args[1:]))
		}
	}
	o, err := parseOptions(args, p.env)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(p.stdout, usage)
		return exitOK
	case err == nil && o.version:
		p.printVersion()
		return exitOK
	case err == nil:
		err = p.serve(ctx, o)
	}
	return p.exit("ngrokd", err)
}

func (p program) printVersion() {
	fmt.Fprintf(p.stdout, "ngrokd %s (protocol 2, %s, %s/%s)\n", version.Number, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// exit reports err and returns the code that says the same.
func (p program) exit(name string, err error) int {
	var wrong *usageError
	var hurried *hurriedError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &wrong):
		fmt.Fprintf(p.stderr, "%s: %s\n", name, wrong.text)
		return exitUsage
	case errors.As(err, &hurried):
		return hurried.code
	}
	fmt.Fprintf(p.stderr, "%s: %v\n", name, err)
	return exitError
}

// usageError says that the command line can't be understood.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func wrongUsage(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}
