package server

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ngrok/server/auth"
	"ngrok/server/limit"
)

// TestRegistryRandomly holds, loses, keeps and gives up names and ports in any order, by
// a few owners of a few sessions each, and sees each time that the registry agrees with
// itself: what is away is counted once and by nobody else, nothing that has gone is left.
func TestRegistryRandomly(t *testing.T) {
	steps := 20_000
	if testing.Short() {
		steps = 2000
	}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRegistryWorld(t, seed)
				for i := range steps {
					did := w.step()
					if err := w.check(); err != nil {
						t.Fatalf("step %d, %s: %v", i, did, err)
					}
				}
				for reached, n := range w.reached {
					if n == 0 {
						t.Errorf("%s was never reached", reached)
					}
				}
			})
		})
	}
}

const testTunnels = 3 // that an owner may have, and so the names that are kept for it

type registryWorld struct {
	*rand.Rand
	r        *registry
	controls []*control
	tunnels  []*tunnel // that were granted and not let go of yet
	lost     []*tunnel // that newer sessions have taken over
	open     map[*closingListener]bool
	reached  map[string]int
}

// closingListener knows whether it is open.
type closingListener struct {
	net.Listener
	open map[*closingListener]bool
}

func (l *closingListener) Close() error { delete(l.open, l); return nil }

func newRegistryWorld(t *testing.T, seed uint64) *registryWorld {
	logger := slog.New(slog.DiscardHandler)
	limits := limit.Default()
	limits.Tunnels = testTunnels
	policy, err := auth.NewPolicy(auth.Config{Open: true, Limits: &limits})
	if err != nil {
		t.Fatal(err)
	}
	lease, park := 10*time.Minute, 5*time.Second
	if seed%2 == 1 {
		lease = 0
	}
	s := &Server{logger: logger, policies: auth.NewPolicies(policy), registry: newRegistry(newMemory("", logger), lease, park)}
	s.registry.tunnelsOf = s.policies.Current().Tunnels
	w := &registryWorld{
		Rand:    rand.New(rand.NewPCG(seed, 1)),
		r:       s.registry,
		open:    make(map[*closingListener]bool),
		reached: map[string]int{"a tunnel away": 0, "a port away": 0, "a takeover": 0, "a name refused": 0, "the oldest given up": 0},
	}
	for i, who := range []struct{ owner, holder string }{
		{"token:alice", "token:alice"}, {"token:bob", "token:bob"}, {"anon:1", "addr:192.0.2.1"}, {"anon:2", "addr:192.0.2.1"}, {sessionOwner + "x", "addr:192.0.2.2"},
	} {
		for j := range 2 {
			id := sessionID(fmt.Sprint(i, j))
			w.controls = append(w.controls, &control{server: s, id: id, owner: who.owner, holder: who.holder, identity: &auth.Identity{Key: who.owner}})
		}
	}
	return w
}

// step does something and says what.
func (w *registryWorld) step() string {
	switch n := w.IntN(100); {
	case n < 35:
		return w.holdHost()
	case n < 55:
		return w.holdPort()
	case n < 90 && len(w.tunnels) > 0:
		t := w.tunnels[w.IntN(len(w.tunnels))]
		expected := w.IntN(3) > 0
		before := w.r.absent.all
		w.r.letGo(t, expected)
		w.forget(t)
		if s := w.kept(t); s > 0 {
			w.reached["a tunnel away"]++
			if t.port != nil {
				w.reached["a port away"]++
			}
			if w.r.absent.all <= before {
				w.reached["the oldest given up"]++
			}
		}
		return fmt.Sprintf("%s lets %s go, expected: %v", t.control.owner, t.name, expected)
	case n < 93:
		host := w.host()
		if w.r.hosts[host] == nil { // as when a server starts, with an old file at times
			w.r.memory.note(host, "http", "token:alice", false)
			for _, protocol := range []string{"http", "https", "tls"} {
				if w.IntN(2) == 0 {
					w.r.expectHost(host, protocol, "token:alice")
				}
			}
			w.r.reconcile()
		}
		return "expect " + host
	case n < 94 && len(w.lost) > 0: // its session ends at the same moment
		t := w.lost[len(w.lost)-1]
		w.r.letGo(t, true)
		return fmt.Sprintf("%s lets %s go, which it has lost", t.control.owner, t.name)
	case n < 96:
		if p := w.r.expectPort(w.port(), "token:bob"); p != nil {
			w.r.memory.note(portName(p.number), "tcp", "token:bob", false)
			w.listen(p)
		}
		return "expect a port"
	default:
		time.Sleep(time.Duration(w.Int64N(int64(5 * time.Minute))))
		w.r.sweep(time.Now())
		return "sweep"
	}
}

func (w *registryWorld) host() string     { return fmt.Sprintf("n%d.test", w.IntN(8)) }
func (w *registryWorld) port() uint16     { return uint16(1 + w.IntN(6)) }
func (w *registryWorld) protocol() string { return []string{"http", "https", "tls"}[w.IntN(3)] }

func (w *registryWorld) forget(t *tunnel) {
	w.tunnels = slices.DeleteFunc(w.tunnels, func(o *tunnel) bool { return o == t })
}

