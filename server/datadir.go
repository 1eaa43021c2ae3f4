package server

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

const (
	sessionKeyFile = "session.key"

	// unfinished is in the name of a file that is still being written.
	unfinished = ".new-"

	// unfinishedAge is when nobody can be writing such a file any more.
	unfinishedAge = time.Hour
)

// loadSessionKey returns the key kept in dir, after making one where there is none. A
// damaged one is set aside: it is good for nothing, and a server that does not start would
// be worse for users than sessions that begin anew. An empty dir means a key for this run
// only.
func loadSessionKey(dir string, logger *slog.Logger) (sessionKey, error) {
	if dir == "" {
		return newSessionKey(), nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w (choose another with -dataDir)", err)
	}
	path := filepath.Join(dir, sessionKeyFile)
	b, err := os.ReadFile(path)
	if err == nil && len(b) == sessionKeyBytes {
		return b, nil
	}
	switch {
	case err == nil:
		aside := path + ".broken"
		if err := os.Rename(path, aside); err != nil {
			return nil, fmt.Errorf("set the damaged session key aside: %w (choose another place with -dataDir)", err)
		}
		logger.Warn("the session key was damaged and is replaced: clients that come back begin new sessions",
			"file", path, "bytes", len(b), "expected", sessionKeyBytes, "kept", aside)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read the session key: %w", err)
	}
	key := newSessionKey()
	if err := writeFileAtomic(path, key); err != nil {
		return nil, fmt.Errorf("keep the session key: %w (choose another place with -dataDir)", err)
	}
	return key, nil
}

// writeFileAtomic puts b at path, readable for the owner alone, so that a reader
// sees the old content or the new one, also after a crash.
func writeFileAtomic(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+unfinished+"*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// removeUnfinished removes what writeFileAtomic left beside path in processes that were
// killed.
func removeUnfinished(path string) {
	left, _ := filepath.Glob(path + unfinished + "*")
	for _, name := range left {
		if info, err := os.Lstat(name); err == nil && time.Since(info.ModTime()) > unfinishedAge {
			os.Remove(name)
		}
	}
}
