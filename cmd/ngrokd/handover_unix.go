//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
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

// lineMax bounds a line between the two processes.
const lineMax = 1024

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
