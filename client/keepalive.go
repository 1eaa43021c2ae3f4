package client

import (
	"errors"
	"time"

	"ngrok/msg"
)

const (
	// pingEvery and pongTimeout find a session that is dead within 25 s.
	pingEvery   = 10 * time.Second
	pongTimeout = 15 * time.Second

	// ownPongTimeout is the same for servers with FeatureDrain: trying anew costs a
	// handshake, waiting for a path that has died costs visitors their time.
	ownPongTimeout = 6 * time.Second

	// wakePongTimeout is the same after the machine has slept: the session is most
	// likely dead then.
	wakePongTimeout = 2500 * time.Millisecond

	// silentGrace is for how long connections of a session that has died in silence
	// may go without acknowledgement of what was sent: most likely they are dead too.
	silentGrace = 10 * time.Second

	// clockGap is how far the clock must have jumped ahead of the time that passed for
	// the machine to have slept.
	clockGap = 5 * time.Second
)

// errPong is the end of a session whose server does not answer.
var errPong = errors.New("the server does not answer any more")

// keepAlive sends pings and ends the session when one is not answered. After the
// machine has slept it does not wait for the usual time.
func (s *session) keepAlive() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	timeout := pongTimeout
	if s.drains {
		timeout = ownPongTimeout
	}
	last, lastPing := time.Now(), time.Now()
	lastWall := s.client.wall()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		wall := s.client.wall()
		slept := wall.Sub(lastWall)-now.Sub(last) > clockGap
		last, lastWall = now, wall
		switch {
		case s.overdue(now):
			s.giveUpAfter(silentGrace)
			s.cancel(errPong)
			return
		case slept:
			s.ping(now, wakePongTimeout)
			lastPing = now
		case now.Sub(lastPing) >= pingEvery:
			s.ping(now, timeout)
			lastPing = now
		}
	}
}

func (s *session) ping(now time.Time, timeout time.Duration) {
	s.mu.Lock()
	if until := now.Add(timeout); s.pong.IsZero() || until.Before(s.pong) {
		s.pong = until
	}
	s.mu.Unlock()
	s.send(&msg.Ping{})
}

func (s *session) ponged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pong = time.Time{}
}

func (s *session) overdue(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.pong.IsZero() && now.After(s.pong)
}
