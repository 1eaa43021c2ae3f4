package configfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ngrok/server/auth"
)

const newFileText = `# The settings of ngrokd. It takes over changes of tokens, reserved, tcp_ports and limits
# while it runs; the others want a restart.
`

// AddToken adds a token to the file at path, which it makes with mode 0600 when there is
// none. Comments and everything else stay as they are. The change is atomic, and edits
// of several programs follow one another.
func AddToken(path, name string, hash auth.Hash) error {
	return edit(path, func(path string, data []byte) ([]byte, error) {
		if data == nil {
			data = []byte(newFileText)
		}
		return addToken(path, data, name, hash)
	})
}

// RemoveToken takes a token out of the file at path, as [AddToken] adds one.
func RemoveToken(path, name string) error {
	return edit(path, func(path string, data []byte) ([]byte, error) {
		return removeToken(path, data, name)
	})
}

// edit replaces the file by what change makes of it; data is nil when there is none.
func edit(path string, change func(path string, data []byte) ([]byte, error)) error {
	// A link stays a link: what it leads to is replaced.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	unlock, err := lock(path)
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	defer unlock()
	data, err := read(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	text, err := change(path, data)
	if err != nil {
		return err
	}
	return replace(path, text)
}

// replace writes text to path by way of a new file beside it, so that a reader sees the
// old text or the new one and a crash leaves one of them. The mode is 0600, but for
// a group that was let in on purpose; the owner stays.
func replace(path string, text []byte) (err error) {
	mode := fs.FileMode(0o600)
	old, statErr := os.Stat(path)
	if statErr == nil && old.Mode().Perm()&0o007 == 0 {
		mode |= old.Mode().Perm() & 0o040
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
			err = fmt.Errorf("write settings: %w", err)
		}
	}()
	if statErr == nil {
		err = keepOwner(tmp, old)
	} else if dir, statErr := os.Stat(filepath.Dir(path)); statErr == nil {
		// What root makes in the data directory of a service is for the service.
		// Who may not give it away keeps it.
		_ = keepOwner(tmp, dir)
	}
	if err != nil {
		return err
	}
	if err := tmp.Chmod(mode); err != nil {
		return err
	}
	if _, err := tmp.Write(text); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
