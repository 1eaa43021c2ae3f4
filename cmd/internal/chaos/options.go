//go:build linux

package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"time"
)

// options of a run.
type options struct {
	bin      string
	seed     uint64
	loopback bool
	keep     string
	jailed   bool

	sites    int
	visitors int
	scale    float64
	pause    time.Duration
	faults   time.Duration
	bytes    int64
	streams  int64
	short    bool
	quiet    bool
	soak     bool

	figures []string
	hold    time.Duration // for how long the figure of that name holds
	mtu     uint32
}

// parseOptions reads the command line.
func parseOptions(args []string) (options, error) {
	var o options
	var gib float64
	fs := flag.NewFlagSet("chaos", flag.ContinueOnError)
	fs.StringVar(&o.bin, "bin", "bin", "the `directory` of the built ngrokd and ngrok")
	fs.Uint64Var(&o.seed, "seed", 1, "what faults and streams are drawn from")
	fs.BoolVar(&o.loopback, "loopback", false, "use fault proxies on loopback even where namespaces are allowed")
	fs.StringVar(&o.keep, "keep", "", "copy the programs' logs to this `directory`")
	fs.BoolVar(&o.short, "short", false, "the short form: faults scaled down, about 30 s")
	fs.BoolVar(&o.quiet, "quiet", false, "print the summary only")
	fs.IntVar(&o.sites, "sites", 4, "how many sites there are")
	fs.IntVar(&o.visitors, "visitors", 48, "how many streams are open at a time")
	fs.DurationVar(&o.pause, "pause", 300*time.Millisecond, "rest between two streams of a visitor, on average")
	fs.Float64Var(&o.scale, "scale", 1, "shrinks large streams")
	fs.DurationVar(&o.faults, "time", 30*time.Minute, "for how long faults happen, or soak lasts")
	fs.Float64Var(&gib, "gib", 20, "go on until that many GiB are verified")
	fs.Int64Var(&o.streams, "streams", 20_000, "go on until that many streams have ended")
	fs.DurationVar(&o.hold, "hold", 10*time.Second, "for how long the figure held holds its connections")
	o.mtu = fastMTU
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if o.short {
		given := map[string]bool{}
		fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
		for name, value := range map[string]string{"time": "8s", "gib": "0.1", "streams": "500", "scale": "0.2",
			"pause": "50ms", "visitors": "24", "sites": "3"} {
			if !given[name] {
				fs.Set(name, value)
			}
		}
	}
	o.bytes = int64(gib * (1 << 30))
	switch words := fs.Args(); {
	case len(words) == 0:
	case words[0] == "soak" && len(words) == 1:
		o.soak = true
	case words[0] == "figures" && len(words) == 1:
		o.figures = []string{""}
	case words[0] == "figures":
		o.figures = words[1:]
	default:
		return o, fmt.Errorf("%q is no command; there are soak and figures [NAME…]", words[0])
	}
	var err error
	o.bin, err = filepath.Abs(o.bin)
	return o, err
}
