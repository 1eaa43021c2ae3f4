package logging

import (
	"os"
	"sync/atomic"
)

// file is a log file that can be opened anew while it is written to.
type file struct {
	path string
	f    atomic.Pointer[os.File]
}

func openFile(path string) (*file, error) {
	f := &file{path: path}
	if err := f.reopen(); err != nil {
		return nil, err
	}
	return f, nil
}

// reopen opens path and takes it into use. A write that is under way on the old
// file fails when that is closed; the queue repeats it on the new one.
func (f *file) reopen() error {
	// Logs name visitors and tunnels: they are nobody else's to read.
	next, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if old := f.f.Swap(next); old != nil {
		old.Close()
	}
	return nil
}

func (f *file) Write(p []byte) (int, error) { return f.f.Load().Write(p) }

func (f *file) close() error { return f.f.Load().Close() }
