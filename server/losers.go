package server

import (
	"fmt"
	"slices"
)

// losersMax is how many sessions that lost a name are remembered with it.
const losersMax = 16

// losers are the sessions that a newer one of the same owner has taken a name from. They
// do not get it back while another one has it: two clients would take it from each other
// for ever, of which those that speak plain version 2 can't even be told.
type losers []sessionID

func (l losers) include(id sessionID) bool { return slices.Contains(l, id) }

func (l *losers) add(id, winner sessionID) {
	if id == winner || l.include(id) {
		return // a session that comes back takes over from itself
	}
	if len(*l) >= losersMax {
		*l = (*l)[1:]
	}
	*l = append(*l, id)
}

// mayTakeOver returns why t can't have what old, a tunnel of the same owner, has now.
func mayTakeOver(t, old *tunnel, l losers) error {
	switch {
	case t.control.ctx != nil && t.control.ctx.Err() != nil:
		return errPoolClosed // it is old's session that has taken this one's place
	case old.control == t.control:
		return fmt.Errorf("another tunnel of this ngrok has %s already: choose another one, or close that tunnel first", display(t.name))
	case l.include(t.control.id):
		return fmt.Errorf("another ngrok with the same token has taken %s over and has it now: stop it, or start this one anew", display(t.name))
	}
	return nil
}
