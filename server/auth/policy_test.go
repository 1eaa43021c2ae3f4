package auth

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ngrok/server/limit"
)

func patterns(t testing.TB, texts ...string) []Pattern {
	t.Helper()
	list := []Pattern{}
	for _, s := range texts {
		p, err := ParsePattern(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func ports(t testing.TB, s string) *Ports {
	t.Helper()
	p, err := ParsePorts(s)
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

func policy(t testing.TB, c Config) *Policy {
	t.Helper()
	p, err := NewPolicy(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func login(t testing.TB, p *Policy, user string) *Identity {
	t.Helper()
	id, err := p.Authenticate(user, "")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// wantRule fails unless err is a refusal by rule, or nil for an empty rule.
func wantRule(t testing.TB, err error, rule Rule) {
	t.Helper()
	var r *Refusal
	switch {
	case rule == "" && err == nil:
	case rule == "":
		t.Errorf("refused: %v", err)
	case !errors.As(err, &r):
		t.Errorf("got %v, want a refusal by rule %s", err, rule)
	case r.Rule != rule:
		t.Errorf("refused by rule %s (%v), want %s", r.Rule, err, rule)
	}
}

func TestAuthenticate(t *testing.T) {
	tokens := []Token{
		{Name: "alice", Hash: HashToken("alice-secret")},
		{Name: "bob", Hash: HashToken("bob-secret")},
	}
	closed := policy(t, Config{Tokens: tokens})
	open := policy(t, Config{Tokens: tokens, Open: true})
	tests := []struct {
		name           string
		policy         *Policy
		user, password string
		key            string // prefix
		rule           Rule
	}{
		{"token", closed, "alice-secret", "", "token:alice", ""},
		{"another token", closed, "bob-secret", "", "token:bob", ""},
		{"name and token", closed, "bob", "bob-secret", "token:bob", ""},
		{"token under another name", closed, "alice", "bob-secret", "", RuleToken},
		{"a name is no token", closed, "alice", "", "", RuleToken},
		{"nothing", closed, "", "", "", RuleToken},
		{"unknown", closed, "mallory", "", "", RuleToken},
		{"hash in place of the token", closed, HashToken("alice-secret").String(), "", "", RuleToken},
		{"open, token", open, "alice-secret", "", "token:alice", ""},
		{"open, unknown", open, "something", "", "anon:", ""},
		{"open, nothing", open, "", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, err := tt.policy.Authenticate(tt.user, tt.password)
			wantRule(t, err, tt.rule)
			if err != nil {
				for _, secret := range []string{"alice", "bob", "mallory"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("the refusal tells %q: %v", secret, err)
					}
				}
				return
			}
			if !strings.HasPrefix(id.Key, tt.key) || id.Nobody() != (tt.key == "") {
				t.Errorf("Key = %q, want %q", id.Key, tt.key)
			}
			if id.Anonymous() == strings.HasPrefix(tt.key, "token:") {
				t.Errorf("Anonymous = %v with key %q", id.Anonymous(), id.Key)
			}
			if s := fmt.Sprintf("%+v", *id); strings.Contains(s, "secret") || strings.Contains(s, "something") {
				t.Errorf("the identity holds the secret: %s", s)
			}
		})
	}
}

func TestAnonymousIdentityIsStableAndItsOwn(t *testing.T) {
	p := OpenPolicy()
	a, again, b := login(t, p, "a"), login(t, p, "a"), login(t, p, "b")
	if a.Key != again.Key || a.Name != again.Name {
		t.Errorf("the same text gave %q and %q", a.Key, again.Key)
	}
	if a.Key == b.Key {
		t.Error("two texts gave the same identity")
	}
}

func TestStillValid(t *testing.T) {
	one := Config{Tokens: []Token{{Name: "alice", Hash: HashToken("one")}}}
	two := Config{Tokens: []Token{{Name: "alice", Hash: HashToken("two")}}}
	openOne := one
	openOne.Open = true
	tests := []struct {
		name         string
		login, later Config
		user         string
		rule         Rule
	}{
		{"unchanged", one, one, "one", ""},
		{"revoked", one, Config{}, "one", RuleRevoked},
		{"revoked on an open server", one, Config{Open: true}, "one", RuleRevoked},
		{"replaced", one, two, "one", RuleRevoked},
		{"anonymous, still open", openOne, openOne, "x", ""},
		{"anonymous, closed", openOne, one, "x", RuleRevoked},
		{"nobody, closed", openOne, one, "", RuleRevoked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := login(t, policy(t, tt.login), tt.user)
			later := policy(t, tt.later)
			wantRule(t, later.StillValid(id), tt.rule)
			var a limit.Account
			wantRule(t, later.AllowName(id, "x.d.example", "d.example"), tt.rule)
			wantRule(t, later.AllowAssignedName(id, "x.d.example", "d.example"), tt.rule)
			wantRule(t, later.AllowPort(id, 2000), tt.rule)
			wantRule(t, later.TakeTunnel(id, &a), tt.rule)
			wantRule(t, later.TakeConnection(id, &a), tt.rule)
			if n := later.Ports(id).Len(); (n == 0) != (tt.rule != "") {
				t.Errorf("%d ports left", n)
			}
		})
	}
}

func TestAllowName(t *testing.T) {
	const domain = "tunnel.example.com"
	p := policy(t, Config{
		Open: true,
		Tokens: []Token{
			{Name: "alice", Hash: HashToken("alice"), Subdomains: patterns(t, "alice", "alice-*"), Hostnames: patterns(t, "www.alice.example", "*.shop.example")},
			{Name: "bob", Hash: HashToken("bob")},
			{Name: "random", Hash: HashToken("random"), Subdomains: patterns(t)},
			{Name: "star", Hash: HashToken("star"), Subdomains: patterns(t, "*")},
			{Name: "ops", Hash: HashToken("ops"), Subdomains: patterns(t, "*", "admin"), Hostnames: patterns(t, domain)},
		},
		Reserved: patterns(t, "www", "admin", "api-*", "shop.example.org"),
	})
	tests := []struct {
		user, host string
		rule       Rule
	}{
		{"alice", "alice.tunnel.example.com", ""},
		{"alice", "alice-1.tunnel.example.com", ""},
		{"alice", "x.alice.tunnel.example.com", ""},
		{"alice", "x.y.alice-1.tunnel.example.com", ""},
		{"alice", "www.alice.example", ""},
		{"alice", "a.shop.example", ""},
		{"alice", "a.b.shop.example", RuleName},
		{"alice", "shop.example", RuleName},
		{"alice", "alice-.tunnel.example.com", RuleName},
		{"alice", "alice-a.b.tunnel.example.com", RuleName},
		{"alice", "malice.tunnel.example.com", RuleName},
		{"alice", "other.tunnel.example.com", RuleName},
		{"alice", "other.example", RuleName},
		{"alice", "www.tunnel.example.com", RuleReserved},
		{"alice", domain, RuleReserved},
		{"bob", "bob.tunnel.example.com", ""},
		{"bob", "bob.example", ""},
		{"bob", "alice.tunnel.example.com", RuleReserved},
		{"bob", "x.alice.tunnel.example.com", RuleReserved},
		{"bob", "alice-2.tunnel.example.com", RuleReserved},
		{"bob", "www.alice.example", RuleReserved},
		{"bob", "www.tunnel.example.com", RuleReserved},
		{"bob", "a.www.tunnel.example.com", RuleReserved},
		{"bob", "api-2.tunnel.example.com", RuleReserved},
		{"bob", "shop.example.org", RuleReserved},
		{"bob", domain, RuleReserved},
		{"bob", "xtunnel.example.com", ""}, // not below the domain
		{"random", "any.tunnel.example.com", RuleName},
		{"random", "any.example", RuleName},
		{"star", "any.tunnel.example.com", ""},
		{"star", "alice.tunnel.example.com", RuleReserved},
		{"star", "any.example", RuleName},
		{"ops", "admin.tunnel.example.com", ""},
		{"ops", domain, ""},
		{"ops", "www.tunnel.example.com", RuleReserved},
		{"nobody in particular", "free.tunnel.example.com", ""},
		{"nobody in particular", "alice.tunnel.example.com", RuleReserved},
		{"", "free.tunnel.example.com", ""},
	}
	for _, tt := range tests {
		t.Run(tt.user+" asks for "+tt.host, func(t *testing.T) {
			id := login(t, p, tt.user)
			err := p.AllowName(id, tt.host, domain)
			wantRule(t, err, tt.rule)
			if tt.rule == RuleReserved {
				for _, holder := range []string{"token", "operator"} {
					if strings.Contains(err.Error(), holder) {
						t.Errorf("the refusal tells who it is reserved for: %v", err)
					}
				}
			}
			// A name that the server chose meets the reservations alone.
			want := tt.rule
			if want == RuleName {
				want = ""
			}
			wantRule(t, p.AllowAssignedName(id, tt.host, domain), want)
		})
	}
}

// The domain itself is nobody's, though no list has it.
func TestDomainIsReserved(t *testing.T) {
	const domain = "tunnel.example.com"
	p := policy(t, Config{Open: true, Tokens: []Token{
		{Name: "alice", Hash: HashToken("alice")}, {Name: "star", Hash: HashToken("star"), Subdomains: patterns(t, "*"), Hostnames: patterns(t, "*")},
	}})
	for _, user := range []string{"alice", "star", "anybody", ""} {
		id := login(t, p, user)
		wantRule(t, p.AllowName(id, domain, domain), RuleReserved)
		wantRule(t, p.AllowAssignedName(id, domain, domain), RuleReserved)
		wantRule(t, p.AllowName(id, "x."+domain, domain), "")
	}
}

func TestNameReserved(t *testing.T) {
	p := policy(t, Config{
		Tokens:   []Token{{Name: "alice", Hash: HashToken("a"), Subdomains: patterns(t, "alice", "*"), Hostnames: patterns(t, "www.alice.example")}},
		Reserved: patterns(t, "www"),
	})
	for host, want := range map[string]bool{
		"alice.d.example":   true,
		"www.alice.example": true,
		"www.d.example":     true,
		"d.example":         true,
		"other.d.example":   false,
		"other.example":     false,
	} {
		if got := p.NameReserved(host, "d.example"); got != want {
			t.Errorf("NameReserved(%s) = %v", host, got)
		}
	}
}

func TestAllowPort(t *testing.T) {
	p := policy(t, Config{
		Tokens: []Token{
			{Name: "alice", Hash: HashToken("alice"), Ports: ports(t, "10000-10100, 22")},
			{Name: "bob", Hash: HashToken("bob")},
			{Name: "web", Hash: HashToken("web"), Ports: ports(t, "none")},
		},
		TCPPorts: ports(t, "10000-20000"),
	})
	tests := []struct {
		user  string
		port  uint16
		rule  Rule
		words string
	}{
		{"alice", 0, "", ""},
		{"alice", 10000, "", ""},
		{"alice", 22, "", ""},
		{"alice", 10101, RulePort, "22, 10000-10100"},
		{"bob", 0, "", ""},
		{"bob", 10101, "", ""},
		{"bob", 10050, RulePort, "reserved"},
		{"bob", 9999, RulePort, "10000-20000"},
		{"bob", 22, RulePort, "10000-20000"},
		{"web", 0, RulePort, "not allowed here"},
		{"web", 10101, RulePort, "not allowed here"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %d", tt.user, tt.port), func(t *testing.T) {
			err := p.AllowPort(login(t, p, tt.user), tt.port)
			wantRule(t, err, tt.rule)
			if err != nil && !strings.Contains(err.Error(), tt.words) {
				t.Errorf("%v: want it to say %q", err, tt.words)
			}
		})
	}
	if got := p.Ports(login(t, p, "bob")).String(); got != "10101-20000" {
		t.Errorf("bob's random ports: %s", got)
	}
	if got := p.Ports(login(t, p, "alice")).String(); got != "22, 10000-10100" {
		t.Errorf("alice's random ports: %s", got)
	}
}

func TestTake(t *testing.T) {
	limits := limit.Default()
	limits.Sessions, limits.Tunnels, limits.Connections, limits.Rate = 2, 2, 2, 1000
	p := policy(t, Config{
		Open: true,
		Tokens: []Token{
			{Name: "more", Hash: HashToken("more"), MaxSessions: 3, MaxTunnels: 3, MaxConnections: 3, Rate: 5000},
			{Name: "all", Hash: HashToken("all"), MaxSessions: -1, MaxTunnels: -1, MaxConnections: -1, Rate: -1},
		},
		Limits: &limits,
	})
	tests := []struct {
		user string
		want int // of 10
		rate int64
	}{
		{"anyone", 2, 1000},
		{"", 2, 1000},
		{"more", 3, 5000},
		{"all", 10, 0},
	}
	for _, tt := range tests {
		t.Run(tt.user, func(t *testing.T) {
			id := login(t, p, tt.user)
			var a limit.Account
			var sessions, tunnels, connections int
			for range 10 {
				if err := p.TakeSession(id, &a, false); err == nil {
					sessions++
				} else {
					wantRule(t, err, RuleSessions)
					if err := p.TakeSession(id, &a, true); err != nil {
						t.Errorf("in place of another: %v", err)
					}
				}
				if err := p.TakeTunnel(id, &a); err == nil {
					tunnels++
				} else {
					wantRule(t, err, RuleTunnels)
				}
				if err := p.TakeConnection(id, &a); err == nil {
					connections++
				} else {
					wantRule(t, err, RuleConnections)
				}
			}
			if sessions != tt.want || tunnels != tt.want || connections != tt.want {
				t.Errorf("took %d sessions, %d tunnels, %d connections, want %d", sessions, tunnels, connections, tt.want)
			}
			p.ApplyRate(id, &a)
			if a.Up.Rate() != tt.rate || a.Down.Rate() != tt.rate {
				t.Errorf("rates %d, %d, want %d", a.Up.Rate(), a.Down.Rate(), tt.rate)
			}
		})
	}
}

func TestNewPolicyRefuses(t *testing.T) {
	h := HashToken("x")
	badTimes := limit.Default()
	badTimes.Handshake = 0
	tests := []struct {
		name   string
		config Config
		words  string
	}{
		{"no name", Config{Tokens: []Token{{Hash: h}}}, "1 to 64"},
		{"bad name", Config{Tokens: []Token{{Name: "a b", Hash: h}}}, `"a b"`},
		{"no hash", Config{Tokens: []Token{{Name: "a"}}}, "missing"},
		{"name twice", Config{Tokens: []Token{{Name: "a", Hash: h}, {Name: "a", Hash: HashToken("y")}}}, "twice"},
		{"hash twice", Config{Tokens: []Token{{Name: "a", Hash: h}, {Name: "b", Hash: h}}}, "same hash"},
		{"no time", Config{Limits: &badTimes}, "above 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewPolicy(tt.config)
			if err == nil || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("got %v, want %q", err, tt.words)
			}
		})
	}
}

func TestPoliciesSwapWhileInUse(t *testing.T) {
	with := policy(t, Config{Tokens: []Token{{Name: "alice", Hash: HashToken("a")}}})
	without := policy(t, Config{})
	s := NewPolicies(with)
	id := login(t, with, "a")

	ended := make(chan struct{})
	go func() { // a session
		defer close(ended)
		for {
			p, changed := s.Watch()
			if p.StillValid(id) != nil {
				return
			}
			<-changed
		}
	}()
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = s.Current().AllowName(id, "a.d.example", "d.example")
				}
			}
		})
	}
	for range 100 {
		s.Swap(with)
	}
	s.Swap(without)
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("a revoked session was not ended")
	}
	close(stop)
	wg.Wait()
	if s.Current() != without {
		t.Error("Current is not what was swapped in last")
	}
}

func TestNewPoliciesNilIsOpen(t *testing.T) {
	if !NewPolicies(nil).Current().Open() {
		t.Error("not open")
	}
}

func TestRefusalSaysWhetherThereWasAToken(t *testing.T) {
	closed := policy(t, Config{Tokens: []Token{{Name: "alice", Hash: HashToken("alice-secret")}}})
	for user, want := range map[string]string{
		"":                "has none",
		"anon-0123456789": "has none", // made by a client that was given no token
		"mallory":         "does not know the token",
	} {
		if _, err := closed.Authenticate(user, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", user, err, want)
		}
	}
}
