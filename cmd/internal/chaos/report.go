//go:build linux

package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"ngrok/cmd/internal/chaos/verify"
)

// goroutineAllowance is how many goroutines more than a quiet program has may be left: a
// link that waits for its next visitor has one or two, and so has a closing connection.
const goroutineAllowance = 200

// report is the summary of a run.
type report struct {
	*breaking
	base, final []census
	goroutines  []map[string]int
	took        time.Duration
}

// countGoroutines ends the programs, with a dump of their goroutines.
func (r *report) countGoroutines() {
	for i, p := range r.world.programs() {
		starts := p.goroutines()
		r.goroutines = append(r.goroutines, starts)
		n := 0
		for _, m := range starts {
			n += m
		}
		if limit := goroutineAllowance + 4*r.final[i].links; n > limit {
			r.world.note(fmt.Sprintf("%s has %d goroutines at the end: %s", p.name, n, most(starts)))
		}
		if n == 0 {
			r.world.note(fmt.Sprintf("%s gave no dump of its goroutines: %s", p.name, p.stderr.last(300)))
		}
	}
}

// most names the most frequent starts of goroutines.
func most(starts map[string]int) (s string) {
	names := slices.SortedFunc(maps.Keys(starts), func(a, b string) int { return starts[b] - starts[a] })
	for _, n := range names[:min(4, len(names))] {
		s += fmt.Sprintf("%d of %s; ", starts[n], n)
	}
	return s
}

// print prints the summary and returns an error if anything happened that never must.
func (r *report) print() error {
	result := r.load.Book.Result()
	all := result.All()
	faults := 0
	for _, n := range r.struck {
		faults += n
	}
	fmt.Printf("\n%.2f GiB verified in %d streams under %d faults in %v (seed %d)\n\n",
		float64(result.Bytes)/(1<<30), all.Total(), faults, r.took.Round(time.Second), r.o.seed)
	r.printStreams(result)
	r.printFaults()
	r.printCensus()
	fmt.Println("Clock steps: not done. Linux can give a process a monotonic clock of its own, but no wall clock.")
	if !r.o.jailed {
		fmt.Println("Full disks: not done outside a jail, where they would be the machine's own.")
	}
	findings := append(result.Findings, r.world.notes()...)
	for _, f := range findings {
		fmt.Println("FINDING:", f)
	}
	if len(findings) > 0 || all.Bad() > 0 {
		return fmt.Errorf("%d findings, %d bad streams; run it again with -seed %d", len(findings), all.Bad(), r.o.seed)
	}
	fmt.Println("\n0 corrupt, 0 crossed, 0 silent truncations")
	if all.Of(verify.Complete) == 0 {
		return errors.New("not a single stream was complete")
	}
	return nil
}

func (r *report) printStreams(result verify.Result) {
	t := table("streams", "complete", "cut", "refused", "truncated", "corrupt", "crossed", "doubled", "stalled")
	row := func(name string, c verify.Counts) {
		fmt.Fprintf(t, "%s\t", name)
		for _, n := range c {
			fmt.Fprintf(t, "%d\t", n)
		}
		fmt.Fprintln(t)
	}
	for _, k := range slices.Sorted(maps.Keys(result.ByKind)) {
		row(k, result.ByKind[k])
	}
	row("all", result.All())
	t.Flush()
	if statuses := r.load.Statuses(); len(statuses) > 0 {
		fmt.Print("answers that no service gave:")
		for _, s := range slices.Sorted(maps.Keys(statuses)) {
			fmt.Printf("  %d × status %d", statuses[s], s)
		}
		fmt.Println()
	}
	fmt.Println()
}

func (r *report) printFaults() {
	t := table("faults", "number", "usable again: median", "worst")
	for _, k := range slices.Sorted(maps.Keys(r.struck)) {
		ds := r.recovery[k]
		slices.Sort(ds)
		if len(ds) == 0 {
			fmt.Fprintf(t, "%s\t%d\t-\t-\t\n", k, r.struck[k])
			continue
		}
		fmt.Fprintf(t, "%s\t%d\t%v\t%v\t\n", k, r.struck[k], round(ds[len(ds)/2]), round(ds[len(ds)-1]))
	}
	t.Flush()
	fmt.Println()
}

func (r *report) printCensus() {
	if r.final == nil {
		return
	}
	t := table("programs", "starts", "descriptors", "idle links", "threads", "memory MiB", "goroutines")
	for i, p := range r.world.programs() {
		a, b := r.base[i], r.final[i]
		n := 0
		for _, m := range r.goroutines[i] {
			n += m
		}
		fmt.Fprintf(t, "%s\t%d\t%d → %d\t%d → %d\t%d → %d\t%.0f → %.0f\t%d\t\n", p.name, p.starts,
			a.held(), b.held(), a.links, b.links, a.threads, b.threads, mib(a.rss), mib(b.rss), n)
	}
	t.Flush()
	fmt.Println()
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// table returns a writer that aligns what is separated by tabs.
func table(columns ...string) *tabwriter.Writer {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, c := range columns {
		fmt.Fprintf(t, "%s\t", c)
	}
	fmt.Fprintln(t)
	return t
}
