package cert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/libdns/libdns"
)

// commandTimeout bounds one run of the operator's command.
const commandTimeout = 2 * time.Minute

// dnsProviders are those that are compiled in: the standard that every name server of
// one's own speaks, and a command for all others. Each is made of its settings, from
// which it deletes what it has understood.
func dnsProviders() map[string]func(take func(key, standard string) string) (certmagic.DNSProvider, error) {
	type take = func(key, standard string) string
	return map[string]func(take) (certmagic.DNSProvider, error){
		"rfc2136": func(take take) (certmagic.DNSProvider, error) { return newDynamicUpdate(take) },
		"exec": func(take take) (certmagic.DNSProvider, error) {
			p := &command{path: take("command", "")}
			if !filepath.IsAbs(p.path) {
				return nil, errors.New("exec wants command, the absolute path of a program")
			}
			return p, nil
		},
	}
}

// newDNSSolver returns what solves DNS-01 challenges with the provider that the settings
// name.
func newDNSSolver(settings map[string]string, logger *slog.Logger) (*certmagic.DNS01Solver, error) {
	providers := dnsProviders()
	left := maps.Clone(settings)
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
	resolvers := strings.Fields(strings.ReplaceAll(take("resolvers", ""), ",", " "))
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

// command has a program of the operator's do what is to be done: it is run as
// "PROGRAM present NAME VALUE" to add a TXT record and as "PROGRAM cleanup NAME VALUE" to
// delete it, and tells of success by its exit code.
type command struct{ path string }

// AppendRecords adds records to the zone.
func (c *command) AppendRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, c.run(ctx, "present", zone, records)
}

// DeleteRecords deletes records from the zone.
func (c *command) DeleteRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, c.run(ctx, "cleanup", zone, records)
}

func (c *command) run(ctx context.Context, verb, zone string, records []libdns.Record) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	for _, record := range records {
		rr := record.RR()
		cmd := exec.CommandContext(ctx, c.path, verb, libdns.AbsoluteName(rr.Name, zone), rr.Data)
		cmd.WaitDelay = time.Second
		var out tail
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s %s: %w: %s", c.path, verb, err, bytes.TrimSpace(out.b))
		}
	}
	return nil
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

// Write keeps p, if it is not long.
func (t *tail) Write(p []byte) (int, error) {
	const most = 500 // bytes
	t.b = append(t.b, p...)
	if over := len(t.b) - most; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}
