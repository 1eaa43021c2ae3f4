package e2e

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// The TSIG key that may change a zone.
const zoneKey, zoneSecret = "ngrokd.", "c2VjcmV0IG9mIHRoZSB0ZXN0IHpvbmU="

// zone is a name server on loopback. Every name below its zones leads to 127.0.0.1;
// others do not exist. Updates (RFC 2136) of TXT records are taken from who has the key.
type zone struct {
	addr  string
	names []string // of the zones, with their final dot

	mu  sync.Mutex
	txt map[string][]string
}

func newZone(t testing.TB, names ...string) *zone {
	t.Helper()
	z := &zone{txt: make(map[string][]string)}
	for _, n := range names {
		z.names = append(z.names, dns.Fqdn(n))
	}
	var pc net.PacketConn
	var l net.Listener
	for l == nil { // the same port for both is free sooner or later
		var err error
		if pc, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if l, err = net.Listen("tcp", pc.LocalAddr().String()); err != nil {
			pc.Close()
		}
	}
	z.addr = l.Addr().String()
	var wg sync.WaitGroup
	servers := []*dns.Server{{PacketConn: pc}, {Listener: l}}
	for _, s := range servers {
		s.Handler = z
		s.TsigSecret = map[string]string{zoneKey: zoneSecret}
		s.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		wg.Go(func() { s.ActivateAndServe() })
		<-started
	}
	t.Cleanup(func() {
		for _, s := range servers {
			s.Shutdown()
		}
		wg.Wait()
	})
	return z
}

// ServeDNS answers one message.
func (z *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	m.Authoritative = true
	defer func() {
		if sig := q.IsTsig(); sig != nil && w.TsigStatus() == nil {
			m.SetTsig(sig.Hdr.Name, sig.Algorithm, 300, int64(sig.TimeSigned))
		}
		w.WriteMsg(m)
	}()
	if q.Opcode == dns.OpcodeUpdate {
		if q.IsTsig() == nil || w.TsigStatus() != nil {
			m.Rcode = dns.RcodeRefused
			return
		}
		z.update(q.Ns)
		return
	}
	name := strings.ToLower(q.Question[0].Name)
	apex := z.apex(name)
	if apex == "" {
		m.Rcode = dns.RcodeNameError
		return
	}
	header := func(kind uint16) dns.RR_Header {
		return dns.RR_Header{Name: q.Question[0].Name, Rrtype: kind, Class: dns.ClassINET}
	}
	soa := &dns.SOA{Hdr: header(dns.TypeSOA), Ns: "ns." + apex, Mbox: "ops." + apex, Serial: 1, Minttl: 1}
	soa.Hdr.Name = apex
	switch q.Question[0].Qtype {
	case dns.TypeA:
		m.Answer = append(m.Answer, &dns.A{Hdr: header(dns.TypeA), A: net.IPv4(127, 0, 0, 1)})
	case dns.TypeSOA:
		if name == apex {
			m.Answer = append(m.Answer, soa)
		}
	case dns.TypeTXT:
		z.mu.Lock()
		for _, value := range z.txt[name] {
			m.Answer = append(m.Answer, &dns.TXT{Hdr: header(dns.TypeTXT), Txt: []string{value}})
		}
		z.mu.Unlock()
	}
	if len(m.Answer) == 0 {
		m.Ns = append(m.Ns, soa)
	}
}

func (z *zone) apex(name string) string {
	for _, n := range z.names {
		if dns.IsSubDomain(n, name) {
			return n
		}
	}
	return ""
}

func (z *zone) update(rrs []dns.RR) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, rr := range rrs {
		name := strings.ToLower(rr.Header().Name)
		txt, ok := rr.(*dns.TXT)
		switch {
		case ok && rr.Header().Class == dns.ClassNONE:
			// One value goes, others stay: the domain's and the wildcard's challenges
			// have the same name (RFC 2136 section 2.5.4).
			z.txt[name] = slices.DeleteFunc(z.txt[name], func(v string) bool { return slices.Contains(txt.Txt, v) })
		case !ok || rr.Header().Class != dns.ClassINET:
			delete(z.txt, name)
		default:
			z.txt[name] = append(z.txt[name], txt.Txt...)
		}
		if len(z.txt[name]) == 0 {
			delete(z.txt, name)
		}
	}
}

// records returns how many TXT records there are.
func (z *zone) records() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return len(z.txt)
}
