//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
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

// A process that is told to replace itself (SIGUSR2) starts its successor with one end
// of a socket pair. Over it go lines, those with listeners each with a descriptor:
//
//	listen NAME ADDR     old to new: a listener and the address it was asked for
//	bound                old to new: that is all that is needed to begin with
//	ready                new to old: settings, certificates and listeners are in order
//	go                   old to new: the names are written down; it is your turn
//
// Between ready and go the old process passes the listeners of TCP tunnels. It accepts
// until then; what arrives after that waits in the listeners' queues for the new one.
// If the new process fails before it is ready, the old one goes on.

const (
	// handoverVar names the descriptor of the socket to a new process.
	handoverVar = "NGROKD_HANDOVER"

	// readyTime is how long a new process may take to be ready.
	readyTime = 30 * time.Second

	// lineMax bounds a line between the two processes.
	lineMax = 1024
)

// wire is one end of the socket between the two.
type wire struct {
	*net.UnixConn
	unread []byte
	files  []*os.File // received, not yet claimed by their lines
}

func newWire(f *os.File) (*wire, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("not a unix socket")
	}
	return &wire{UnixConn: u}, nil
}

// line returns the next line.
func (w *wire) line() (string, error) {
	for {
		if line, rest, ok := bytes.Cut(w.unread, []byte("\n")); ok {
			w.unread = rest
			return string(line), nil
		}
		if len(w.unread) > lineMax {
			return "", errors.New("line too long")
		}
		b, oob := make([]byte, lineMax), make([]byte, syscall.CmsgSpace(4*64))
		n, oobn, _, _, err := w.ReadMsgUnix(b, oob)
		if err != nil {
			return "", err
		}
		if n == 0 {
			return "", errors.New("the other process has ended")
		}
		w.unread = append(w.unread, b[:n]...)
		messages, err := syscall.ParseSocketControlMessage(oob[:oobn])
		if err != nil {
			return "", err
		}
		for i := range messages {
			fds, err := syscall.ParseUnixRights(&messages[i])
			if err != nil {
				return "", err
			}
			for _, fd := range fds {
				syscall.CloseOnExec(fd)
				w.files = append(w.files, os.NewFile(uintptr(fd), "listener"))
			}
		}
	}
}

func (w *wire) say(line string) error {
	_, err := w.Write([]byte(line + "\n"))
	return err
}

// send passes a listener on.
func (w *wire) send(l *listener) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	line := []byte("listen " + l.name + " " + l.addr + "\n")
	cerr := raw.Control(func(fd uintptr) { _, _, err = w.WriteMsgUnix(line, syscall.UnixRights(int(fd)), nil) })
	return errors.Join(cerr, err)
}

// receive takes listeners until a line says end.
func (w *wire) receive(ls *listeners, end string) error {
	for {
		line, err := w.line()
		if err != nil {
			return err
		}
		if line == end {
			return nil
		}
		word, rest, _ := strings.Cut(line, " ")
		name, addr, _ := strings.Cut(rest, " ")
		if word != "listen" || len(w.files) == 0 {
			return fmt.Errorf("unexpected line %q", line)
		}
		f := w.files[0]
		w.files = w.files[1:]
		l, err := tcpListener(f)
		if err != nil {
			return err
		}
		if !ls.pass(name, &passedListener{TCPListener: l, addr: addr}) {
			l.Close()
			return fmt.Errorf("the listener %s came twice", name)
		}
	}
}

func tcpListener(f *os.File) (*net.TCPListener, error) {
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("%v is not a TCP listener", l.Addr())
	}
	return tcp, nil
}

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

// activated takes the listeners that systemd has opened: those named (FileDescriptorName)
// tunnel, http and https, or, without names, in this order.
func activated(env func(string) string, ls *listeners) error {
	const first = 3 // sd_listen_fds(3)
	if env("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil
	}
	n, err := strconv.Atoi(env("LISTEN_FDS"))
	if err != nil || n <= 0 {
		return nil
	}
	order := []string{"tunnel", "http", "https"}
	names := strings.Split(env("LISTEN_FDNAMES"), ":")
	for i := range n {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		if name != order[0] && name != order[1] && name != order[2] {
			if i >= len(order) {
				return fmt.Errorf("socket activation: the socket %q is none of %s: set FileDescriptorName", name, strings.Join(order, ", "))
			}
			name = order[i]
		}
		syscall.CloseOnExec(first + i)
		l, err := tcpListener(os.NewFile(uintptr(first+i), name))
		if err != nil {
			return fmt.Errorf("socket activation: the socket %s: %w", name, err)
		}
		if !ls.pass(name, &passedListener{TCPListener: l}) {
			l.Close()
			return fmt.Errorf("socket activation: there is more than one socket %s: give each a FileDescriptorName of its own", name)
		}
	}
	return nil
}
