package cert

import (
	"context"
	"errors"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// job is the work on one certificate: an attempt under way, or what failed attempts
// have left behind.
type job struct {
	done     chan struct{} // closed at the end of the attempt under way; nil when there is none
	failures int           // in a row
	next     time.Time     // no attempt before
	said     string        // the failure that was logged
}

// attempt begins to get the subject's certificate, and returns a channel that is closed
// when that is over. It joins an attempt under way, and returns nil while a failed one is
// too recent.
func (m *manager) attempt(subject string) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := m.jobs[subject]
	switch {
	case m.ended:
		return nil
	case j == nil:
		j = &job{}
		m.jobs[subject] = j
	case j.done != nil:
		return j.done
	case time.Now().Before(j.next):
		return nil
	}
	done := make(chan struct{})
	j.done = done
	m.wg.Go(func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(m.ctx, attemptTimeout)
		defer cancel()
		m.finish(subject, m.get(ctx, subject))
	})
	return done
}

// finish notes how an attempt ended, and tells of a failure once.
func (m *manager) finish(subject string, err error) {
	m.mu.Lock()
	j := m.jobs[subject]
	if j == nil { // nobody wants the name any more
		m.mu.Unlock()
		return
	}
	j.done = nil
	if err == nil || m.ctx.Err() != nil {
		delete(m.jobs, subject)
		m.mu.Unlock()
		return
	}
	kind, remedy := explain(err)
	pause := pauseAfter(j.failures, kind)
	j.failures++
	j.next = time.Now().Add(pause)
	var share *tooManyError
	news := j.said != kind && !(errors.As(err, &share) && share.told)
	j.said = kind
	m.mu.Unlock()

	if !news {
		m.logger.Debug("still no certificate", "name", subject, "err", err, "again", pause)
		return
	}
	m.logger.Error("cannot get a certificate; trying again by and by", "name", subject, "err", err, "remedy", remedy, "again", pause)
}

// pauseAfter returns how long to wait after a failure that follows so many others.
func pauseAfter(failures int, kind string) time.Duration {
	pause := retryMax
	if failures < 10 {
		pause = min(retryMin<<failures, retryMax)
	}
	switch kind {
	case kindBusy:
		return orderInterval
	case kindShare:
		return ownerInterval
	case acme.ProblemTypeRateLimited:
		return max(pause, time.Hour)
	}
	return pause
}

// errTooMany says that orders come faster than an authority puts up with.
var errTooMany = errors.New("too many new certificates at once")

// tooManyError says that one owner's names would take more than its part of the orders.
type tooManyError struct {
	owner string
	told  bool // of another name already
}

func (e *tooManyError) Error() string { return "too many new certificates for names of " + e.owner }

// storageError is a failure of the disk, or of what lies on it.
type storageError struct{ err error }

func (e *storageError) Error() string { return "read the stored certificate: " + e.err.Error() }

func (e *storageError) Unwrap() error { return e.err }

// The kinds of failures that no authority has a word for.
const (
	kindBusy    = "busy"
	kindShare   = "share"
	kindStorage = "storage"
	kindProof   = "proof"
	kindOther   = "other"
)

// explain returns the kind of a failure, and what an operator can do about it.
func explain(err error) (kind, remedy string) {
	var stored *storageError
	var share *tooManyError
	switch {
	case errors.As(err, &share):
		return kindShare, "see whether this user means well; configure acme.dns for a wildcard certificate, if the names are below the domain"
	case errors.Is(err, errTooMany):
		return kindBusy, "configure acme.dns for a wildcard certificate, if this happens often"
	case errors.As(err, &stored):
		return kindStorage, "see that the data directory is whole and writable; delete the broken certificate below its directory acme to have it got anew"
	case errors.Is(err, errNoProof):
		return kindProof, "enable the http or https port"
	}
	var problem acme.Problem
	if !errors.As(err, &problem) {
		return kindOther, "see that this host reaches the authority (acme.directory, acme.ca), and with acme.dns the provider"
	}
	_, checked := problem.Resource.(acme.Authorization)
	switch problem.Type {
	case acme.ProblemTypeConnection, acme.ProblemTypeTLS, acme.ProblemTypeUnauthorized, acme.ProblemTypeIncorrectResponse:
		remedy = "see that the name leads to this host, and that port 80 or 443 there is ngrokd's own; or configure acme.dns"
	case acme.ProblemTypeDNS:
		remedy = "see that the name is in the DNS, and leads to this host; a new entry may take an hour to be seen"
	case acme.ProblemTypeRateLimited:
		remedy = "wait; names below the domain cost nothing with a wildcard certificate, which acme.dns gets"
	case acme.ProblemTypeCAA:
		remedy = "let the name's CAA record name this authority"
	case acme.ProblemTypeRejectedIdentifier, acme.ProblemTypeUnsupportedIdentifier:
		remedy = "this authority gives no certificate for such a name: use another name, or another authority"
	case acme.ProblemTypeInvalidContact, acme.ProblemTypeUnsupportedContact:
		remedy = "correct acme.email"
	case acme.ProblemTypeExternalAccountRequired, acme.ProblemTypeUserActionRequired:
		remedy = "this authority wants more than an address for an account: choose another with acme.directory"
	default:
		remedy = "the authority's own words tell"
		if checked {
			remedy = "see that the name is in the DNS, and leads to this host's port 80 or 443; or configure acme.dns"
		}
	}
	return problem.Type, remedy
}
