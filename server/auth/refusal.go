package auth

import "fmt"

// Rule names what a [Refusal] rests on, for logs and counters.
type Rule string

// The rules by which a server refuses.
const (
	RuleToken       Rule = "token"       // no token, or one that is not known
	RuleRevoked     Rule = "revoked"     // the token was taken back during the session
	RuleReserved    Rule = "reserved"    // the name is kept for somebody else
	RuleName        Rule = "name"        // the token's list has not got the name
	RulePort        Rule = "port"        // the port is outside what the token may use
	RuleSessions    Rule = "sessions"    // one client too many
	RuleTunnels     Rule = "tunnels"     // one tunnel too many
	RuleConnections Rule = "connections" // one public connection too many
)

// Refusal is the error of everything that a policy refuses. Its text is for the peer:
// it says which rule and what to do, and reveals nothing of anybody else.
type Refusal struct {
	Rule Rule
	text string
}

// Error returns the text for the peer.
func (r *Refusal) Error() string { return r.text }

func refuse(rule Rule, format string, args ...any) error {
	return &Refusal{Rule: rule, text: fmt.Sprintf(format, args...)}
}
