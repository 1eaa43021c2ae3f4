package main

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// operation is done again and again by one worker. It returns how many bytes of payload
// it brought.
type operation func() (int, error)

// repeat does operations with all workers until the job's time is up or its limit is
// reached. Each worker makes its own with begin, which also returns what to close in the
// end, or nil.
func repeat(j job, begin func() (operation, io.Closer, error)) result {
	var (
		left  atomic.Int64
		wait  sync.WaitGroup
		parts = make([]part, j.Workers)
	)
	left.Store(int64(j.Limit))
	start := time.Now()
	end := start.Add(j.Time)
	for i := range parts {
		wait.Go(func() {
			p := &parts[i]
			do, conn, err := begin()
			if err != nil {
				p.fail(err)
				return
			}
			if conn != nil {
				defer conn.Close()
			}
			for time.Now().Before(end) && (j.Limit == 0 || left.Add(-1) >= 0) {
				if p.once(do); p.errors > maxErrors {
					return
				}
			}
		})
	}
	wait.Wait()
	return total(parts, time.Since(start))
}

// maxErrors is how many operations of a worker may fail before it gives up.
const maxErrors = 20

// part is what one worker did.
type part struct {
	took   []time.Duration
	bytes  int64
	errors int
	first  error
}

func (p *part) once(do operation) {
	began := time.Now()
	n, err := do()
	if err != nil {
		p.fail(err)
		return
	}
	p.took = append(p.took, time.Since(began))
	p.bytes += int64(n)
}

func (p *part) fail(err error) {
	if p.errors++; p.first == nil {
		p.first = err
	}
}

func total(parts []part, took time.Duration) result {
	r := result{Took: took}
	var all []time.Duration
	for _, p := range parts {
		all = append(all, p.took...)
		r.Bytes += p.bytes
		r.Errors += p.errors
		if r.FirstError == "" && p.first != nil {
			r.FirstError = p.first.Error()
		}
	}
	r.Done = len(all)
	if len(all) > 0 {
		slices.Sort(all)
		r.P50, r.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	return r
}
