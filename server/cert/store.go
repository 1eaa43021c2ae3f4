package cert

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The files of one authority.
const (
	rootCertFile = "ca.crt"
	rootKeyFile  = "ca.key"
	leafCertFile = "server.crt"
	leafKeyFile  = "server.key"
)

// readFile returns what a small file holds. More than maxFile bytes are an error.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes: that is no certificate or key", name, maxFile)
	}
	return data, nil
}

// readIfThere is readFile that returns nil for a file that does not exist.
func readIfThere(name string) ([]byte, error) {
	data, err := readFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// writeFile replaces a file in one step, so that a crash leaves the old or the new
// one, never a part.
func writeFile(name string, data []byte, mode os.FileMode) (err error) {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+".*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return err
	}
	// The rename itself is durable only once the directory is. Not every system
	// can sync one, and the file is whole either way.
	if d, openErr := os.Open(dir); openErr == nil {
		d.Sync()
		d.Close()
	}
	return nil
}
