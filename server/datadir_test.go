package server

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestUnfinishedFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, memoryFile)
	if err := writeFileAtomic(path, []byte("[]")); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * unfinishedAge)
	for name, at := range map[string]time.Time{
		memoryFile + unfinished + "1": old,
		memoryFile + unfinished + "2": time.Now(),
		memoryFile + ".broken":        old,
		sessionKeyFile:                old,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	removeUnfinished(path)
	for name, want := range map[string]bool{
		memoryFile:                    true,
		memoryFile + unfinished + "1": false,
		memoryFile + unfinished + "2": true,
		memoryFile + ".broken":        true,
		sessionKeyFile:                true,
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
