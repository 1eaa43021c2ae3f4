//go:build !race

package inspect

import "golang.org/x/sys/unix"

const freePages = unix.MADV_FREE

func smallPages([]byte) {}
