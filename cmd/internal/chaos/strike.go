//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ngrok/cmd/internal/chaos/faultnet"
)

// strike carries out a fault, waits for its length or for ctx, and mends it.
func (w *world) strike(ctx context.Context, f fault) error {
	p := w.server
	if f.site != theServer {
		p = w.clients[f.site]
	}
	switch f.kind {
	case killed:
		p.end(syscall.SIGKILL)
		sleep(ctx, f.length)
		return p.run()
	case frozen:
		p.signal(syscall.SIGSTOP)
		defer p.signal(syscall.SIGCONT)
		sleep(ctx, f.length)
	case resets:
		for range int(f.amount) {
			w.net.Sites[f.site].Path.Reset()
			sleep(ctx, f.length/time.Duration(f.amount))
		}
	case blackhole, lossy, delayed:
		path := w.net.Sites[f.site].Path
		path.Set(conditions(f))
		defer path.Set(faultnet.Conditions{})
		sleep(ctx, f.length)
	case diskFull:
		return w.fillDisk(ctx, f)
	case noMoreFile:
		return exhaust(ctx, p.pid(), f.amount, f.length)
	}
	return nil
}

func conditions(f fault) faultnet.Conditions {
	switch f.kind {
	case blackhole:
		return faultnet.Conditions{Blackhole: true}
	case lossy:
		return faultnet.Conditions{Loss: f.amount, Delay: 5 * time.Millisecond}
	}
	return faultnet.Conditions{Delay: time.Duration(f.amount * float64(time.Second))}
}

// fillDisk uses up the small disk of a program's log and data.
func (w *world) fillDisk(ctx context.Context, f fault) error {
	if !w.jailed {
		return errors.New("only the small disks of a jail may be filled")
	}
	path := filepath.Join(w.disks()[f.site+1], "filler")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	defer file.Close()
	if _, err := io.Copy(file, io.LimitReader(zeros{}, diskSize)); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk did not fill: %v", err)
	}
	sleep(ctx, f.length)
	return nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// exhaust grants a process only a share of the descriptors that it has, for a time: with
// 1, one that it gives back can be used again; with less, it has to do with what it has.
func exhaust(ctx context.Context, pid int, share float64, d time.Duration) error {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return err
	}
	var before unix.Rlimit
	now := unix.Rlimit{Cur: uint64(share * float64(len(entries)))}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		return fmt.Errorf("descriptor limit: %w", err)
	}
	now.Max = before.Max
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &now, nil); err != nil {
		return fmt.Errorf("descriptor limit: %w", err)
	}
	sleep(ctx, d)
	return unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil)
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
