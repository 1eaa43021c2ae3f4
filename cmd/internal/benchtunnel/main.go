// Command benchtunnel is `make bench-tunnel`: it compares what a visitor gets from a
// private service directly, through the built ngrokd and ngrok in several modes, and,
// where haproxy is installed, through two proxies that do nothing but pass bytes on.
//
// Everything runs on this machine, over loopback, each part in a process of its own: the
// service and the visitors are this program again. The ways are measured in turn, round by
// round, so that what else the machine does disturbs all of them alike.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// The roles that this program starts itself in.
const (
	roleService  = "service"
	roleVisitors = "visitors"
)

func main() {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case roleService:
			exit(serveAll(os.Stdin, os.Stdout))
		case roleVisitors:
			exit(visit(os.Stdin, os.Stdout))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p, err := parseArgs(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = p.run(ctx)
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchtunnel:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// plan says what to measure and for how long.
type plan struct {
	bin    string         // the directory of ngrok and ngrokd
	rounds int            // how often each way is measured
	time   time.Duration  // of one measurement
	idle   int            // idle connections held
	ways   *regexp.Regexp // nil: all
	tests  *regexp.Regexp // nil: all
	out    io.Writer      // the table
	log    io.Writer      // what goes on
}

func parseArgs(args []string) (*plan, error) {
	p := &plan{out: os.Stdout, log: os.Stderr}
	fs := flag.NewFlagSet("benchtunnel", flag.ContinueOnError)
	var ways, tests string
	var quick bool
	fs.StringVar(&p.bin, "bin", "bin", "the `directory` of the built programs")
	fs.IntVar(&p.rounds, "rounds", 3, "how often each way is measured; the table shows medians")
	fs.DurationVar(&p.time, "time", 800*time.Millisecond, "how long each measurement takes")
	fs.IntVar(&p.idle, "idle", 400, "how many idle connections are held to see what one costs")
	fs.BoolVar(&quick, "quick", false, "one round of short measurements, to see that all works: the figures say little")
	fs.StringVar(&ways, "ways", "", "measure only the ways that this `regexp` matches, such as 'raw|reuse'")
	fs.StringVar(&tests, "tests", "", "measure only what this `regexp` matches, such as 'bulk|conn64'")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("%q is no option: see -h", fs.Arg(0))
	}
	if quick {
		p.rounds, p.time, p.idle = 1, 200*time.Millisecond, 100
	}
	if p.rounds < 1 || p.time < 50*time.Millisecond || p.idle < 10 {
		return nil, errors.New("-rounds must be 1 or more, -time 50ms or more, -idle 10 or more")
	}
	for _, o := range []struct {
		flag, expr string
		to         **regexp.Regexp
	}{{"-ways", ways, &p.ways}, {"-tests", tests, &p.tests}} {
		if o.expr == "" {
			continue
		}
		re, err := regexp.Compile(o.expr)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.flag, err)
		}
		*o.to = re
	}
	return p, nil
}

func wanted(re *regexp.Regexp, name string) bool { return re == nil || re.MatchString(name) }
