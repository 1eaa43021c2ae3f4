package conn

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

const (
	// tidyBurst is how many handshakes leave enough garbage to care for: some 60 KiB
	// each, with their stacks.
	tidyBurst = 16

	// tidyPause is how long after the last of them.
	tidyPause = 250 * time.Millisecond
)

// Tidy gives memory back to the operating system after a burst of TLS handshakes.
// Their garbage is many times what the connections hold, and a process that carries
// little would keep it until the collector's next turn, minutes later. While handshakes
// go on without a pause, it does nothing. The zero value is ready.
type Tidy struct {
	count atomic.Int64
	timer atomic.Pointer[time.Timer]
}

// Handshake notes one handshake.
func (t *Tidy) Handshake() {
	if t.count.Add(1) < tidyBurst {
		return
	}
	timer := t.timer.Load()
	if timer == nil {
		timer = time.AfterFunc(time.Hour, t.run)
		if !t.timer.CompareAndSwap(nil, timer) {
			timer.Stop()
			timer = t.timer.Load()
		}
	}
	timer.Reset(tidyPause)
}

// Stop ends what is planned.
func (t *Tidy) Stop() {
	if timer := t.timer.Load(); timer != nil {
		timer.Stop()
	}
}

func (t *Tidy) run() {
	t.count.Store(0)
	// What pools hold survives one collection, and a stack is halved by each.
	runtime.GC()
	debug.FreeOSMemory()
}
