package auth

import "sync"

// Policies holds the policy in force. Readers take it at every operation; a reload
// swaps it. It is safe for concurrent use.
type Policies struct {
	mu      sync.RWMutex
	policy  *Policy
	changed chan struct{}
}

// NewPolicies puts p in force; nil means [OpenPolicy].
func NewPolicies(p *Policy) *Policies {
	if p == nil {
		p = OpenPolicy()
	}
	return &Policies{policy: p, changed: make(chan struct{})}
}

// Current returns the policy in force.
func (s *Policies) Current() *Policy {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.policy
}

// Watch returns the policy in force and a channel that is closed when another has taken
// its place, so that no change is missed between the two.
func (s *Policies) Watch() (*Policy, <-chan struct{}) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.policy, s.changed
}

// Swap puts p in force and wakes those who watch.
func (s *Policies) Swap(p *Policy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy = p
	close(s.changed)
	s.changed = make(chan struct{})
}
