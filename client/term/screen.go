package term

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ngrok/client"
)

const (
	// minInterval is the least time between two frames: more often than this nobody
	// reads, and a busy tunnel would spend its time on drawing.
	minInterval = 100 * time.Millisecond

	// maxInterval is the most time between two frames. It keeps the durations of
	// open requests going, and notices a terminal that is gone.
	maxInterval = time.Second

	// closeTimeout is how long a terminal that takes no more output (a stalled ssh
	// session) may hold up the end.
	closeTimeout = time.Second
)

// Source is what a [Screen] shows. Both methods must be safe for concurrent use and
// must not block. A client.Client is one.
type Source interface {
	// State returns a snapshot.
	State() client.State
	// Subscribe returns a channel that holds a value after the state changed, and a
	// function that ends the subscription.
	Subscribe() (<-chan struct{}, func())
}

// Config configures a [Screen].
type Config struct {
	// Source is what is shown. Required.
	Source Source

	// Requests are the latest HTTP requests; nil means that nothing is captured,
	// and the section is left out.
	Requests Requests

	// WebURL is the address of the inspector page, as users write it; empty is
	// shown as disabled.
	WebURL string
}

// Screen shows a client on the terminal that the program was started from.
type Screen struct {
	config Config
	term   terminal
}

// terminal is what a Screen draws on. show and poll are called from one goroutine
// each, the other methods from any.
type terminal interface {
	// open takes the terminal over.
	open() error
	// size returns the present size in columns and rows, or an error when the
	// terminal is gone.
	size() (width, height int, err error)
	// show makes the terminal look like the grid; repaint sends all of it and not
	// what changed alone.
	show(g *grid, repaint bool) error
	// poll waits for an event. It goes on after an error until interrupt is called.
	poll() event
	// interrupt makes one poll return eventInterrupt, and waits for it to do so.
	interrupt()
	// close gives the terminal back as it was, or returns ErrStalled after closeTimeout.
	// Once it is closed, size and show return errClosed and close does nothing.
	close() error
}

// event is something that a terminal reports.
type event int

const (
	eventOther event = iota
	eventInterrupt
	eventQuit
	eventResize
	eventRepaint
	eventError
)

// ErrStalled is what [Screen.Run] returns when it had to end while the terminal takes no
// output, as in a stalled ssh session: the terminal could not be restored. Whatever
// is written to it hangs as well, so the caller should end the process without a word.
var ErrStalled = errors.New("the terminal takes no output, so it could not be restored; the command 'reset' does that")

var (
	// errLost is why a screen ends whose terminal is no longer there.
	errLost = errors.New("the terminal is gone")
	// errClosed is what drawing on a closed terminal gives.
	errClosed = errors.New("the screen has been closed")
)

// New returns a screen for a configuration. It touches no terminal: see [Screen.Run].
func New(c Config) (*Screen, error) {
	if c.Source == nil {
		return nil, errors.New("terminal screen: Config.Source is missing")
	}
	return &Screen{config: c, term: &termboxTerminal{}}, nil
}

// Run takes over the controlling terminal, draws until ctx ends or the user presses
// Ctrl+C, both of which return nil, and gives the terminal back as it was. It does so
// as well when a call to Source or Requests panics.
//
// The keyboard sends no signals meanwhile, and what else is written to the terminal
// spoils the screen until Ctrl+L. Catching SIGTERM and the like is up to the caller,
// who ends ctx. An error means that there is no terminal to draw on, or no longer, or is
// [ErrStalled]. One screen can run at a time in a process, as termbox keeps its state in
// globals.
func (s *Screen) Run(ctx context.Context) (err error) {
	if err := s.term.open(); err != nil {
		return fmt.Errorf("open terminal screen: %w", err)
	}
	defer func() {
		if cerr := s.term.close(); err == nil && cerr != nil {
			err = fmt.Errorf("close terminal screen: %w", cerr)
		}
	}()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var polling sync.WaitGroup
	events := make(chan event)
	polling.Go(func() { s.guard(func() { s.poll(ctx, events) }) })
	defer func() {
		cancel()
		s.term.interrupt()
		polling.Wait()
	}()

	redraw := make(chan event, 1)
	drawn := make(chan error, 1)
	go s.guard(func() { drawn <- s.drawLoop(ctx, redraw) })

	for {
		select {
		case e := <-events:
			switch e {
			case eventQuit:
				cancel()
				return s.awaitDrawing(drawn)
			case eventError:
				cancel()
				s.awaitDrawing(drawn)
				return errLost
			case eventResize, eventRepaint:
				requestRedraw(redraw, e)
			}
		case err := <-drawn:
			return err
		case <-ctx.Done():
			return s.awaitDrawing(drawn)
		}
	}
}

