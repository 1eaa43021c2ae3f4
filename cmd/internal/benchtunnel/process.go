package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long a process may take to end before it is killed.
const stopTime = 2 * time.Second

// process is a program that this one has started. A nil one does not exist: it uses
// nothing, and there is nothing to stop.
type process struct {
	cmd  *exec.Cmd
	log  *tail
	done chan struct{}
	once sync.Once
}

// start runs a program in dir until ctx ends or stop is called.
func start(ctx context.Context, dir, name string, args ...string) (*process, error) {
	return startWith(ctx, dir, nil, nil, name, args...)
}

// startWith is start with standard input and output, which may be nil.
func startWith(ctx context.Context, dir string, in, out *os.File, name string, args ...string) (*process, error) {
	p := &process{log: &tail{}, done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, name, args...)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if in != nil {
		p.cmd.Stdin, p.cmd.Stdout = in, out
	}
	// Neither the settings of whoever runs this nor a proxy of the network play a part.
	p.cmd.Env = []string{"HOME=" + dir, "XDG_STATE_HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	p.cmd.WaitDelay = stopTime
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		p.cmd.Wait()
	}()
	return p, nil
}

// role is this program in another role, which reads JSON and answers with JSON. It ends
// when its input does, so that it cannot outlive this process.
type role struct {
	*process
	in, out  *os.File
	requests *json.Encoder
	answers  *json.Decoder
}

func startRole(ctx context.Context, name string) (*role, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	defer theirOut.Close()
	r := &role{in: in, out: out, requests: json.NewEncoder(in), answers: json.NewDecoder(out)}
	if r.process, err = startWith(ctx, os.TempDir(), theirIn, theirOut, self, name); err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	return r, nil
}

// stop ends the process and waits for its end.
func (r *role) stop() {
	r.in.Close()
	r.process.stop()
	r.out.Close()
}

// stop ends the process and waits for its end.
func (p *process) stop() {
	if p == nil {
		return
	}
	p.once.Do(func() { p.cmd.Process.Signal(syscall.SIGTERM) })
	select {
	case <-p.done:
	case <-time.After(stopTime):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// ended returns an error with what the process said last, if it has ended.
func (p *process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s has ended: %s", filepath.Base(p.cmd.Path), p.log)
	default:
		return nil
	}
}

// tail keeps the end of what a process says.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailSize = 2 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	t.b = t.b[max(0, len(t.b)-tailSize):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.b) == 0 {
		return "it said nothing"
	}
	return string(t.b)
}
