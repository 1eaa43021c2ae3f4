//go:build linux

// Command chaos is the fault laboratory: it runs the built ngrokd and several ngroks at
// sites of their own, sends verified streams of many kinds through them, breaks things
// in an order drawn from a seed, and fails if anything was corrupted, crossed or cut
// without its reader seeing it. `chaos figures` measures how well things recover, and
// `chaos soak` whether anything grows under load alone.
//
// Everything happens on this machine: where it may, in namespaces that the kernel takes
// down however the program ends, and otherwise on loopback.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"ngrok/cmd/internal/chaos/faultnet"
)

// insideArg is the first argument of the program when it runs in the jail.
const insideArg = "-inside-jail"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		code = max(code, 1)
	}
	stop()
	os.Exit(code)
}

// run jails the program if it can, and does what the arguments say.
func run(ctx context.Context, args []string) (int, error) {
	if len(args) > 0 && args[0] == plainCommand {
		return 0, plainClient(ctx, args[1:])
	}
	inside := len(args) > 0 && args[0] == insideArg
	if inside {
		args = args[1:]
		if err := faultnet.EnterJail(); err != nil {
			return 1, err
		}
	}
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0, nil
	}
	if err != nil {
		return 2, err
	}
	o.jailed = inside
	if !inside && !o.loopback {
		code, err := faultnet.Jail(ctx, append([]string{insideArg}, args...)...)
		if !errors.Is(err, errors.ErrUnsupported) {
			return code, err
		}
		fmt.Printf("No network namespaces here, so everything runs on loopback (%v)\n", err)
	}
	switch {
	case o.soak:
		return 0, soak(ctx, o)
	case len(o.figures) > 0:
		return 0, measure(ctx, o)
	}
	return 0, breakThings(ctx, o)
}
