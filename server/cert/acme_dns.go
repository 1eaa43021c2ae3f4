package cert

import (
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/certmagic"
)

// dnsProviders are those that are compiled in: the standard that every name server of
// one's own speaks, and a command for all others. Each is made of its settings, from
// which it deletes what it has understood.
func dnsProviders(o ACMEOptions) map[string]func(take func(key, standard string) string) (certmagic.DNSProvider, error) {
	type take = func(key, standard string) string
	return map[string]func(take) (certmagic.DNSProvider, error){
		"rfc2136": func(take take) (certmagic.DNSProvider, error) { return newDynamicUpdate(take) },
		"exec": func(take take) (certmagic.DNSProvider, error) {
			return newCommand(take, o.Getenv, filepath.Join(o.DataDir, acmeDir))
		},
	}
}

// newDNSSolver returns what solves DNS-01 challenges with the provider that the settings
// name.
func newDNSSolver(o ACMEOptions, logger *slog.Logger) (*certmagic.DNS01Solver, error) {
	providers := dnsProviders(o)
	left := maps.Clone(o.DNS)
	take := func(key, standard string) string {
		value, ok := left[key]
		delete(left, key)
		if !ok {
			return standard
		}
		return value
	}
	name := take("provider", "")
	open := providers[name]
	if open == nil {
		return nil, fmt.Errorf("there is no provider %q: choose one of %s", name, strings.Join(slices.Sorted(maps.Keys(providers)), ", "))
	}
	resolvers := several(take("resolvers", ""))
	provider, err := open(take)
	if err != nil {
		return nil, err
	}
	for key := range left {
		return nil, fmt.Errorf("the provider %s has no setting %q", name, key)
	}
	return &certmagic.DNS01Solver{DNSManager: certmagic.DNSManager{
		DNSProvider: provider,
		Resolvers:   resolvers,
		Logger:      zapLogger(logger),
	}}, nil
}

// several takes a setting apart that has commas or spaces between its values.
func several(s string) []string { return strings.Fields(strings.ReplaceAll(s, ",", " ")) }