// Restore gives the terminal back at once, from any goroutine and also while Run
// runs, which then returns nil. It is for a caller that is about to end the process, such
// as one that has recovered from a panic: one in another goroutine than those of Run would
// otherwise leave the terminal raw. It takes at most a second.
func (s *Screen) Restore() { s.term.close() }

// guard gives the terminal back when f panics. The panic goes on with its own stack, on a
// terminal where it can be read.
func (s *Screen) guard(f func()) {
	returned := false
	defer func() {
		if !returned {
			s.term.close()
		}
	}()
	f()
	returned = true
}

// awaitDrawing waits for the drawing goroutine, unless it hangs in a write to a terminal
// that takes no output: nothing can interrupt that but the end of the process.
func (s *Screen) awaitDrawing(drawn <-chan error) error {
	select {
	case err := <-drawn:
		return err
	case <-time.After(closeTimeout):
		return ErrStalled
	}
}

// requestRedraw leaves a wish for the drawing goroutine; a repaint wins over a resize.
func requestRedraw(redraw chan event, e event) {
	select {
	case redraw <- e:
	default:
		if e == eventRepaint {
			select {
			case <-redraw:
			default:
			}
			redraw <- e // Run is the only sender
		}
	}
}

// poll passes on events until interrupt is called.
func (s *Screen) poll(ctx context.Context, events chan<- event) {
	for {
		e := s.term.poll()
		if e == eventInterrupt {
			return
		}
		if e == eventOther {
			continue
		}
		select {
		case events <- e:
		case <-ctx.Done():
		}
	}
}

// drawLoop draws a frame, and the next ones on each change.
func (s *Screen) drawLoop(ctx context.Context, redraw <-chan event) error {
	changed, unsubscribe := s.config.Source.Subscribe()
	defer unsubscribe()
	var requested <-chan struct{}
	if s.config.Requests != nil {
		var unsubscribe func()
		requested, unsubscribe = s.config.Requests.Subscribe()
		defer unsubscribe()
	}

	repaint := false
	for {
		next, err := s.frame(time.Now(), repaint)
		if errors.Is(err, errClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		repaint = false

		select {
		case <-time.After(minInterval):
		case <-ctx.Done():
			return nil
		}
		select {
		case <-time.After(next - minInterval):
		case _, ok := <-changed:
			if !ok {
				changed = nil
			}
		case _, ok := <-requested:
			if !ok {
				requested = nil
			}
		case e := <-redraw:
			repaint = e == eventRepaint
		case <-ctx.Done():
			return nil
		}
	}
}

// frame draws one frame, and says how long it is good for if nothing changes.
func (s *Screen) frame(now time.Time, repaint bool) (time.Duration, error) {
	width, height, err := s.term.size()
	if err != nil {
		return 0, err
	}
	v := view{now: now, state: s.config.Source.State(), webURL: s.config.WebURL}
	if s.config.Requests != nil {
		v.capture = true
		v.requests = s.config.Requests.Recent(height)
	}
	if err := s.term.show(layout(v, width, height), repaint); err != nil {
		return 0, err
	}
	return untilTick(v.state, now), nil
}

// untilTick returns when a frame has to be drawn without a change: where the
// countdown shows its next number, else after maxInterval.
func untilTick(s client.State, now time.Time) time.Duration {
	wait := s.RetryAt.Sub(now)
	if s.Status != client.Reconnecting || s.RetryAt.IsZero() || wait <= 0 {
		return maxInterval
	}
	if part := wait % time.Second; part > 0 {
		return max(part, minInterval)
	}
	return maxInterval
}
