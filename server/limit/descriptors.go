package limit

import (
	"math"
	"syscall"
)

// Of the process's file descriptors a tenth, and at most descriptorReserve, is kept from
// public connections, for sessions and the proxy connections that serve who is here.
// More would be of no use: a visitor who is served holds two.
const descriptorReserve = 1000

// Descriptors tells when file descriptors run short. The zero value knows no limit; it
// is never changed and so safe for concurrent use.
type Descriptors struct {
	first uintptr // the first descriptor beyond the share; 0 means no limit
}

// ProcessDescriptors returns what public connections may have of those that the system
// grants this process now. There is no limit where the system has none, or does not count
// descriptors.
func ProcessDescriptors() Descriptors { return descriptorsOf(descriptorLimit()) }

func descriptorsOf(total uint64) Descriptors {
	if total == 0 || total > math.MaxInt32 {
		return Descriptors{}
	}
	return Descriptors{uintptr(total - min(total/10, descriptorReserve))}
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
