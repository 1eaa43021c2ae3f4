package server

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ngrok/conn"
	"ngrok/msg"
)

// proxyConn is one proxy connection of a session. Its run reads for its whole life:
// while it is idle to notice its end, while it is in use the bytes for the visitor.
type proxyConn struct {
	link  *conn.Link
	pool  *pool
	reuse bool      // serves one visitor after another
	uses  chan *use // hands the next use to run; closed by retire

	dead      atomic.Bool         // run has seen its end
	last      atomic.Pointer[use] // until it is over: an idle connection keeps no visitor alive
	idleSince time.Time           // guarded by pool.mu
}

// use is one visitor's connection on a proxy connection.
type use struct {
	stream   *conn.Stream
	visitor  visitor
	starting sync.Mutex    // held while the first bytes are sent
	claimed  atomic.Bool   // by run, which delivers, or by begin, which gives the visitor another proxy connection
	done     chan struct{} // closed when run will not touch the visitor any more
}

var errDiedIdle = errors.New("the proxy connection died while it was idle")

// visitor is what run knows of the connection that it copies to.
type visitor interface {
	// fromStream copies from the stream to the visitor until that direction has
	// ended. After an error the link is of no use, unless it was the other machine
	// that ended the direction.
	fromStream(*use) error
	// cut aborts the visitor's connection: the link has died after fromStream.
	cut()
}

var errOutOfTurn = errors.New("the client sends what belongs to no visitor")

func newProxyConn(link *conn.Link, p *pool, reuse bool) *proxyConn {
	return &proxyConn{link: link, pool: p, reuse: reuse, uses: make(chan *use, 1)}
}

// begin starts a use of a connection that was just taken from the pool: it tells the
// client of the visitor and sends the first bytes along; prepare is called with the
// stream before the visitor's fromStream can be. When it fails, again says
// that the visitor may be given another connection: nothing has been sent.
func (pc *proxyConn) begin(v visitor, start *msg.StartProxy, first []byte, prepare func(*conn.Stream)) (u *use, again bool, err error) {
	u = &use{visitor: v, done: make(chan struct{})}
	u.stream = pc.link.NewStream(pc.reuse, pc.over)
	prepare(u.stream)
	start.Reuse = pc.reuse
	u.starting.Lock()
	defer u.starting.Unlock()
	pc.uses <- u
	if pc.dead.Load() {
		// It has died since it was taken. The read that is outstanding on each idle
		// connection finds that out, at no cost for the others.
		again, err = true, errDiedIdle
	} else {
		again, err = u.stream.Start(start, first)
	}
	if err != nil {
		again = again && u.claimed.CompareAndSwap(false, true) // else run delivers already
		pc.link.Reset()
		return nil, again, err
	}
	return u, false, nil
}

// over is called when both directions of a use have ended.
func (pc *proxyConn) over() {
	pc.last.Store(nil) // before anybody can begin the next one
	switch {
	case !pc.reuse:
		pc.link.Close()
	case !pc.pool.put(pc):
		pc.retire()
	}
}

// retire ends a connection that is idle and in no pool any more.
func (pc *proxyConn) retire() {
	close(pc.uses)
	pc.link.SetReadDeadline(time.Unix(1, 0)) // wakes run
}

// run owns the link. It returns when the link has ended.
func (pc *proxyConn) run() {
	for {
		err := pc.awaitBytes()
		if last := pc.last.Load(); last != nil && !last.stream.Over() {
			last.visitor.cut() // the link died, or the peer goes on behind its end
			pc.die(last)
			return
		}
		if pc.pool.remove(pc, err != nil) {
			pc.link.Close() // it died idle, or the peer speaks out of turn
			return
		}
		u, ok := <-pc.uses
		if !ok {
			pc.link.Close()
			return
		}
		if errors.Is(err, errOutOfTurn) {
			u.refuse()
			pc.link.Reset()
			return
		}
		if !pc.serve(u, err) {
			return
		}
	}
}

// serve runs one use, whose first bytes or, with err, whose end has been seen. It reports
// whether there may be another one.
func (pc *proxyConn) serve(u *use, err error) bool {
	if err != nil {
		// The end may have been seen before the use began: only when begin is
		// done is it clear whether the visitor has gone elsewhere.
		u.awaitStart()
	}
	pc.last.Store(u)
	err = u.run()
	close(u.done)
	if err != nil && !u.stream.Received() {
		pc.die(u)
		return false
	}
	return pc.reuse // else whoever ends the second direction closes it
}

func (u *use) awaitStart() {
	u.starting.Lock()
	defer u.starting.Unlock()
}

// die ends a connection in the middle of its last use. The other direction of that use
// may end at this moment and hand the connection on: nobody would read for whoever has
// been given it.
func (pc *proxyConn) die(last *use) {
	pc.link.Reset()
	if pc.pool.remove(pc, true) || !pc.reuse || !last.stream.Over() {
		return // from now on the pool does not take it back
	}
	if next, ok := <-pc.uses; ok {
		next.refuse()
	}
}

// awaitBytes waits until the client has sent something. What is here already came before
// the client could know of the next visitor, so that it must not become a part of the
// answer to it.
func (pc *proxyConn) awaitBytes() error {
	if len(pc.link.Buffered()) > 0 {
		return errOutOfTurn
	}
	return pc.link.Fill()
}

// refuse ends a use that has not begun.
func (u *use) refuse() {
	u.awaitStart()
	if u.claimed.CompareAndSwap(false, true) {
		u.visitor.cut()
	}
	close(u.done)
}

func (u *use) run() error {
	if !u.claimed.CompareAndSwap(false, true) {
		return errAbandoned
	}
	return u.visitor.fromStream(u)
}
