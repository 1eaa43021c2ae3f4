package auth

import (
	"errors"
	"fmt"
	"strings"

	"ngrok/server/limit"
)

// Config says what a [Policy] is made of. The zero value admits nobody.
type Config struct {
	// Open admits everyone, with or without a token. Known tokens keep their
	// rights; others get what Limits and TCPPorts say.
	Open bool

	// Tokens are those who may use the server.
	Tokens []Token

	// Reserved are names that nobody gets unless its token lists them: names below
	// the domain, or whole host names.
	Reserved []Pattern

	// TCPPorts are what TCP tunnels may use; nil means [DefaultPorts].
	TCPPorts *Ports

	// Limits bound what one peer may use; nil means [limit.Default].
	Limits *limit.Limits
}

// Token is one user's secret, as its hash, and rights.
type Token struct {
	// Name is who has it: required, unlike every other, see [CheckTokenName].
	Name string

	// Hash is that of the secret: required, unlike every other.
	Hash Hash

	// Subdomains and Hostnames are the names that it may ask for, below the
	// server's domain and outside it; they are kept from all other tokens, except
	// for a lone "*". When both are nil it may ask for any name that is free and not
	// reserved. When either is set, to an empty list too, it may ask for what is
	// listed alone. It always gets a random name when it asks for none.
	Subdomains, Hostnames []Pattern

	// Ports are what its TCP tunnels may use, inside the server's TCPPorts or not;
	// they are kept from all other tokens. Nil means the server's TCPPorts that no
	// other token has.
	Ports *Ports

	// MaxSessions, MaxTunnels, MaxConnections and Rate (bytes per second each way)
	// replace those of the Limits for this token; 0 leaves them, negative lifts them.
	MaxSessions, MaxTunnels, MaxConnections int
	Rate                                    int64
}

// Policy decides who is admitted and who may do what. It is immutable, and so safe for
// concurrent use.
type Policy struct {
	open     bool
	tokens   []*Token
	byName   map[string]*Token
	reserved []Pattern
	tcpPorts Ports
	shared   Ports // tcpPorts without those of any token
	limits   limit.Limits
}

// NewPolicy checks c and makes it a policy. The caller must not change what c refers to
// afterwards.
func NewPolicy(c Config) (*Policy, error) {
	p := &Policy{
		open:     c.Open,
		byName:   make(map[string]*Token, len(c.Tokens)),
		reserved: c.Reserved,
		tcpPorts: DefaultPorts(),
		limits:   limit.Default(),
	}
	if c.TCPPorts != nil {
		p.tcpPorts = *c.TCPPorts
	}
	if c.Limits != nil {
		p.limits = *c.Limits
	}
	if p.limits.Handshake <= 0 || p.limits.FirstMessage <= 0 {
		return nil, errors.New("limits: the times for the handshake and the first message must be above 0")
	}
	p.shared = p.tcpPorts
	byHash := make(map[Hash]string, len(c.Tokens))
	for _, t := range c.Tokens {
		if err := CheckTokenName(t.Name); err != nil {
			return nil, err
		}
		if p.byName[t.Name] != nil {
			return nil, fmt.Errorf("token %s: the name stands twice", t.Name)
		}
		if t.Hash == (Hash{}) {
			return nil, fmt.Errorf("token %s: the hash is missing", t.Name)
		}
		if other, ok := byHash[t.Hash]; ok {
			return nil, fmt.Errorf("tokens %s and %s have the same hash: each needs a secret of its own", other, t.Name)
		}
		byHash[t.Hash] = t.Name
		p.byName[t.Name] = &t
		p.tokens = append(p.tokens, &t)
		if t.Ports != nil {
			p.shared = p.shared.minus(*t.Ports)
		}
	}
	return p, nil
}

// OpenPolicy returns the policy that admits everyone, with the default limits.
func OpenPolicy() *Policy {
	p, err := NewPolicy(Config{Open: true})
	if err != nil {
		panic(err) // the zero values are valid
	}
	return p
}

// Open reports whether everyone is admitted.
func (p *Policy) Open() bool { return p.open }

// Tokens returns how many tokens are known.
func (p *Policy) Tokens() int { return len(p.tokens) }

// Limits returns the limits that hold for everyone.
func (p *Policy) Limits() limit.Limits { return p.limits }

// clientIdentityPrefix begins what our client sends when it was given no token, so that
// nobody looks for a wrong token that there never was. Nothing but the message rests on it.
const clientIdentityPrefix = "anon-"

// howToGetAToken is for whoever reads the client's output, often the operator.
const howToGetAToken = "use the ngrok.yml that ngrokd printed on its first start, or a token from its operator (ngrokd token new NAME) with ngrok -authtoken=TOKEN or as auth_token: TOKEN in its file"

// Authenticate returns who the peer is that sent user and password in its Auth message,
// or a [*Refusal]. The token is in user; where password is not empty, the token is
// there and user is its name. Every known token is compared in constant time.
func (p *Policy) Authenticate(user, password string) (*Identity, error) {
	secret := user
	if password != "" {
		secret = password
	}
	hash := HashToken(secret)
	var found *Token
	for _, t := range p.tokens { // all of them, so that time tells nothing
		if t.Hash.equal(hash) {
			found = t
		}
	}
	switch {
	case found != nil && (password == "" || user == found.Name):
		return &Identity{Name: found.Name, Key: keyToken + found.Name, hash: found.Hash, token: true}, nil
	case p.open:
		return anonymous(user, password), nil
	case secret == "" || password == "" && strings.HasPrefix(user, clientIdentityPrefix):
		return nil, refuse(RuleToken, "this server wants a token, and this client has none: "+howToGetAToken)
	}
	return nil, refuse(RuleToken, "this server does not know the token (or knows it no longer): "+howToGetAToken)
}

// StillValid returns nil while id would be admitted by this policy too, else a
// [*Refusal]: its token was revoked or replaced, or the server is open no longer.
func (p *Policy) StillValid(id *Identity) error {
	_, err := p.token(id)
	return err
}

// token returns the token of id, nil for one that was admitted without, or a refusal.
func (p *Policy) token(id *Identity) (*Token, error) {
	if !id.token {
		if p.open {
			return nil, nil
		}
		return nil, refuse(RuleRevoked, "this server is no longer open to all: ask its operator for a token")
	}
	t := p.byName[id.Name]
	if t == nil || !t.Hash.equal(id.hash) {
		return nil, refuse(RuleRevoked, "the token was revoked: ask the server's operator for a new one")
	}
	return t, nil
}
