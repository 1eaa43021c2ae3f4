//go:build !windows

package term

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// patience is how long a condition may take on a loaded machine.
const patience = 60 * time.Second

// ptyProgram is a program of this test binary below a shell on a pseudo-terminal that
// an emulator shows. The shell stays when the program ends, as a user's does: the end
// of a session's leader would hang up the terminal.
type ptyProgram struct {
	t       *testing.T
	master  *os.File
	tty     *os.File
	emu     vt10x.Terminal
	changed chan struct{} // one slot: the emulator took output
	report  *bufio.Reader
	pid     int
	before  string // the terminal's attributes at the start

	stall sync.Mutex // held: the emulator takes no output
}

func startOnPTY(t *testing.T, name string, cols, rows int) *ptyProgram {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a process")
	}
	t.Parallel()
	master, tty, err := openPTY()
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { master.Close(); tty.Close() })
	p := &ptyProgram{t: t, master: master, tty: tty, changed: make(chan struct{}, 1),
		emu: vt10x.New(vt10x.WithSize(cols, rows))}
	p.resize(cols, rows)
	p.before = p.attributes()

	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	p.report = bufio.NewReader(r)
	r.SetReadDeadline(time.Now().Add(patience))

	cmd := exec.Command("/bin/sh", "-c", `echo "before"; "$0"; echo "exit=$?"; read _`, os.Args[0])
	// The race detector would sleep a second at the end of each program.
	cmd.Env = append(os.Environ(), programEnv+"="+name, "TERM=xterm", "GORACE=atexit_sleep_ms=0")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()

	reading := make(chan struct{})
	go func() {
		defer close(reading)
		br := bufio.NewReader(master)
		for p.emu.Parse(br) == nil {
			p.stall.Lock()
			p.stall.Unlock() //lint:ignore SA2001 it waits until a test lets go of it
			select {
			case p.changed <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() {
		if p.pid != 0 {
			syscall.Kill(p.pid, syscall.SIGKILL) // no such process, usually
		}
		cmd.Process.Kill()
		cmd.Wait()
		tty.Close()
		master.Close()
		<-reading
	})
	if p.pid, err = strconv.Atoi(p.reported()); err != nil {
		t.Fatal(err)
	}
	return p
}

// openPTY opens a pseudo-terminal whose master can be closed while it is being read.
func openPTY() (master, tty *os.File, err error) {
	blocking, tty, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer blocking.Close()
	syscall.ForkLock.RLock() // no other test's program may inherit fd
	fd, err := syscall.Dup(int(blocking.Fd()))
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		tty.Close()
		return nil, nil, err
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		tty.Close()
		return nil, nil, err
	}
	return os.NewFile(uintptr(fd), "ptmx"), tty, nil
}

// reported returns the next line that the program reports.
func (p *ptyProgram) reported() string {
	p.t.Helper()
	line, err := p.report.ReadString('\n')
	if err != nil {
		p.t.Fatalf("read report: %v; the screen:\n%s", err, p.text())
	}
	return strings.TrimSpace(line)
}

// attributes returns what stty says of the terminal.
func (p *ptyProgram) attributes() string {
	p.t.Helper()
	cmd := exec.Command("stty", "-g")
	cmd.Stdin = p.tty
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("stty: %v", err)
	}
	return string(out)
}

