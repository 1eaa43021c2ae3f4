package configfile

import (
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"ngrok/client"
)

// options adds the keys of a tunnel that say who may use it and what its private service
// is told. The server is asked for the first, this program does the second; what can't
// work is found by [client.Tunnel.Validate].
func (d *decoder) options(ks keys, t *client.Tunnel) {
	ks["allow_cidrs"] = d.list("allow_cidrs", &t.AllowCIDRs)
	ks["deny_cidrs"] = d.list("deny_cidrs", &t.DenyCIDRs)
	ks["max_body"] = parsed(d, "max_body", &t.MaxBody, bodySize)
	ks["https_redirect"] = d.flag("https_redirect", &t.HTTPSRedirect)
	ks["forwarded_headers"] = d.flagNot("forwarded_headers", &t.NoForwardedHeaders)
	ks["host_header"] = parsed(d, "host_header", &t.HostHeader, hostHeader)
	ks["request_header"] = func(n *yaml.Node) { d.headerChanges(n, "request_header", &t.RequestHeaders) }
	ks["response_header"] = func(n *yaml.Node) { d.headerChanges(n, "response_header", &t.ResponseHeaders) }
	ks["proxy_proto"] = parsed(d, "proxy_proto", &t.ProxyProto, proxyProto)

	// A spelling of later versions.
	ks["ip_restriction"] = func(n *yaml.Node) {
		d.mapping(n, "ip_restriction", keys{"allow_cidrs": ks["allow_cidrs"], "deny_cidrs": ks["deny_cidrs"]})
	}
}

// users stores "user:password" pairs, one or several: the first where every server
// knows it, the others beside it.
func (d *decoder) users(key string, t *client.Tunnel) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var all []string
		d.list(key, &all)(n)
		if len(all) > 0 && t.HTTPAuth != "" {
			d.errorf(n, "auth and basic_auth are two spellings of the same: leave one out")
			return
		}
		for i, user := range all {
			if _, err := userPassword(user); err != nil {
				d.errorf(n, "%s: %v", key, err) // without the password
				continue
			}
			if i == 0 {
				t.HTTPAuth = user
			} else {
				t.Users = append(t.Users, user)
			}
		}
	}
}

// headerChanges reads what is to be added, "Name: value" in a list or a mapping, and the
// names of what is to be removed.
func (d *decoder) headerChanges(n *yaml.Node, key string, c *client.HeaderChanges) {
	d.mapping(n, key, keys{
		"remove": d.list(key+": remove", &c.Remove),
		"add": func(n *yaml.Node) {
			c.Add = nil
			if n.Kind == yaml.MappingNode {
				for _, p := range d.pairs(n, key+": add") {
					if value, ok := d.str(p.value, key+": "+p.key.Value); ok {
						c.Add = append(c.Add, client.Header{Name: p.key.Value, Value: value})
					}
				}
				return
			}
			var lines []string
			d.list(key+": add", &lines)(n)
			for _, line := range lines {
				name, value, found := strings.Cut(line, ":")
				if !found {
					d.errorf(n, "%s: add: write each header as \"Name: value\"", key)
					continue
				}
				c.Add = append(c.Add, client.Header{Name: name, Value: strings.TrimSpace(value)})
			}
		},
	})
}

// bodySize reads the most that a body may have.
func bodySize(s string) (int64, error) {
	n, err := parseSize(s)
	if err == nil && n <= 0 {
		err = fmt.Errorf("%q must be above 0: leave max_body out for no limit", s)
	}
	return n, err
}

// hostHeader takes "preserve" of later versions for what is the default.
func hostHeader(s string) (string, error) {
	if s == "preserve" {
		return "", nil
	}
	return s, nil
}

// proxyProto reads a version of the PROXY protocol.
func proxyProto(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 2 {
		return 0, fmt.Errorf("%q: there are versions 1 and 2", s)
	}
	return n, nil
}
