package cert

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/libdns/libdns"
	"github.com/miekg/dns"
)

// updateTimeout bounds one dynamic update; updateTTL is the life of a record, in
// seconds, should nobody delete it.
const (
	updateTimeout = 20 * time.Second
	updateTTL     = 60

	// tsigFudge is how far the clocks of both sides may differ, in seconds (RFC 8945
	// section 10 recommends it).
	tsigFudge = 300
)

// dynamicUpdate changes a zone by RFC 2136 updates that are signed with a TSIG key: what
// BIND, Knot and PowerDNS speak.
type dynamicUpdate struct {
	server    string // host:port
	keyName   string // fully qualified
	key       string // base64, a secret
	algorithm string // fully qualified
}

func newDynamicUpdate(take func(key, standard string) string) (*dynamicUpdate, error) {
	p := &dynamicUpdate{
		server:    take("server", ""),
		keyName:   dns.CanonicalName(take("key_name", "")),
		key:       take("key", ""),
		algorithm: dns.CanonicalName(take("key_alg", "hmac-sha256")),
	}
	if p.server == "" || p.keyName == "." || p.key == "" {
		return nil, errors.New("rfc2136 wants server, key_name and key (a TSIG key that may change the zone)")
	}
	switch p.algorithm {
	case dns.HmacSHA1, dns.HmacSHA224, dns.HmacSHA256, dns.HmacSHA384, dns.HmacSHA512:
	default:
		return nil, fmt.Errorf("rfc2136: unknown key_alg %q: hmac-sha256 is usual", strings.TrimSuffix(p.algorithm, "."))
	}
	if _, _, err := net.SplitHostPort(p.server); err != nil {
		p.server = net.JoinHostPort(strings.Trim(p.server, "[]"), "53")
	}
	return p, nil
}

// AppendRecords adds records to the zone.
func (p *dynamicUpdate) AppendRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, p.update(ctx, zone, records, (*dns.Msg).Insert)
}

// DeleteRecords deletes records from the zone.
func (p *dynamicUpdate) DeleteRecords(ctx context.Context, zone string, records []libdns.Record) ([]libdns.Record, error) {
	return records, p.update(ctx, zone, records, (*dns.Msg).Remove)
}

func (p *dynamicUpdate) update(ctx context.Context, zone string, records []libdns.Record, change func(*dns.Msg, []dns.RR)) error {
	ctx, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	m := new(dns.Msg).SetUpdate(dns.Fqdn(zone))
	for _, record := range records {
		rr := record.RR()
		change(m, []dns.RR{&dns.TXT{
			Hdr: dns.RR_Header{Name: dns.Fqdn(libdns.AbsoluteName(rr.Name, zone)), Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: updateTTL},
			Txt: []string{rr.Data},
		}})
	}
	m.SetTsig(p.keyName, p.algorithm, tsigFudge, time.Now().Unix())
	client := &dns.Client{Net: "tcp", TsigSecret: map[string]string{p.keyName: p.key}}
	answer, _, err := client.ExchangeContext(ctx, m, p.server)
	if err != nil {
		return fmt.Errorf("update the zone %s at %s: %w", zone, p.server, err)
	}
	if answer.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("the name server %s refused to update the zone %s: %s", p.server, zone, dns.RcodeToString[answer.Rcode])
	}
	return nil
}
