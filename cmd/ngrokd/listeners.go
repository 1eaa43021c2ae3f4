package main

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"ngrok/conn"
)

// unusedAfter is when listeners are closed that were passed to this process and that
// nobody has asked for: their owners would have come back by then.
const unusedAfter = 30 * time.Second

// listeners opens the server's listeners and knows which are open, so that they can be
// passed on. Some may have been passed to this process: those are not opened anew.
type listeners struct {
	mu     sync.Mutex
	passed map[string]*passedListener // by name, until it is asked for
	open   map[string]*listener
}

// passedListener is a listener that another process has opened. An empty addr fits
// whatever address is asked for.
type passedListener struct {
	*net.TCPListener
	addr string
}

// listener is one in use.
type listener struct {
	*net.TCPListener
	name, addr string // as asked for
	passed     bool
	all        *listeners
}

func newListeners() *listeners {
	return &listeners{passed: make(map[string]*passedListener), open: make(map[string]*listener)}
}

// pass takes a listener from another process, or reports false when it has one of that
// name.
func (ls *listeners) pass(name string, p *passedListener) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.passed[name] != nil {
		return false
	}
	ls.passed[name] = p
	return true
}

// addresses returns where the listeners listen that were passed and not yet asked for.
func (ls *listeners) addresses() (all []string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, p := range ls.passed {
		all = append(all, p.Addr().String())
	}
	return all
}

// listen is for [server.Config].
func (ls *listeners) listen(name, addr string) (net.Listener, error) {
	ls.mu.Lock()
	p := ls.passed[name]
	delete(ls.passed, name)
	ls.mu.Unlock()
	l := &listener{name: name, addr: addr, all: ls}
	switch {
	case p != nil && (p.addr == "" || p.addr == addr):
		l.TCPListener, l.passed = p.TCPListener, true
	case p != nil:
		p.Close() // the settings have changed
		fallthrough
	default:
		nl, err := conn.ListenConfig().Listen(context.Background(), "tcp", addr)
		if err != nil {
			return nil, err
		}
		l.TCPListener = nl.(*net.TCPListener)
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.open[name] = l
	return l, nil
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	if !l.passed {
		return l.TCPListener.Accept()
	}
	c, err := l.TCPListener.AcceptTCP()
	if err != nil {
		return nil, err
	}
	conn.SetOptions(c) // those of the listener are lost on the way
	return c, nil
}

// Close implements [net.Listener].
func (l *listener) Close() error {
	l.all.mu.Lock()
	if l.all.open[l.name] == l {
		delete(l.all.open, l.name)
	}
	l.all.mu.Unlock()
	return l.TCPListener.Close()
}

// inUse returns the listeners that are open.
func (ls *listeners) inUse() (all []*listener) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.open {
		all = append(all, l)
	}
	return all
}

// bound returns addr, which was asked for under that name, with the port that it got where
// it asked for any, or where a listener was passed.
func (ls *listeners) bound(name, addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.open[name]
	if n, _ := strconv.ParseUint(port, 10, 16); l == nil || n != 0 && !l.passed {
		return addr
	}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return net.JoinHostPort(host, port)
}

// closeUnused closes what was passed and not asked for.
func (ls *listeners) closeUnused() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for name, p := range ls.passed {
		p.Close()
		delete(ls.passed, name)
	}
}
