package limit

import (
	"math"
	"syscall"
)

// descriptorShare is the part of the process's file descriptors that public connections
// may use up: what is left keeps sessions and proxy connections alive.
const descriptorShare = 0.9

// Descriptors tells when file descriptors run short. The zero value knows no limit; it
// is never changed and so safe for concurrent use.
type Descriptors struct {
	first uintptr // the first descriptor beyond the share; 0 means no limit
}

// ProcessDescriptors returns the share of what the system grants this process now. There
// is no limit where the system has none, or does not count descriptors.
func ProcessDescriptors() Descriptors {
	total := descriptorLimit()
	if total == 0 || total > math.MaxInt32 {
		return Descriptors{}
	}
	return Descriptors{uintptr(float64(total) * descriptorShare)}
}

// Scarce reports whether c, a connection just accepted, lies beyond the share. The
// system gives out the lowest descriptor that is free, so the number of a new one says
// that as many are in use: no count is needed.
func (d Descriptors) Scarce(c syscall.Conn) bool {
	if d.first == 0 {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	scarce := false
	if err := raw.Control(func(fd uintptr) { scarce = fd >= d.first }); err != nil {
		return false
	}
	return scarce
}
