//go:build unix

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"ngrok/server"
)

const (
	// handoverVar names the descriptor of the socket to a new process.
	handoverVar = "NGROKD_HANDOVER"

	// readyTime is how long a new process may take to be ready.
	readyTime = 30 * time.Second
)

// succession passes the server from process to process.
type succession struct {
	listeners *listeners
	logger    *slog.Logger
	notify    *notifier

	before *wire // to the process before this one; nil when this is the first
	exe    string
	usr2   chan os.Signal // asks for the next process; one slot

	mu    sync.Mutex
	after *wire // to the next one, once that is ready
}

// newSuccession takes over the listeners of the process before this one, or those that
// systemd has opened.
func newSuccession(env func(string) string, logger *slog.Logger) (*succession, error) {
	s := &succession{listeners: newListeners(), logger: logger, notify: newNotifier(env)}
	s.usr2 = make(chan os.Signal, 1)
	signal.Notify(s.usr2, syscall.SIGUSR2)
	// Now: later the name may be that of a deleted file.
	s.exe, _ = os.Executable()
	if err := activated(env, s.listeners); err != nil {
		return nil, err
	}
	fd, err := strconv.Atoi(env(handoverVar))
	if err != nil {
		return s, nil
	}
	if s.before, err = newWire(os.NewFile(uintptr(fd), "handover")); err == nil {
		err = s.before.receive(s.listeners, "bound")
	}
	if err != nil {
		return nil, fmt.Errorf("take over from the process before: %w", err)
	}
	return s, nil
}

// takeOver waits until it is this process's turn.
func (s *succession) takeOver() error {
	if s.before == nil {
		return nil
	}
	defer s.before.Close()
	if err := s.before.say("ready"); err != nil {
		return fmt.Errorf("take over from the process before: %w", err)
	}
	if err := s.before.receive(s.listeners, "go"); err != nil {
		return fmt.Errorf("take over from the process before: %w", err)
	}
	return nil
}

// handOver is for [server.Config]: the next process's turn has come.
func (s *succession) handOver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.after == nil {
		return
	}
	for _, l := range s.listeners.inUse() {
		if !isTunnelPort(l.name) {
			continue
		}
		if err := s.after.send(l); err != nil {
			s.logger.Warn("cannot pass a listener on", "name", l.name, "err", err)
		}
	}
	if err := s.after.say("go"); err != nil {
		s.logger.Error("the next process does not answer any more", "err", err)
	}
	s.after.Close()
}

func isTunnelPort(name string) bool { return strings.HasPrefix(name, "tcp:") }

// run replaces the process when it is told to, until ctx ends. cancel ends ctx.
func (s *succession) run(ctx context.Context, cancel context.CancelCauseFunc) {
	defer signal.Ignore(syscall.SIGUSR2) // which would end a process that drains
	unused := time.After(unusedAfter)
	for {
		select {
		case <-ctx.Done():
			s.listeners.closeUnused()
			return
		case <-unused:
			s.listeners.closeUnused()
		case <-s.usr2:
			pid, err := s.replace(ctx)
			if err != nil {
				s.logger.Error("the next process failed, this one goes on", "err", err)
				continue
			}
			s.logger.Info("the next process is ready and goes on", "pid", pid)
			s.notify.send("MAINPID=" + strconv.Itoa(pid))
			cancel(server.ErrHandOver)
		}
	}
}

// replace starts the next process and returns when it is ready.
func (s *succession) replace(ctx context.Context) (pid int, err error) {
	syscall.ForkLock.RLock() // no other program that is just started shall inherit it
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return 0, os.NewSyscallError("socketpair", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "handover")
	defer theirs.Close()
	w, err := newWire(os.NewFile(uintptr(fds[0]), "handover"))
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(s.exe, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{theirs} // descriptor 3
	cmd.Env = append(withoutOwn(os.Environ()), handoverVar+"=3")
	if err := cmd.Start(); err != nil {
		w.Close()
		return 0, err
	}
	theirs.Close()
	go cmd.Wait() // ends with this process at the latest, as the other one outlives it
	stop := context.AfterFunc(ctx, func() { w.Close() })
	defer stop()
	if err := s.prepare(w); err != nil {
		cmd.Process.Kill()
		w.Close()
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = w
	return cmd.Process.Pid, nil
}

// prepare gives the next process what it needs, and waits until it is ready.
func (s *succession) prepare(w *wire) error {
	w.SetDeadline(time.Now().Add(readyTime))
	for _, l := range s.listeners.inUse() {
		if isTunnelPort(l.name) {
			continue
		}
		if err := w.send(l); err != nil {
			return fmt.Errorf("pass the listener %s on: %w", l.name, err)
		}
	}
	if err := w.say("bound"); err != nil {
		return err
	}
	line, err := w.line()
	if err != nil {
		return fmt.Errorf("wait for it: %w", err)
	}
	if line != "ready" {
		return fmt.Errorf("it says %q", line)
	}
	return nil
}

// withoutOwn drops the variables that are for one process alone.
func withoutOwn(environ []string) (kept []string) {
	for _, v := range environ {
		switch name, _, _ := strings.Cut(v, "="); name {
		case handoverVar, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID":
		default:
			kept = append(kept, v)
		}
	}
	return kept
}
