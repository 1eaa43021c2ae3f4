//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// program is one of the programs under test, which can be started over and over.
type program struct {
	name  string
	make  func() *exec.Cmd
	start func(*exec.Cmd) error // in its place
	leash bool                  // it is killed when we die; in a jail all are anyway

	mu     sync.Mutex
	cmd    *exec.Cmd
	stderr *tail
	ended  chan struct{}
	starts int
	wanted bool             // it is not meant to end
	died   func(msg string) // called when it ends by itself
}

// run starts the program. Should it end by itself, that is told, and it is started again.
func (p *program) run() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := p.make()
	p.stderr = &tail{max: 4 << 20}
	cmd.Stdout, cmd.Stderr = nil, p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us alone
	if p.leash {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	if err := p.start(cmd); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.cmd, p.ended, p.wanted = cmd, make(chan struct{}), true
	p.starts++
	go p.wait(cmd, p.ended, p.stderr)
	return nil
}

func (p *program) wait(cmd *exec.Cmd, ended chan struct{}, stderr *tail) {
	err := cmd.Wait()
	close(ended)
	p.mu.Lock()
	unexpected := p.wanted && p.cmd == cmd
	p.mu.Unlock()
	if !unexpected {
		return
	}
	p.died(fmt.Sprintf("%s ended by itself: %v: %s", p.name, err, stderr.last(1500)))
	time.Sleep(time.Second) // not round and round when it cannot start at all
	if err := p.run(); err != nil {
		p.died(err.Error())
	}
}

// pid returns the process's number.
func (p *program) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// signal sends a signal that does not end the program.
func (p *program) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd.Process.Signal(s)
}

// end ends the program with a signal, SIGKILL if that takes too long, and waits for it.
func (p *program) end(s syscall.Signal) {
	p.mu.Lock()
	cmd, ended := p.cmd, p.ended
	p.wanted = false
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	cmd.Process.Signal(s)
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		cmd.Process.Kill()
		<-ended
	}
}

// goroutines ends the program with SIGQUIT and returns what each of its goroutines was
// started as, from the dump that the Go runtime then prints.
func (p *program) goroutines() map[string]int {
	p.end(syscall.SIGQUIT)
	starts := make(map[string]int)
	for _, block := range strings.Split(p.stderr.String(), "\n\n") {
		if !strings.HasPrefix(strings.TrimSpace(block), "goroutine ") || strings.Contains(block, "goroutine 0 ") {
			continue
		}
		name := "main"
		if at := strings.LastIndex(block, "created by "); at >= 0 {
			name, _, _ = strings.Cut(block[at+len("created by "):], "\n")
			name, _, _ = strings.Cut(name, " in goroutine")
		}
		starts[name]++
	}
	return starts
}

// tail keeps the last bytes that are written to it.
type tail struct {
	mu  sync.Mutex
	max int
	b   bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if over := t.b.Len() + len(p) - t.max; over > 0 {
		t.b.Next(over)
	}
	t.b.Write(p)
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

func (t *tail) last(n int) string {
	s := t.String()
	return s[max(0, len(s)-n):]
}

// logEnd returns the end of a log file.
func logEnd(path string, n int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-n):])
}
