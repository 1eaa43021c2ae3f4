//go:build unix

package limit

import "golang.org/x/sys/unix"

// descriptorLimit returns how many descriptors the process may have, 0 when unknown.
func descriptorLimit() uint64 {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return uint64(l.Cur)
}
