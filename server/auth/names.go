package auth

import (
	"strings"
)

// AllowName returns nil when id may ask for host, else a [*Refusal]. Both host and
// domain are lower case, without port. Whether somebody holds the name is another
// question, which the registry answers.
func (p *Policy) AllowName(id *Identity, host, domain string) error {
	t, err := p.token(id)
	if err != nil {
		return err
	}
	sub := below(host, domain)
	if t.lists(host, sub) {
		return nil
	}
	if err := p.keptFromOthers(t, host, sub, domain); err != nil {
		return err
	}
	if t == nil || t.Subdomains == nil && t.Hostnames == nil || t.grantsAny(sub) {
		return nil
	}
	return refuse(RuleName, "your token does not allow the name %q: it allows %s; ask for one of these, or for none to get a random name", host, t.allowed())
}

// AllowAssignedName is [Policy.AllowName] for a name that the server chose: a random
// one, or the one that id had last. Only what is reserved for others is refused.
func (p *Policy) AllowAssignedName(id *Identity, host, domain string) error {
	t, err := p.token(id)
	if err != nil {
		return err
	}
	sub := below(host, domain)
	if t.lists(host, sub) {
		return nil
	}
	return p.keptFromOthers(t, host, sub, domain)
}

// NameReserved reports whether host is reserved, by the operator or by a token's list:
// a name for which a certificate may be asked although no tunnel has it now.
func (p *Policy) NameReserved(host, domain string) bool {
	sub := below(host, domain)
	for _, r := range p.reserved {
		if reserves(r, host, sub) {
			return true
		}
	}
	for _, t := range p.tokens {
		if t.lists(host, sub) {
			return true
		}
	}
	return host == domain
}

// keptFromOthers refuses a name that is reserved and not on t's list. The text is the
// same whoever it is reserved for.
func (p *Policy) keptFromOthers(t *Token, host, sub, domain string) error {
	reserved := host == domain
	for _, r := range p.reserved {
		reserved = reserved || reserves(r, host, sub)
	}
	for _, other := range p.tokens {
		reserved = reserved || other != t && other.lists(host, sub)
	}
	if reserved {
		return refuse(RuleReserved, "the name %q is reserved on this server: choose another, or ask for none to get a random one", host)
	}
	return nil
}

// below returns the part of host below domain, or "" when host is elsewhere.
func below(host, domain string) string {
	sub, ok := strings.CutSuffix(host, "."+domain)
	if !ok {
		return ""
	}
	return sub
}

// reserves reports whether the operator's pattern keeps the name: below the domain, or
// as a whole.
func reserves(r Pattern, host, sub string) bool {
	return sub != "" && r.covers(sub) || r.match(host)
}

// lists reports whether t names host by more than a lone *. A nil t lists nothing.
func (t *Token) lists(host, sub string) bool {
	if t == nil {
		return false
	}
	for _, s := range t.Subdomains {
		if sub != "" && !s.any() && s.covers(sub) {
			return true
		}
	}
	for _, h := range t.Hostnames {
		if !h.any() && h.match(host) {
			return true
		}
	}
	return false
}

// grantsAny reports whether a lone * stands in the list that a name of this kind is
// looked for in.
func (t *Token) grantsAny(sub string) bool {
	list := t.Hostnames
	if sub != "" {
		list = t.Subdomains
	}
	for _, p := range list {
		if p.any() {
			return true
		}
	}
	return false
}

// allowed lists the token's names for its owner.
func (t *Token) allowed() string {
	var names []string
	for _, s := range t.Subdomains {
		names = append(names, s.String())
	}
	for _, h := range t.Hostnames {
		names = append(names, h.String())
	}
	if len(names) == 0 {
		return "none but random ones"
	}
	return strings.Join(names, ", ")
}