func (w *registryWorld) granted(t, old *tunnel) {
	if old != nil {
		w.forget(old)
		w.lost = append(w.lost, old)
		w.reached["a takeover"]++
	}
	w.tunnels = append(w.tunnels, t)
}

func (w *registryWorld) holdHost() string {
	host := w.host()
	t := &tunnel{control: w.controls[w.IntN(len(w.controls))], name: host, host: host, protocol: w.protocol()}
	old, err := w.r.holdHost(t)
	if err != nil {
		w.reached["a name refused"]++
		return fmt.Sprintf("%s does not get %s: %v", t.control.owner, host, err)
	}
	w.granted(t, old)
	return fmt.Sprintf("%s gets %s %s", t.control.owner, t.protocol, host)
}

func (w *registryWorld) holdPort() string {
	number := w.port()
	t := &tunnel{control: w.controls[w.IntN(len(w.controls))], name: portName(number), protocol: "tcp"}
	p, old, err := w.r.holdPort(t, number)
	if err != nil {
		return fmt.Sprintf("%s does not get the port %d: %v", t.control.owner, number, err)
	}
	if p != nil {
		if w.IntN(10) == 0 {
			w.r.dropPort(p)
			return fmt.Sprintf("the port %d cannot be opened", number)
		}
		w.listen(p)
	}
	w.granted(t, old)
	w.r.memory.note(t.name, "tcp", t.control.owner, false)
	return fmt.Sprintf("%s gets the port %d", t.control.owner, number)
}

func (w *registryWorld) listen(p *tcpPort) {
	l := &closingListener{open: w.open}
	w.open[l] = true
	if !w.r.openPort(p, l) {
		l.Close()
	}
}

// kept returns how many absences there are under t's name.
func (w *registryWorld) kept(t *tunnel) (n int) {
	for _, all := range w.r.absent.of {
		for _, a := range all {
			if a.name == t.name && a.owner == t.control.owner {
				n++
			}
		}
	}
	return n
}

// check returns what the registry's parts do not agree on.
func (w *registryWorld) check() error {
	away := make(map[*absence]bool)
	inUse := make(map[*tunnel]bool)
	see := func(what string, tunnel *tunnel, a *absence) error {
		switch {
		case tunnel != nil && a != nil:
			return fmt.Errorf("%s is in use and away", what)
		case tunnel != nil:
			inUse[tunnel] = true
		case a != nil && away[a]:
			return fmt.Errorf("%s shares an absence", what)
		case a != nil:
			away[a] = true
			if a.over {
				return fmt.Errorf("the absence of %s is over", what)
			}
		}
		return nil
	}
	for host, e := range w.r.hosts {
		if e.empty() {
			return fmt.Errorf("nothing is left of %s", host)
		}
		for i, s := range []slot{e.http, e.tls} {
			if err := see(fmt.Sprint(host, i), s.tunnel, s.away); err != nil {
				return err
			}
			if s.tunnel != nil && s.tunnel.control.owner != e.owner || s.away != nil && (s.away.owner != e.owner || s.away.name != host) {
				return fmt.Errorf("%s is another's", host)
			}
		}
	}
	listening := make(map[*closingListener]bool)
	for number, p := range w.r.ports {
		if err := see(portName(number), p.tunnel.Load(), p.away); err != nil {
			return err
		}
		if p.tunnel.Load() == nil && p.away == nil {
			return fmt.Errorf("nothing is left of the port %d", number)
		}
		listening[p.listener.(*closingListener)] = true
	}
	if len(listening) != len(w.open) {
		return fmt.Errorf("%d listeners are open for %d ports", len(w.open), len(listening))
	}
	for l := range listening {
		if !w.open[l] {
			return fmt.Errorf("a port's listener is closed")
		}
	}
	for name, e := range w.r.memory.entries {
		if held := w.r.heldLocked(name, e.Owner); held != e.Held {
			return fmt.Errorf("%s of %s is held for %q, and remembered for %q", name, e.Owner, held, e.Held)
		}
	}
	if len(inUse) != len(w.tunnels) {
		return fmt.Errorf("%d tunnels are in the registry of %d", len(inUse), len(w.tunnels))
	}
	return w.checkCounts(away)
}

func (w *registryWorld) checkCounts(away map[*absence]bool) error {
	anonymous, counted := 0, 0
	for holder, all := range w.r.absent.of {
		if len(all) == 0 || len(all) > testTunnels && holder != "token:alice" && holder != "token:bob" { // for whom expect keeps more
			return fmt.Errorf("%d absences of %s", len(all), holder)
		}
		for _, a := range all {
			counted++
			if !away[a] || a.holder != holder {
				return fmt.Errorf("%s of %s is counted, but not away", a.name, holder)
			}
			if !auth.IsToken(a.owner) {
				anonymous++
			}
		}
	}
	if n := &w.r.absent; counted != len(away) || n.all != counted || n.anonymous != anonymous {
		return fmt.Errorf("%d are away and %d counted (%d in all, %d of %d anonymous)", len(away), counted, n.all, n.anonymous, anonymous)
	}
	return nil
}
