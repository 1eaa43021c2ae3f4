package configfile

import (
	"gopkg.in/yaml.v3"
)

// top reads the root of a file.
func (d *decoder) top(n *yaml.Node) {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		d.errorf(n, "the file holds neither settings nor a token: write for example auth_token: YOUR_TOKEN")
		return
	}
	ks := d.settings()
	// Version 3 files keep the settings below this key.
	ks["agent"] = func(n *yaml.Node) { d.mapping(n, "agent", d.settings()) }
	ks["tunnels"] = d.tunnels
	ks["version"] = silent
	d.mapping(n, "the file", ks)
}

// settings are the keys of a file apart from its tunnels.
func (d *decoder) settings() keys {
	f := d.file
	ks := keys{
		"server_addr":           parsed(d, "server_addr", &f.ServerAddr, ServerAddr),
		"inspect_addr":          parsed(d, "inspect_addr", &f.InspectAddr, InspectAddr),
		"http_proxy":            parsed(d, "http_proxy", &f.HTTPProxy, ProxyURL),
		"trust_host_root_certs": d.flag("trust_host_root_certs", &f.TrustHostRootCerts),
		"root_ca":               d.text("root_ca", &f.RootCA),
		"server_fingerprint":    d.text("server_fingerprint", &f.ServerFingerprint),
		"auth_token":            parsed(d, "auth_token", &f.AuthToken, checkToken),
		"inspect_db_size":       parsed(d, "inspect_db_size", &f.InspectDBSize, parseSize),
		"inspect_body_size":     parsed(d, "inspect_body_size", &f.InspectBodySize, parseSize),
		"inspect_auth":          parsed(d, "inspect_auth", &f.InspectAuth, userPassword),
		"web_allow_hosts":       d.list("web_allow_hosts", &f.WebAllowHosts),
		"log":                   d.text("log", &f.Log),
		"log_level":             d.text("log_level", &f.LogLevel),
		"log_format":            d.text("log_format", &f.LogFormat),

		// The spellings of later versions.
		"authtoken":    parsed(d, "authtoken", &f.AuthToken, checkToken),
		"web_addr":     parsed(d, "web_addr", &f.InspectAddr, InspectAddr),
		"proxy_url":    parsed(d, "proxy_url", &f.HTTPProxy, ProxyURL),
		"socks5_proxy": parsed(d, "socks5_proxy", &f.HTTPProxy, ProxyURL),
		"root_cas":     d.rootCAs,
		"region":       silent,
		"update":       silent,
		"console_ui":   nil,
		"metadata":     nil,
		"update_check": nil,
		"api_key":      nil,
		"crl_noverify": nil,
	}
	for _, key := range []string{"console_ui_color", "update_channel", "remote_management", "connect_timeout",
		"heartbeat_interval", "heartbeat_tolerance", "dns_resolver_ips"} {
		ks[key] = nil
	}
	for key, read := range ks {
		if read == nil {
			ks[key] = d.ignored(key)
		}
	}
	return ks
}

// rootCAs reads the later spelling of two settings.
func (d *decoder) rootCAs(n *yaml.Node) {
	s, ok := d.str(n, "root_cas")
	switch {
	case !ok:
	case s == "host":
		d.file.TrustHostRootCerts = true
	case s == "trusted" || s == "":
	default:
		d.file.RootCA = s
	}
}
