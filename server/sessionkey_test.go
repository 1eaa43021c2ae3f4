package server

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSessionKeyIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	first, err := loadSessionKey(dir, logger)
	if err != nil {
		t.Fatal(err)
	}
	again, err := loadSessionKey(dir, logger)
	if err != nil || !bytes.Equal(first, again) || len(first) != sessionKeyBytes {
		t.Errorf("%d bytes, then another: %v, %v", len(first), !bytes.Equal(first, again), err)
	}
	if log.Len() > 0 {
		t.Errorf("logged %s", &log)
	}
}

func TestDamagedSessionKeyIsSetAside(t *testing.T) {
	for name, damaged := range map[string]string{"empty": "", "short": "x", "long": strings.Repeat("x", sessionKeyBytes+1)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, sessionKeyFile)
			if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			key, err := loadSessionKey(dir, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil || len(key) != sessionKeyBytes {
				t.Fatalf("%d bytes, %v", len(key), err)
			}
			if kept, err := os.ReadFile(path + ".broken"); err != nil || string(kept) != damaged {
				t.Errorf("kept %q, %v", kept, err)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, key) {
				t.Errorf("the new one is not in the file: %v", err)
			}
			if said := log.String(); !strings.Contains(said, "level=WARN") || !strings.Contains(said, path) || damaged != "" && strings.Contains(said, `=`+damaged+` `) {
				t.Errorf("logged %s", said)
			}
		})
	}
}
