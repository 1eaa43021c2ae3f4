//go:build !unix

package conn

import "syscall"

// Elsewhere a waiting connection keeps its buffer.
const canWaitReadable = false

func readNonblocking(uintptr, []byte) (int, error)  { return 0, syscall.EWINDOWS }
func writeNonblocking(uintptr, []byte) (int, error) { return 0, syscall.EWINDOWS }
