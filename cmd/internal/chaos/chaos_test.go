//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// seeds of the short form; a run takes half a minute, so that there is one.
const shortSeed = "1"

// TestShortForm builds the programs and breaks them for half a minute.
func TestShortForm(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	for name, extra := range map[string][]string{"namespaces": nil, "loopback": {"-loopback", "-time", "1s", "-streams", "100", "-gib", "0.01"}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, p := range []string{"ngrokd", "ngrok", "internal/chaos"} {
				build := exec.Command("go", "build", "-o", filepath.Join(dir, filepath.Base(p)), "ngrok/cmd/"+p)
				if out, err := build.CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
			defer cancel()
			args := append([]string{"-short", "-seed", shortSeed, "-visitors", "12", "-bin", dir}, extra...)
			chaos := exec.CommandContext(ctx, filepath.Join(dir, "chaos"), args...)
			chaos.Cancel = func() error { return chaos.Process.Signal(os.Interrupt) }
			chaos.WaitDelay = 20 * time.Second
			out, err := chaos.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			} else if i := strings.Index(string(out), "verified in"); i >= 0 {
				t.Logf("%s", out[i:])
			}
		})
	}
}
