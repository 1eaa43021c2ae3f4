package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The test binary is started again in the roles, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && (os.Args[1] == roleService || os.Args[1] == roleVisitors) {
		main()
	}
	os.Exit(m.Run())
}

// TestRaw does all loads against the service itself.
func TestRaw(t *testing.T) {
	// On a busy machine, nothing may be counted in a short while.
	var missing string
	for _, d := range []time.Duration{50 * time.Millisecond, 500 * time.Millisecond, 3 * time.Second, 15 * time.Second} {
		if missing = rawWithout(t, d); missing == "" {
			return
		}
	}
	t.Error(missing)
}

// rawWithout runs all tests without a tunnel, each for d, and returns which figures are
// missing.
func rawWithout(t *testing.T, d time.Duration) (missing string) {
	var out, log bytes.Buffer
	p := &plan{bin: t.TempDir(), rounds: 1, time: d, idle: 10, ways: regexp.MustCompile("^raw$"), out: &out, log: &log}
	if err := p.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), "failed") {
		t.Error(log.String())
	}
	for _, test := range tests {
		for _, f := range test.figures {
			row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(f.name) + ` *\| +[1-9][0-9.]* \|$`)
			if f.of != nil && !row.MatchString(out.String()) {
				missing += fmt.Sprintf("no figure of %q in\n%s\n", f.name, out.String())
			}
		}
	}
	return missing
}

func TestProgramsAreMissing(t *testing.T) {
	var out, log bytes.Buffer
	p := &plan{bin: t.TempDir(), rounds: 1, time: 50 * time.Millisecond, idle: 10, ways: regexp.MustCompile("^reuse$"), out: &out, log: &log}
	if err := p.run(context.Background()); err == nil || !strings.Contains(err.Error(), "`make` builds it") {
		t.Errorf("error %v, want one that says what to do", err)
	}
}

// A program that ends at once is an error with its last words, not a wait in vain.
func TestProgramEnds(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	bin := t.TempDir()
	for _, name := range []string{"ngrokd", "ngrok"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho the dog ate it\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var out, log bytes.Buffer
	p := &plan{bin: bin, rounds: 1, time: 50 * time.Millisecond, idle: 10, ways: regexp.MustCompile("^reuse$"), out: &out, log: &log}
	if err := p.run(context.Background()); err == nil || !strings.Contains(err.Error(), "the dog ate it") {
		t.Errorf("error %v, want one with what the program said", err)
	}
}

func TestEveryFigureHasARow(t *testing.T) {
	rows := map[string]bool{idleServer: true, idleClient: true, peakServer: true, peakClient: true}
	for _, test := range tests {
		for _, f := range test.figures {
			rows[f.name] = true
		}
	}
	for _, name := range order {
		if !rows[name] {
			t.Errorf("nothing measures %q", name)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("the table leaves out %q", name)
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   string
	}{
		{nil, "–"},
		{[]float64{3}, "3.000"},
		{[]float64{30, 10, 20}, "20.0"},
		{[]float64{400, 100, 300, 200}, "250"},
	} {
		if got := format(tt.values); got != tt.want {
			t.Errorf("format(%v) = %s, want %s", tt.values, got, tt.want)
		}
	}
}
