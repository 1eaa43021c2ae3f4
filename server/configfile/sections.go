package configfile

import (
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"

	"ngrok/server/auth"
	"ngrok/server/limit"
)

// SettingKeys returns the keys of the file that are flags too.
func SettingKeys() []string {
	return []string{
		"domain", "http_addr", "https_addr", "tunnel_addr", "tcp_host", "vhost",
		"tls_crt", "tls_key", "log", "log_level", "log_format",
		"data_dir", "registry_cache_file", "grace", "lease", "park", "open",
	}
}

func (p *parser) file(f *File, root *yaml.Node) {
	var fields []field
	for _, key := range SettingKeys() {
		fields = append(fields, field{key, func(n *yaml.Node) {
			if s, ok := p.text(n, key); ok {
				f.Settings = append(f.Settings, Setting{key, s, n.Line})
			}
		}})
	}
	fields = append(fields,
		field{"tokens", func(n *yaml.Node) { f.HasTokens = true; p.tokens(n, &f.Tokens) }},
		field{"reserved", func(n *yaml.Node) { p.patterns(n, "reserved", &f.Reserved) }},
		field{"tcp_ports", func(n *yaml.Node) { p.ports(n, "tcp_ports", &f.TCPPorts) }},
		field{"limits", func(n *yaml.Node) { p.limits(n, &f.Limits) }},
		field{"acme", func(n *yaml.Node) { f.ACME = &ACME{}; p.acme(n, f.ACME) }},
		field{"trusted_proxies", func(n *yaml.Node) { p.prefixes(n, &f.TrustedProxies) }},
	)
	p.mapping(root, "the file", fields)
}

func (p *parser) tokens(n *yaml.Node, dst *[]auth.Token) {
	if !isNull(n) && n.Kind != yaml.SequenceNode {
		p.fail(n.Line, "tokens must be a list; ngrokd token new NAME writes an entry")
		return
	}
	names := make(map[string]int)
	p.list(n, "tokens", func(item *yaml.Node) {
		before := len(p.problems)
		t := p.token(item)
		switch {
		case len(p.problems) > before: // what follows from it is no news
		case t.Name == "":
			p.fail(item.Line, "the token has no name")
		case t.Hash == (auth.Hash{}):
			p.fail(item.Line, "token %s has no hash; ngrokd token new NAME writes one", t.Name)
		case names[t.Name] != 0:
			p.fail(item.Line, "token %s stands in line %d already", t.Name, names[t.Name])
		}
		names[t.Name] = item.Line
		*dst = append(*dst, t)
	})
}

func (p *parser) token(item *yaml.Node) (t auth.Token) {
	p.mapping(item, "a token", []field{
		parsed(p, "name", &t.Name, func(s string) (string, error) { return s, auth.CheckTokenName(s) }),
		parsed(p, "hash", &t.Hash, auth.ParseHash),
		{"subdomains", func(n *yaml.Node) { p.patterns(n, "subdomains", &t.Subdomains) }},
		{"hostnames", func(n *yaml.Node) { p.patterns(n, "hostnames", &t.Hostnames) }},
		{"ports", func(n *yaml.Node) { p.ports(n, "ports", &t.Ports) }},
		parsed(p, "max_sessions", &t.MaxSessions, lifted(parseCount)),
		parsed(p, "max_tunnels", &t.MaxTunnels, lifted(parseCount)),
		parsed(p, "max_connections", &t.MaxConnections, lifted(parseCount)),
		parsed(p, "rate", &t.Rate, lifted(parseRate)),
	})
	return t
}

func (p *parser) limits(n *yaml.Node, l *limit.Limits) {
	p.mapping(n, "limits", []field{
		parsed(p, "unauthenticated_per_address", &l.UnauthenticatedPerAddress, parseCount),
		parsed(p, "unauthenticated", &l.Unauthenticated, parseCount),
		parsed(p, "handshake", &l.Handshake, parseTimeout),
		parsed(p, "first_message", &l.FirstMessage, parseTimeout),
		parsed(p, "max_sessions", &l.Sessions, parseCount),
		parsed(p, "max_tunnels", &l.Tunnels, parseCount),
		parsed(p, "max_connections", &l.Connections, parseCount),
		parsed(p, "rate", &l.Rate, parseRate),
		parsed(p, "visitor_rate", &l.VisitorRate, parsePerSecond),
		parsed(p, "visitor_burst", &l.VisitorBurst, parseCount),
		parsed(p, "visitor_connections", &l.VisitorConnections, parseCount),
		parsed(p, "stalled_visitors", &l.StalledVisitors, parseCount),
	})
}

func (p *parser) acme(n *yaml.Node, a *ACME) {
	keep := func(s string) (string, error) { return s, nil }
	p.mapping(n, "acme", []field{
		parsed(p, "email", &a.Email, keep),
		parsed(p, "directory", &a.Directory, keep),
		parsed(p, "ca", &a.CA, keep),
		{"dns", func(n *yaml.Node) { p.dns(n, a) }},
	})
}

// dns keeps all keys as they are: what they mean is the provider's business.
func (p *parser) dns(n *yaml.Node, a *ACME) {
	if n.Kind != yaml.MappingNode {
		p.fail(n.Line, "dns must be keys with values, provider among them")
		return
	}
	a.DNS = make(map[string]string)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if _, twice := a.DNS[key.Value]; twice || key.Kind != yaml.ScalarNode || value.Kind != yaml.ScalarNode {
			p.fail(key.Line, "dns: each key stands once and has a single value")
			continue
		}
		a.DNS[key.Value] = value.Value
	}
	if a.DNS["provider"] == "" {
		p.fail(n.Line, "dns: the key provider is missing")
	}
}

// patterns sets dst to a list that is not nil, since an empty list of names says
// something else than none.
func (p *parser) patterns(n *yaml.Node, key string, dst *[]auth.Pattern) {
	*dst = []auth.Pattern{}
	p.list(n, key, func(item *yaml.Node) {
		s, ok := p.text(item, key)
		if !ok {
			return
		}
		pattern, err := auth.ParsePattern(s)
		if err != nil {
			p.fail(item.Line, "%s: %v", key, err)
			return
		}
		*dst = append(*dst, pattern)
	})
}

func (p *parser) ports(n *yaml.Node, key string, dst **auth.Ports) {
	var parts []string
	p.list(n, key, func(item *yaml.Node) {
		if s, ok := p.text(item, key); ok {
			parts = append(parts, s)
		}
	})
	text := strings.Join(parts, ",")
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		text = "none"
	}
	ports, err := auth.ParsePorts(text)
	if err != nil {
		p.fail(n.Line, "%s: %v", key, err)
		return
	}
	*dst = &ports
}

func (p *parser) prefixes(n *yaml.Node, dst *[]netip.Prefix) {
	p.list(n, "trusted_proxies", func(item *yaml.Node) {
		s, ok := p.text(item, "trusted_proxies")
		if !ok {
			return
		}
		prefix, err := netip.ParsePrefix(s)
		if addr, addrErr := netip.ParseAddr(s); addrErr == nil && addr.Zone() == "" {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			p.fail(item.Line, "trusted_proxies: %q is no address or network: write it like 10.0.0.7 or 10.0.0.0/8", shorten(s))
			return
		}
		*dst = append(*dst, prefix.Masked())
	})
}
