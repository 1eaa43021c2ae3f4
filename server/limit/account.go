package limit

import "sync"

// Accounts holds one [Account] for each identity that has a session, or a connection that
// outlived it. The zero value is ready for use.
type Accounts struct {
	mu   sync.Mutex
	open map[string]*Account
}

// Open returns the account of the identity with that key, the same for all its
// sessions. An empty key (nobody) gets an account of its own each time. Each Open
// wants one [Account.Close].
func (a *Accounts) Open(key string) *Account {
	if key == "" {
		return &Account{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	acct, ok := a.open[key]
	if !ok {
		acct = &Account{owner: a, key: key}
		if a.open == nil {
			a.open = make(map[string]*Account)
		}
		a.open[key] = acct
	}
	acct.refs++
	return acct
}

// Len returns how many identities with a key have an account now.
func (a *Accounts) Len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.open)
}

// Account counts what one identity holds, over all its sessions, and paces what it
// carries.
type Account struct {
	// Up paces the bytes that visitors send, Down those that they receive.
	Up, Down Bandwidth

	owner *Accounts
	key   string
	refs  int // sessions and connections; guarded by owner.mu

	mu                             sync.Mutex
	sessions, tunnels, connections int
}

// Close gives back one [Accounts.Open]. The account stays while connections are counted:
// who ends a session and begins another one does not begin at nothing.
func (a *Account) Close() { a.refer(-1) }

func (a *Account) refer(n int) {
	if a.owner == nil {
		return
	}
	a.owner.mu.Lock()
	defer a.owner.mu.Unlock()
	// Who found a tunnel before its session ended may count a connection after it: by then
	// the name may stand for a newer account.
	if a.refs += n; a.refs == 0 && a.owner.open[a.key] == a {
		delete(a.owner.open, a.key)
	}
}

// AddSession counts one more session and reports true, or reports false when there are
// maximum already; 0 means no limit. Each success wants one [Account.RemoveSession].
func (a *Account) AddSession(maximum int) bool { return a.add(&a.sessions, maximum) }

// RemoveSession undoes one [Account.AddSession].
func (a *Account) RemoveSession() { a.remove(&a.sessions) }

// AddTunnel counts one more tunnel and reports true, or reports false when there are
// maximum already; 0 means no limit. Each success wants one [Account.RemoveTunnel].
func (a *Account) AddTunnel(maximum int) bool { return a.add(&a.tunnels, maximum) }

// RemoveTunnel undoes one [Account.AddTunnel].
func (a *Account) RemoveTunnel() { a.remove(&a.tunnels) }

// AddConnection counts one more public connection and reports true, or reports false
// when there are maximum already; 0 means no limit. Each success wants one
// [Account.RemoveConnection].
func (a *Account) AddConnection(maximum int) bool {
	if !a.add(&a.connections, maximum) {
		return false
	}
	a.refer(1)
	return true
}

// RemoveConnection undoes one [Account.AddConnection].
func (a *Account) RemoveConnection() {
	a.remove(&a.connections)
	a.refer(-1)
}

// Counts returns the tunnels and public connections that are counted now.
func (a *Account) Counts() (tunnels, connections int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tunnels, a.connections
}

func (a *Account) add(n *int, maximum int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if maximum > 0 && *n >= maximum {
		return false
	}
	*n++
	return true
}

func (a *Account) remove(n *int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*n--
}
