package configfile

import (
	"os"

	"golang.org/x/sys/windows"
)

// lock keeps other edits of path waiting until unlock is called. A directory can't be
// locked here, and the file itself is replaced by each edit, so there is one beside it.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, new(windows.Overlapped))
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// keepOwner does nothing: the file inherits the rights of its directory.
func keepOwner(*os.File, os.FileInfo) error { return nil }
