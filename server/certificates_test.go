package server

import (
	"testing"

	"ngrok/server/auth"
)

// A certificate may be asked for what somebody has, not for what a stranger makes up.
func TestCertificateOwner(t *testing.T) {
	pattern := func(s string) auth.Pattern {
		p, err := auth.ParsePattern(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	policy, err := auth.NewPolicy(auth.Config{
		Reserved: []auth.Pattern{pattern("www")},
		Tokens:   []auth.Token{{Name: "alice", Hash: auth.HashToken("a"), Subdomains: []auth.Pattern{pattern("alice-*")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{domain: "tunnel.example", policies: auth.NewPolicies(policy), registry: newRegistry(newMemory("", nil), 0, 0)}
	c := &control{owner: "bob"}
	if _, err := s.registry.holdHost(&tunnel{control: c, name: "now.tunnel.example", host: "now.tunnel.example", protocol: "https"}); err != nil {
		t.Fatal(err)
	}
	s.registry.memory.note("alice-1.tunnel.example", "http", "token:alice", false)
	s.registry.memory.note("www.tunnel.example", "http", "bob", false)
	s.registry.memory.note("gone.tunnel.example", "http", "bob", false)
	for host, want := range map[string]string{
		"tunnel.example":         "tunnel.example",
		"now.tunnel.example":     strangers,
		"alice-1.tunnel.example": "token:alice", // reserved, and was in use
		"alice-2.tunnel.example": "",            // reserved, and nobody ever had it
		"www.tunnel.example":     strangers,
		"x.www.tunnel.example":   "",
		"gone.tunnel.example":    "", // anybody may have it next
		"stranger.example":       "",
		"":                       "",
	} {
		if got := s.certificateOwner(host); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}
