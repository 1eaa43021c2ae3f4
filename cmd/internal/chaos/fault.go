//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// What is done to a program or its path.
const (
	killed     = "kill -9"
	frozen     = "frozen"
	resets     = "connections reset"
	blackhole  = "blackhole"
	lossy      = "packets lost"
	delayed    = "packets delayed"
	diskFull   = "disk full"
	noMoreFile = "descriptors exhausted"
)

// theServer is the site of a fault that hits the server.
const theServer = -1

// fault is one thing that breaks, for a time.
type fault struct {
	kind   string
	site   int           // or theServer
	gap    time.Duration // of peace before it
	length time.Duration // until it is mended
	amount float64       // packets lost (share), delay (seconds), connections reset, or descriptors left (share)
}

func (f fault) String() string {
	where := "server"
	if f.site != theServer {
		where = fmt.Sprintf("site %d", f.site)
	}
	s := fmt.Sprintf("%s: %s for %v", where, f.kind, f.length.Round(time.Millisecond))
	switch f.kind {
	case resets:
		s = fmt.Sprintf("%s: %.0f %s", where, f.amount, f.kind)
	case lossy:
		s = fmt.Sprintf("%s: %.0f %% %s for %v", where, 100*f.amount, f.kind, f.length.Round(time.Millisecond))
	case delayed:
		s = fmt.Sprintf("%s: %s by %.0f ms for %v", where, f.kind, 1000*f.amount, f.length.Round(time.Millisecond))
	}
	return s
}

// possibility is a kind of fault and how much of it there may be.
type possibility struct {
	kind       string
	weight     int
	from, to   time.Duration // length
	least, max float64       // amount
	jail       bool          // only possible in a jail
}

var siteFaults = []possibility{
	{kind: killed, weight: 3, from: 0, to: 3 * time.Second},
	{kind: frozen, weight: 2, from: time.Second, to: 60 * time.Second},
	{kind: resets, weight: 5, from: time.Second, to: 3 * time.Second, least: 1, max: 8},
	{kind: blackhole, weight: 3, from: 3 * time.Second, to: 40 * time.Second},
	{kind: lossy, weight: 3, from: 5 * time.Second, to: 15 * time.Second, least: 0.02, max: 0.10},
	{kind: delayed, weight: 3, from: 5 * time.Second, to: 15 * time.Second, least: 0.05, max: 0.20},
	{kind: diskFull, weight: 1, from: 2 * time.Second, to: 20 * time.Second, jail: true},
	{kind: noMoreFile, weight: 1, from: 2 * time.Second, to: 8 * time.Second, least: 0.5, max: 1},
}

var serverFaults = []possibility{
	{kind: killed, weight: 3, from: 0, to: 3 * time.Second},
	{kind: frozen, weight: 1, from: time.Second, to: 20 * time.Second},
	{kind: diskFull, weight: 2, from: 2 * time.Second, to: 20 * time.Second, jail: true},
	{kind: noMoreFile, weight: 2, from: 2 * time.Second, to: 8 * time.Second, least: 0.5, max: 1},
}

// lane is a series of faults of one program, one after the other.
type lane []fault

// shortest is what a fault lasts at least when it is scaled down.
const shortest = 300 * time.Millisecond

// schedule draws faults that keep each program busy for about total: lanes for all
// sites, and one for the server. scale shortens faults and the peace between them.
func schedule(seed uint64, sites int, total time.Duration, scale float64, jailed bool) []lane {
	lanes := make([]lane, 0, sites+1)
	for site := range sites {
		r := rand.New(rand.NewPCG(seed, uint64(site)))
		lanes = append(lanes, drawLane(r, site, siteFaults, 8*time.Second, total, scale, jailed))
	}
	r := rand.New(rand.NewPCG(seed, 1<<32))
	return append(lanes, drawLane(r, theServer, serverFaults, 25*time.Second, total, scale, jailed))
}

func drawLane(r *rand.Rand, site int, all []possibility, gap, total time.Duration, scale float64, jailed bool) (l lane) {
	all = slices.DeleteFunc(slices.Clone(all), func(p possibility) bool { return p.jail && !jailed })
	weights := 0
	for _, p := range all {
		weights += p.weight
	}
	scaled := func(d time.Duration) time.Duration { return time.Duration(float64(d) * scale) }
	for sum := time.Duration(0); sum < total; {
		n, p := r.IntN(weights), all[0]
		for _, p = range all {
			if n -= p.weight; n < 0 {
				break
			}
		}
		f := fault{kind: p.kind, site: site,
			gap:    scaled(gap/2 + time.Duration(r.Int64N(int64(gap)))),
			length: scaled(p.from + time.Duration(r.Int64N(int64(p.to-p.from)))),
			amount: p.least + r.Float64()*(p.max-p.least),
		}
		if p.from > 0 {
			f.length = max(f.length, shortest)
		}
		l = append(l, f)
		sum += f.gap + f.length
	}
	return l
}
