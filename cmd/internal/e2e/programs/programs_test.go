//go:build linux

// Package programs tests the two programs as they are built, with the real ones that their
// users put before and behind them.
package programs

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// long makes the tests of the two programs last: bodies of gigabytes, minutes of
// silence, fifty clients. `make test-long` sets it.
var long = flag.Bool("long", false, "run the tests of the two programs at full size")

// builder makes the two programs when a test first wants them.
type builder struct {
	once sync.Once
	dir  string
	err  error
}

var built builder

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// path returns where the program of that name is.
func (p *builder) path(t testing.TB, name string) string {
	t.Helper()
	p.once.Do(func() { p.err = p.build() })
	if p.err != nil {
		t.Fatal(p.err)
	}
	return filepath.Join(p.dir, name)
}

func (p *builder) build() (err error) {
	if p.dir, err = os.MkdirTemp("", "ngrok-programs-"); err != nil {
		return err
	}
	// Other users, such as a database's, run them too.
	if err := os.Chmod(p.dir, 0o755); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-o", p.dir, "ngrok/cmd/ngrok", "ngrok/cmd/ngrokd")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
}

// sized returns small, or with -long large.
func sized[T any](small, large T) T {
	if *long {
		return large
	}
	return small
}
