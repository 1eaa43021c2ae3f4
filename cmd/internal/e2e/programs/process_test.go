//go:build linux

package programs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds each wait for another process, in generous measure.
const patience = time.Minute

// process is a program that runs, with what it has printed.
type process struct {
	*exec.Cmd
	name  string
	ended chan struct{} // closed when it has ended and all its output was read

	mu     sync.Mutex
	output strings.Builder
	more   chan struct{} // closed and renewed when there is more output
}

// run starts a program that is killed with the test if it still runs then. edit may
// change what is started.
func run(t testing.TB, edit func(*exec.Cmd), name string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(name, args...), name: name, ended: make(chan struct{}), more: make(chan struct{})}
	r, w := io.Pipe()
	p.Stdout, p.Stderr = w, w
	// A group of its own, so that nothing that it starts outlives it.
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Whatever inherits its output must not hold the test up.
	p.WaitDelay = 5 * time.Second
	if edit != nil {
		edit(p.Cmd)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	collected := make(chan struct{})
	go func() { p.collect(r); close(collected) }()
	go func() {
		_ = p.Wait()
		w.Close()
		<-collected
		close(p.ended)
	}()
	t.Cleanup(func() {
		how := "ran on and"
		select {
		case <-p.ended:
			how = fmt.Sprintf("ended (%v) and", p.ProcessState)
		default:
		}
		p.kill()
		if t.Failed() {
			t.Logf("%s %s printed:\n%s", p.name, how, tail(p.text()))
		}
	})
	return p
}

// tail returns the end of a long text.
func tail(s string) string {
	const most = 8 << 10
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

func (p *process) collect(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		p.mu.Lock()
		p.output.WriteString(line)
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// find returns the first submatch of pattern in the output, once there is one.
func (p *process) find(t testing.TB, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	timeout := time.After(patience)
	for {
		p.mu.Lock()
		match, more := re.FindStringSubmatch(p.output.String()), p.more
		p.mu.Unlock()
		if match != nil {
			return match[len(match)-1]
		}
		select {
		case <-more:
		case <-p.ended:
			if re.MatchString(p.text()) {
				continue
			}
			t.Fatalf("%s ended (%v) before it printed %s:\n%s", p.name, p.ProcessState, pattern, tail(p.text()))
		case <-timeout:
			t.Fatalf("%s has not printed %s:\n%s", p.name, pattern, tail(p.text()))
		}
	}
}

// signal sends sig and does not wait.
func (p *process) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// kill ends the process and what it started, and waits for that.
func (p *process) kill() {
	_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// end returns the exit code once the process has ended, as a shell does.
func (p *process) end(t testing.TB) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("%s does not end:\n%s", p.name, tail(p.text()))
	}
	return p.ProcessState.ExitCode()
}

// resident returns the largest resident memory so far, in bytes.
func (p *process) resident(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no VmHWM in the process's status")
	return 0
}

// command runs a program to its end and returns what it printed.
func command(t testing.TB, edit func(*exec.Cmd), name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.WaitDelay = 5 * time.Second
	if edit != nil {
		edit(cmd)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, tail(string(out)))
	}
	return string(out)
}
