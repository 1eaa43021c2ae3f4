//go:build !race

package inspect

import "golang.org/x/sys/unix"

const freePages = unix.MADV_DONTNEED

// smallPages keeps a chunk from taking, and holding, two megabytes.
func smallPages(region []byte) { _ = unix.Madvise(region, unix.MADV_NOHUGEPAGE) }
