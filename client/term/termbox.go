package term

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nsf/termbox-go"
)

// termboxBusy says that a termboxTerminal is open. It is global because all of termbox
// is; it stays set for ever when termbox could not be closed.
var termboxBusy atomic.Bool

// termboxTerminal is the controlling terminal, driven by termbox.
type termboxTerminal struct {
	mu     sync.Mutex // held while termbox draws or closes
	opened bool

	closing sync.Mutex    // for closed
	closed  chan struct{} // nil unless close has been called since open
}

var errBusy = errors.New("another screen is running in this process")

func (t *termboxTerminal) open() error {
	if !termboxBusy.CompareAndSwap(false, true) {
		return errBusy
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := termbox.Init(); err != nil {
		termboxBusy.Store(false)
		return fmt.Errorf("%w (start it from a terminal with TERM set, or without the screen: -log=stdout)", err)
	}
	t.closing.Lock()
	t.closed = nil
	t.closing.Unlock()
	t.opened = true
	termbox.SetInputMode(termbox.InputEsc)
	termbox.SetOutputMode(termbox.OutputNormal)
	return nil
}

func (t *termboxTerminal) size() (width, height int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.opened {
		return 0, 0, errClosed
	}
	// Clear is what makes termbox ask for the size. On a terminal that hung up that
	// is zero, and telling it so fails.
	if err := termbox.Clear(termbox.ColorDefault, termbox.ColorDefault); err != nil {
		return 0, 0, fmt.Errorf("%w: %w", errLost, err)
	}
	width, height = termbox.Size()
	return width, height, nil
}

func (t *termboxTerminal) show(g *grid, repaint bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.opened {
		return errClosed
	}
	for y := range g.height {
		for x := range g.width {
			c := g.at(x, y)
			termbox.SetCell(x, y, c.char, foreground(c.style), termbox.ColorDefault)
		}
	}
	draw := termbox.Flush
	if repaint {
		draw = termbox.Sync
	}
	if err := draw(); err != nil {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return nil
}

// foreground uses the terminal's own palette, as what is readable on its background
// is known to it alone.
func foreground(s style) termbox.Attribute {
	switch s {
	case title:
		return termbox.ColorBlue | termbox.AttrBold
	case good:
		return termbox.ColorGreen
	case note:
		return termbox.ColorCyan
	case warn:
		return termbox.ColorYellow
	case bad:
		return termbox.ColorRed
	default:
		return termbox.ColorDefault
	}
}

func (t *termboxTerminal) poll() event {
	switch e := termbox.PollEvent(); e.Type {
	case termbox.EventInterrupt:
		return eventInterrupt
	case termbox.EventResize:
		return eventResize
	case termbox.EventError:
		return eventError
	case termbox.EventKey:
		switch e.Key {
		case termbox.KeyCtrlC:
			return eventQuit
		case termbox.KeyCtrlL:
			return eventRepaint
		}
	}
	return eventOther
}

func (t *termboxTerminal) interrupt() { termbox.Interrupt() }

// close runs termbox.Close aside, because that waits for ever after a read error (its
// reader then waits for a receiver that has gone) and while a write hangs.
func (t *termboxTerminal) close() error {
	t.closing.Lock()
	if t.closed == nil {
		closed := make(chan struct{})
		t.closed = closed
		go func() {
			defer close(closed)
			t.closeTermbox()
		}()
	}
	closed := t.closed
	t.closing.Unlock()

	select {
	case <-closed:
		return nil
	case <-time.After(closeTimeout):
		return ErrStalled
	}
}

func (t *termboxTerminal) closeTermbox() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.opened {
		t.opened = false
		termbox.Close()
		termboxBusy.Store(false)
	}
}