func (p *ptyProgram) resize(cols, rows int) {
	p.t.Helper()
	p.emu.Resize(cols, rows)
	if err := pty.Setsize(p.tty, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *ptyProgram) typed(keys string) {
	p.t.Helper()
	if _, err := p.master.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// text is what the emulator shows, without trailing blanks.
func (p *ptyProgram) text() string {
	rows := strings.Split(p.emu.String(), "\n")
	for i := range rows {
		rows[i] = strings.TrimRight(rows[i], " ")
	}
	return strings.Join(rows, "\n")
}

func (p *ptyProgram) onAltScreen() bool {
	p.emu.Lock()
	defer p.emu.Unlock()
	return p.emu.Mode()&vt10x.ModeAltScreen != 0
}

func (p *ptyProgram) cursorVisible() bool {
	p.emu.Lock()
	defer p.emu.Unlock()
	return p.emu.CursorVisible()
}

// waitFor waits until the emulator's state satisfies a condition.
func (p *ptyProgram) waitFor(what string, cond func() bool) {
	p.t.Helper()
	timeout := time.After(patience)
	for !cond() {
		select {
		case <-p.changed:
		case <-timeout:
			p.t.Fatalf("waited in vain for %s; the screen:\n%s", what, p.text())
		}
	}
}

func (p *ptyProgram) waitForText(s string) {
	p.t.Helper()
	p.waitFor(strconv.Quote(s), func() bool { return strings.Contains(p.text(), s) })
}

// waitForScreen waits until the whole screen stands.
func (p *ptyProgram) waitForScreen() {
	p.t.Helper()
	p.waitForText("/favicon.ico")
	if !p.onAltScreen() || p.cursorVisible() {
		p.t.Error("not on the alternate screen, or with a cursor")
	}
	if p.attributes() == p.before {
		p.t.Error("the terminal is not in raw mode")
	}
}

// checkRestored checks that the terminal is as it was, with what was on it.
func (p *ptyProgram) checkRestored() {
	p.t.Helper()
	p.waitForText("exit=")
	if p.onAltScreen() {
		p.t.Error("still on the alternate screen")
	}
	if !p.cursorVisible() {
		p.t.Error("the cursor is hidden")
	}
	if !strings.HasPrefix(p.text(), "before\n") {
		p.t.Errorf("what was on the terminal is gone:\n%s", p.text())
	}
	if after := p.attributes(); after != p.before {
		p.t.Errorf("attributes %s, before %s", after, p.before)
	}
	p.emu.Lock()
	defer p.emu.Unlock()
	cursor := p.emu.Cursor()
	if cursor.Attr.FG != vt10x.DefaultFG || cursor.Attr.BG != vt10x.DefaultBG || cursor.Attr.Mode != 0 {
		p.t.Errorf("a colour is left on: %+v", cursor.Attr)
	}
}

func TestPTYQuit(t *testing.T) {
	p := startOnPTY(t, "demo", 80, 24)
	p.waitForScreen()
	p.typed("q\x1b[A") // neither ends it
	p.typed("\x03")
	if got := p.reported(); got != "run: <nil>" {
		t.Errorf("Run returned %q", got)
	}
	p.checkRestored()
	p.waitForText("goodbye\nexit=0")
}

func TestPTYTerminate(t *testing.T) {
	p := startOnPTY(t, "demo", 80, 24)
	p.waitForScreen()
	if err := syscall.Kill(p.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := p.reported(); got != "run: <nil>" {
		t.Errorf("Run returned %q", got)
	}
	p.checkRestored()
}

func TestPTYPanic(t *testing.T) {
	p := startOnPTY(t, "panic", 100, 60)
	p.waitForScreen()
	p.typed("\x0c") // a reason to draw
	p.checkRestored()
	p.waitForText("panic: deliberate")
	p.waitForText("exit=2")
}

func TestPTYRestore(t *testing.T) {
	p := startOnPTY(t, "restore", 80, 24)
	p.waitForText("fatal: restored by hand\nexit=3")
	p.checkRestored()
}

func TestPTYRunTwice(t *testing.T) {
	p := startOnPTY(t, "twice", 80, 24)
	p.waitForScreen()
	p.typed("\x03")
	p.waitForText("second run")
	p.typed("\x03")
	p.checkRestored()
	p.waitForText("between")
}

func TestPTYResize(t *testing.T) {
	p := startOnPTY(t, "demo", 80, 24)
	p.waitForScreen()
	v := view{state: demoState(), webURL: "http://127.0.0.1:4040", capture: true, requests: demoRequests()}
	for _, size := range [][2]int{{40, 10}, {120, 40}, {7, 1}, {40, 24}, {80, 24}} {
		p.resize(size[0], size[1])
		want := layout(v, size[0], size[1])
		p.waitFor("the layout at "+strconv.Itoa(size[0]), func() bool { return p.shows(want) })
	}
	p.typed("\x03")
	p.waitForText("exit=0")
}

// shows says whether the emulator shows exactly the grid.
func (p *ptyProgram) shows(g *grid) bool {
	p.emu.Lock()
	defer p.emu.Unlock()
	if cols, rows := p.emu.Size(); cols != g.width || rows != g.height {
		return false
	}
	for y := range g.height {
		for x := range g.width {
			c := g.at(x, y)
			if c.char == 0 {
				continue // the emulator knows no wide runes, so this cell holds anything
			}
			glyph := p.emu.Cell(x, y)
			if glyph.Char != c.char || c.char != ' ' && glyph.FG != emulated(c.style) {
				return false
			}
		}
	}
	return true
}

func emulated(s style) vt10x.Color {
	switch s {
	case title:
		return vt10x.LightBlue // blue and bold
	case good:
		return vt10x.Green
	case note:
		return vt10x.Cyan
	case warn:
		return vt10x.Yellow
	case bad:
		return vt10x.Red
	default:
		return vt10x.DefaultFG
	}
}

func TestPTYRepaint(t *testing.T) {
	p := startOnPTY(t, "demo", 80, 24)
	p.waitForScreen()
	// Somebody else writes to the terminal.
	if _, err := p.tty.WriteString("\x1b[5;1Hrubbish\x1b[20;1Hrubbish"); err != nil {
		t.Fatal(err)
	}
	p.waitForText("rubbish")
	p.typed("\x0c")
	p.waitFor("a clean screen", func() bool { return !strings.Contains(p.text(), "rubbish") })
}

func TestPTYReconnecting(t *testing.T) {
	p := startOnPTY(t, "reconnecting", 80, 24)
	p.waitForText("connection refused␛[2J")
	// Which seconds are seen is up to the machine.
	countdown := regexp.MustCompile(`reconnecting in [1-3]s`)
	p.waitFor("a countdown", func() bool { return countdown.MatchString(p.text()) })
	p.waitForText("reconnecting now")
}

// A terminal that goes away without a signal must end the screen, not spin on it.
func TestPTYHangup(t *testing.T) {
	p := startOnPTY(t, "nohup", 80, 24)
	p.waitForScreen()
	p.tty.Close()
	p.master.Close()
	if got := p.reported(); !strings.Contains(got, errLost.Error()) {
		t.Errorf("Run returned %q", got)
	}
}

// A terminal that takes no output (a stalled ssh session) must not hold up the end.
func TestPTYStalled(t *testing.T) {
	p := startOnPTY(t, "stalled", 200, 60)
	p.waitForText("Tunnel Status")
	p.stall.Lock()
	defer p.stall.Unlock()
	if got := p.reported(); got != "stalled" {
		t.Fatal(got)
	}
	if err := syscall.Kill(p.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := p.reported(); got != "run: "+ErrStalled.Error() {
		t.Errorf("Run returned %q", got)
	}
}

func TestOpenWithoutTerminal(t *testing.T) {
	if os.Getenv("TERM_TEST_NO_TTY") == "" {
		t.Parallel()
		cmd := exec.Command(os.Args[0], "-test.run=^TestOpenWithoutTerminal$")
		cmd.Env = append(os.Environ(), "TERM_TEST_NO_TTY=1", "TERM=xterm", "GORACE=atexit_sleep_ms=0")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no controlling terminal
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	s, err := New(Config{Source: &fakeSource{}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a failed Run leaves nothing behind
		if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "-log=stdout") {
			t.Errorf("got %v, want a hint", err)
		}
	}
}

func TestTermboxCloseIsBounded(t *testing.T) {
	t.Parallel()
	term := &termboxTerminal{}
	term.mu.Lock() // as while a write hangs
	if err := term.close(); !errors.Is(err, ErrStalled) {
		t.Errorf("got %v", err)
	}
	term.mu.Unlock()
	if err := term.close(); err != nil {
		t.Errorf("after the write: %v", err)
	}
}
