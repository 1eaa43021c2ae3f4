//go:build linux

package faultnet

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const tunDevice = "/dev/net/tun"

// namespace is a network namespace that lives as long as it is held open.
type namespace struct{ file *os.File }

// newNamespace makes a network namespace with loopback up.
func newNamespace() (ns *namespace, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked: the thread is in another namespace and ends with this.
		runtime.LockOSThread()
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("make a network namespace: %w", err)
			return
		}
		if err = loopbackUp(); err != nil {
			return
		}
		var f *os.File
		if f, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())); err == nil {
			ns = &namespace{f}
		}
	}()
	<-done
	return ns, err
}

// do calls f on a thread inside. Sockets and processes that f makes belong to the
// namespace; goroutines that it starts do not.
func (ns *namespace) do(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked, as above
		if err := unix.Setns(int(ns.file.Fd()), unix.CLONE_NEWNET); err != nil {
			result <- fmt.Errorf("enter a network namespace: %w", err)
			return
		}
		result <- f()
	}()
	return <-result
}

func (ns *namespace) close() { ns.file.Close() }

func loopbackUp() error {
	return withControlSocket(func(fd int) error { return interfaceUp(fd, "lo") })
}

// withControlSocket calls f with a socket of the thread's namespace.
func withControlSocket(f func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

func interfaceUp(fd int, name string) error {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, req); err != nil {
		return fmt.Errorf("flags of %s: %w", name, err)
	}
	req.SetUint16(req.Uint16() | unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	return nil
}

// openTUN makes a TUN interface in the thread's namespace, with an address in a network
// of four. Reading and writing the file are the far end of its wire.
func openTUN(name string, addr net.IP, mtu uint32) (*os.File, error) {
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", tunDevice, err)
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err == nil {
		err = withControlSocket(func(ctl int) error { return configure(ctl, name, addr, mtu) })
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("make interface %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func configure(ctl int, name string, addr net.IP, mtu uint32) error {
	set := func(request uint, fill func(*unix.Ifreq) error) error {
		req, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		if err := fill(req); err != nil {
			return err
		}
		return unix.IoctlIfreq(ctl, request, req)
	}
	if err := set(unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(addr.To4()) }); err != nil {
		return fmt.Errorf("set address: %w", err)
	}
	if err := set(unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr([]byte{255, 255, 255, 252}) }); err != nil {
		return fmt.Errorf("set mask: %w", err)
	}
	if err := set(unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(mtu); return nil }); err != nil {
		return fmt.Errorf("set MTU: %w", err)
	}
	// Enough for the packets of many connections that begin at once.
	if err := set(unix.SIOCSIFTXQLEN, func(r *unix.Ifreq) error { r.SetUint32(4096); return nil }); err != nil {
		return fmt.Errorf("set queue: %w", err)
	}
	return interfaceUp(ctl, name)
}
