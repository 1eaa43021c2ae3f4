package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"ngrok/client"
	"ngrok/cmd/internal/logging"
	signals "ngrok/cmd/internal/run"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// app is the program with all that it takes from its surroundings.
type app struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer

	// terminal reports whether stdout is a terminal that a screen can be drawn on.
	terminal bool

	// signals returns the context that ends when the program is to stop.
	signals func(parent context.Context, s signals.Signals) (ctx context.Context, stop func())

	newClient func(client.Config) (tunnelClient, error)
	newViews  func(*settings, *logging.Log) (*views, error)
}

// tunnelClient is what this program needs of a [client.Client].
type tunnelClient interface {
	Run(ctx context.Context) error
	State() client.State
	Subscribe() (changed <-chan struct{}, cancel func())
	Open(ctx context.Context, t client.Tunnel) ([]client.TunnelState, error)
	CloseTunnel(name string) error
	ExpectReturn()
}

// usageError is a wrong use of the program: its exit code differs.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// hurriedError is the end that a second signal made; it needs no words.
type hurriedError struct{ code int }

func (e *hurriedError) Error() string { return "ended by a second signal" }

// run is the program without its process: it returns the exit code.
func run(args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{
		getenv:   getenv,
		stdin:    stdin,
		stdout:   stdout,
		stderr:   stderr,
		terminal: isTerminal(stdout) && getenv("TERM") != "dumb",
		signals: func(parent context.Context, s signals.Signals) (context.Context, func()) {
			return s.Context(parent)
		},
		newClient: newClient,
		newViews:  newViews,
	}
	return a.run(args)
}

// run does what args ask for and says on standard error what went wrong.
func (a *app) run(args []string) int {
	err := a.dispatch(args)
	var usage *usageError
	var hurried *hurriedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(a.stderr, "ngrok: %s\nRun \"ngrok help\" to see how it is used.\n", lines(err.Error()))
		return exitUsage
	case errors.As(err, &hurried):
		return hurried.code
	default:
		fmt.Fprintf(a.stderr, "ngrok: %s\n", lines(err.Error()))
		return exitError
	}
}

// lines neutralises what a server may have put into a message and keeps its lines.
func lines(s string) string {
	parts := strings.Split(s, "\n")
	for i, p := range parts {
		parts[i] = logging.Neutral(p)
	}
	return strings.Join(parts, "\n")
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
