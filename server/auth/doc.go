// Package auth says who a peer is and what it may do: tokens, identities, and the
// rights to names, ports, tunnels, connections and bandwidth.
//
// A [Policy] is immutable; [Policies] holds the one in force and swaps it on a reload.
// Rights are asked of the policy in force at every operation, never kept from the
// login. What is refused comes back as a [*Refusal], whose text may be shown to the
// peer: it names the rule and what to do, and nothing of whoever else is concerned.
package auth
