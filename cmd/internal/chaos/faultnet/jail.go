//go:build linux

package faultnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Jail runs this program once more, with the given arguments, in namespaces of its own
// for network, mounts and processes. When that program ends, however it does, the kernel
// ends all that it started and takes down its interfaces and mounts: nothing is left
// behind. The program has to call [EnterJail] first thing.
//
// Jail returns the program's exit code, or an error that wraps errors.ErrUnsupported
// when the machine does not allow such namespaces.
func Jail(ctx context.Context, args ...string) (int, error) {
	if err := allowed(); err != nil {
		return 0, err
	}
	// Pdeathsig comes when the thread ends, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, os.Stdout, os.Stderr
	cmd.SysProcAttr = jailed()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

func jailed() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// allowed tries with a program that does nothing.
func allowed() error {
	tun, err := os.OpenFile(tunDevice, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("%w: %v", errors.ErrUnsupported, err)
	}
	tun.Close()
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = jailed()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: namespaces: %v", errors.ErrUnsupported, err)
	}
	return nil
}

// EnterJail finishes the surroundings of a program that [Jail] started: mounts of its
// own, /proc of its own processes, and loopback.
func EnterJail() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return loopbackUp()
}

// MountTmpfs puts a file system of that many bytes at dir, which must exist. It is gone
// with the jail.
func MountTmpfs(dir string, size int64) error {
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		return fmt.Errorf("mount a small disk at %s: %w", dir, err)
	}
	return nil
}
