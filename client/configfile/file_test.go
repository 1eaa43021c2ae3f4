package configfile

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ngrok/client"
)

const full = `# where
server_addr: tunnel.example.com:4443
inspect_addr: 4041
http_proxy: http://me:secret@proxy:3128
trust_host_root_certs: true
root_ca: /etc/ca.pem
server_fingerprint: sha256:abcd
auth_token: t0ken
inspect_db_size: 64MiB
inspect_body_size: 1000
inspect_auth: me:pw
web_allow_hosts: [a.example, b.example]
log: stdout
log_level: DEBUG
log_format: json
tunnels:
  www:
    proto: {http: 8080, https: ":8443"}
    auth: "user:pass:word"
  ssh:
    remote_port: 2222
    proto:
      tcp: 22
  a.example.com:
    proto: {http+https: "box:80"}
  named:
    subdomain: sub
    proto: {http: "[::1]:80"}
    inspect: false
`

func TestParseFull(t *testing.T) {
	f, err := Parse("f", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if f.HTTPProxy == nil || f.HTTPProxy.Host != "proxy:3128" {
		t.Errorf("HTTPProxy = %v", f.HTTPProxy)
	}
	f.HTTPProxy = nil
	if f.name != "f" || f.lines["www"] != 17 {
		t.Errorf("tunnels stand in %s, lines %v", f.name, f.lines)
	}
	f.name, f.lines = "", nil
	want := &File{
		ServerAddr: "tunnel.example.com:4443", InspectAddr: "127.0.0.1:4041", TrustHostRootCerts: true, RootCA: "/etc/ca.pem",
		ServerFingerprint: "sha256:abcd", AuthToken: "t0ken", InspectDBSize: 64 << 20, InspectBodySize: 1000, InspectAuth: "me:pw",
		WebAllowHosts: []string{"a.example", "b.example"}, Log: "stdout", LogLevel: "DEBUG", LogFormat: "json",
		Tunnels: []client.Tunnel{
			{Name: "www", Subdomain: "www", HTTPAuth: "user:pass:word", Local: map[string]string{"http": "127.0.0.1:8080", "https": "127.0.0.1:8443"}},
			{Name: "ssh", RemotePort: 2222, Local: map[string]string{"tcp": "127.0.0.1:22"}},
			{Name: "a.example.com", Hostname: "a.example.com", Local: map[string]string{"http": "box:80", "https": "box:80"}},
			{Name: "named", Subdomain: "sub", NoInspect: true, Local: map[string]string{"http": "[::1]:80"}},
		},
	}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("got  %+v\nwant %+v", f, want)
	}
}

// The spellings of later versions.
func TestParseLater(t *testing.T) {
	f, err := Parse("f", []byte(`version: "2"
region: eu
authtoken: abc_def
web_addr: localhost:4041
console_ui: false
root_cas: host
tunnels:
  both: {proto: http, addr: 8080}
  secure: {proto: http, addr: "localhost:8080", bind_tls: true}
  clear: {proto: http, addr: "http://localhost:8080/", bind_tls: "false", inspect: false}
  v3: {proto: http, addr: http://box, schemes: [https], domain: a.example, basic_auth: ["u:p"]}
  db: {proto: tcp, addr: 5432, remote_addr: "1.tcp.example:20301"}
`))
	if err != nil {
		t.Fatal(err)
	}
	if f.AuthToken != "abc_def" || f.InspectAddr != "localhost:4041" || !f.TrustHostRootCerts {
		t.Errorf("got %+v", f)
	}
	if len(f.Warnings) != 1 || f.Warnings[0] != "f:5: console_ui has no effect with this program" {
		t.Errorf("warnings %q", f.Warnings)
	}
	want := []client.Tunnel{
		{Name: "both", Subdomain: "both", Local: map[string]string{"http": "127.0.0.1:8080", "https": "127.0.0.1:8080"}},
		{Name: "secure", Subdomain: "secure", Local: map[string]string{"https": "localhost:8080"}},
		{Name: "clear", Subdomain: "clear", NoInspect: true, Local: map[string]string{"http": "localhost:8080"}},
		{Name: "v3", Hostname: "a.example", HTTPAuth: "u:p", Local: map[string]string{"https": "box:80"}},
		{Name: "db", RemotePort: 20301, Local: map[string]string{"tcp": "127.0.0.1:5432"}},
	}
	if !reflect.DeepEqual(f.Tunnels, want) {
		t.Errorf("got  %+v\nwant %+v", f.Tunnels, want)
	}

	f, err = Parse("f", []byte("version: 3\nagent:\n  authtoken: abc\n  web_addr: false\n"))
	if err != nil || f.AuthToken != "abc" || f.InspectAddr != Disabled {
		t.Errorf("version 3: %+v, %v", f, err)
	}
}

func TestParseMerge(t *testing.T) {
	f, err := Parse("f", []byte("tunnels:\n  a: &base {proto: {http: 1}, auth: 'u:p'}\n  b: {<<: *base, auth: 'x:y'}\n  c: *base\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Tunnels) != 3 || f.Tunnels[1].HTTPAuth != "x:y" || f.Tunnels[1].Local["http"] != "127.0.0.1:1" || f.Tunnels[2].Subdomain != "c" {
		t.Errorf("got %+v", f.Tunnels)
	}
}

func TestParseTokenOnly(t *testing.T) {
	for _, content := range []string{"abc-DEF_123!", " 12345\n\n", "a+b/c=\r\n", "\ufeffabc\r\n"} {
		f, err := Parse("f", []byte(content))
		if err != nil || f.AuthToken != strings.Trim(content, "\ufeff \r\n") {
			t.Errorf("%q: %+v, %v", content, f, err)
		}
	}
}

func TestParseEmpty(t *testing.T) {
	for _, content := range []string{"", "\n", "# nothing\n", "---\n", "null: \n#", "~\n", "tunnels:\n", "auth_token:\nserver_addr: ''\n"} {
		f, err := Parse("f", []byte(content))
		if content == "null: \n#" {
			if err == nil {
				t.Errorf("%q is accepted", content)
			}
			continue
		}
		if err != nil || len(f.Tunnels) > 0 || f.AuthToken != "" {
			t.Errorf("%q: %+v, %v", content, f, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ name, content, want string }{
		{"unknown key", "a: 1\nserver_adr: x:1\n", `f:2: unknown key "server_adr" in the file: did you mean "server_addr"?`},
		{"unknown far key", "\nquux_zzzzzz: 1\n", `f:2: unknown key "quux_zzzzzz" in the file`},
		{"unknown tunnel key", "tunnels:\n  www:\n    proto: {http: 80}\n    subdomian: x\n", `f:4: unknown key "subdomian" in tunnel "www": did you mean "subdomain"?`},
		{"https and tls", "tunnels: {a: {proto: {https: 1, tls: 2}}}", `f:1: tunnel "a": https and tls would share`},
		{"proto misspelt", "tunnels: {a: {proto: {htp: 1}}}", `protocol "htp" is unknown: use http, https, http+https, tls or tcp`},
		{"two forms", "tunnels: {a: {proto: {http: 1}, addr: 2}}", "go with a proto of one word"},
		{"no proto", "tunnels: {a: {}}", "what it serves is missing"},
		{"no blank", "tunnels: {a: {proto: 'http:8080'}}", "a blank is missing behind the colon: write proto: {http: 8080}"},
		{"no addr", "tunnels: {a: {proto: http}}", "addr is missing: write for example proto: {http: 8080}"},
		{"no address", "tunnels: {a: {proto: {http: }}}", "http needs the address"},
		{"bad port", "tunnels: {a: {proto: {http: 70000}}}", `"70000" in ":70000" is no port`},
		{"bad addr", "tunnels:\n  a: {proto: {http: localhost}}", `f:2: http: "localhost" is no address: write a port or host:port`},
		{"password in addr", "tunnels:\n  a: {proto: {http: 'http://u:kanarie@localhost:1'}}", `f:2: http: the address has more than host and port`},
		{"password in addr without a scheme", "tunnels: {a: {proto: {tcp: 'u:kanarie@localhost'}}}", "more than host and port"},
		{"query in addr", "tunnels: {a: {proto: {http: 'http://localhost:1?kanarie'}}}", "more than host and port"},
		{"password in https addr", "tunnels: {a: {proto: {http: 'https://u:kanarie@x:1'}}}", "more than host and port"},
		{"password in hostname", "tunnels: {a: {proto: {http: 1}, hostname: 'u:kanarie@x'}}", `f:1: tunnel "a": hostname has more than a name`},
		{"password in server addr", "server_addr: https://u:kanarie@x", "server_addr: the address has more than host and port"},
		{"password in inspect addr", "inspect_addr: 'u:kanarie@x:1'", "inspect_addr: the address has more than host and port"},
		{"https service", "tunnels: {a: {proto: http, addr: 'https://x:1'}}", "can be reached by a tls or tcp tunnel only"},
		{"bind_tls", "tunnels: {a: {proto: http, addr: 1, bind_tls: maybe}}", `bind_tls is "maybe"`},
		{"auth form", "tunnels: {a: {proto: {http: 1}, auth: user}}", `auth: must be "user:password"`},
		{"auth on tcp", "tunnels: {a: {proto: {tcp: 1}, auth: 'u:p'}}", "visitors of a tcp or tls tunnel can't be asked"},
		{"name on tcp", "tunnels: {a: {proto: {tcp: 1}, subdomain: x}}", "a tcp tunnel has a port"},
		{"two spellings", "tunnels: {a: {proto: {http: 1}, auth: 'u:p', basic_auth: ['v:q']}}", "two spellings"},
		{"user without password", "tunnels: {a: {proto: {http: 1}, auth: ['u:p', 'secret']}}", `f:1: auth: must be "user:password"`},
		{"no network", "tunnels: {a: {proto: {http: 1}, allow_cidrs: [ten]}}", `allow_cidrs: "ten" is no network`},
		{"no size", "tunnels: {a: {proto: {http: 1}, max_body: 0}}", "max_body"},
		{"redirect to nowhere", "tunnels: {a: {proto: {http: 1}, https_redirect: true}}", "https_redirect needs both"},
		{"header without colon", "tunnels: {a: {proto: {http: 1}, request_header: {add: [X]}}}", `write each header as "Name: value"`},
		{"header with a line break", "tunnels: {a: {proto: {http: 1}, request_header: {add: [\"X: a\\r\\nY: b\"]}}}", "control character"},
		{"header of the framing", "tunnels: {a: {proto: {http: 1}, response_header: {remove: [content-length]}}}", "response_header: header Content-Length"},
		{"unknown change", "tunnels: {a: {proto: {http: 1}, request_header: {set: [X]}}}", `unknown key "set"`},
		{"proxy_proto 3", "tunnels: {a: {proto: {tcp: 1}, proxy_proto: 3}}", "proxy_proto"},
		{"proxy_proto of http", "tunnels: {a: {proto: {http: 1}, proxy_proto: 2}}", "proxy_proto is for tcp and tls"},
		{"name as name", "tunnels: {my app: {proto: {http: 1}}}", "its name can't be part of a URL: add subdomain or hostname"},
		{"empty name", "tunnels: {'': {proto: {tcp: 1}}}", "it has no name"},
		{"hostname", "tunnels: {a: {proto: {http: 1}, hostname: 'http://x'}}", "is a URL: leave the scheme out"},
		{"remote port", "tunnels: {a: {proto: {tcp: 1}, remote_port: 65536}}", `remote_port: "65536" is no port`},
		{"bool", "trust_host_root_certs: perhaps", "trust_host_root_certs must be true or false"},
		{"size", "inspect_db_size: big", "inspect_db_size: \"big\" is no size"},
		{"huge size", "inspect_db_size: 99999999999GiB", "is no size"},
		{"server addr", "server_addr: https://x", "is a URL: write host:port"},
		{"inspect addr", "inspect_addr: nowhere", `or "disabled"`},
		{"proxy type", "http_proxy: ftp://x", `proxies of type "ftp" are not supported`},
		{"twice", "auth_token: a\nauth_token: b\n", `f:2: key "auth_token" stands twice in the file`},
		{"token", "auth_token: a b\n", "the token holds a space"},
		{"mapping", "tunnels: [a]", "f:1: tunnels must be a mapping"},
		{"sequence value", "auth_token: [a]", "auth_token must be a single value"},
		{"tab", "tunnels:\n\twww: 1\n", "f: line 2: indented with a tab"},
		{"syntax", "a: b: c\n", "f: "},
		{"words", "some words\n", "neither settings nor a token"},
		{"list", "- a\n", "the file must be a mapping"},
		{"two documents", "auth_token: a\n---\nauth_token: b\n", "line 2: a second document"},
		{"self merge", "tunnels: {a: &a {<<: *a, proto: {http: 1}}}", ""},
		{"merge bomb", "tunnels: {<<: " + bomb() + "}", "merges too much"},
		{"control", `auth_token: "a\x1bb"`, "control character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f", []byte(tt.content))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "kanarie") {
				t.Errorf("error %v\nwant  %q", err, tt.want)
			}
		})
	}
}

// bomb is a mapping made of 50^6 others.
func bomb() string {
	s := "{x: 1}"
	for i := range 6 {
		s = fmt.Sprintf("{<<: [&m%d %s%s]}", i, s, strings.Repeat(fmt.Sprintf(", *m%d", i), 49))
	}
	return s
}

// All mistakes are told at once.
func TestParseJoinsErrors(t *testing.T) {
	_, err := Parse("f", []byte("one: 1\nserver_addr: x y\nthree: 3\n"))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v", err)
	}
}

// A proxy's password is in no error.
func TestProxyErrorsHidePassword(t *testing.T) {
	for _, s := range []string{"http://me:secret@%zz", "ftp://me:secret@x", "http://me:secret@", "http://me:secret@x:0", "http://me:secret@x:999999"} {
		if _, err := ProxyURL(s); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("ProxyURL(%q) = %v", s, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	tests := []struct {
		name  string
		parse func(string) (string, error)
		want  map[string]string // "" is an error
	}{
		{"local", LocalAddr, map[string]string{
			"80": "127.0.0.1:80", ":80": "127.0.0.1:80", "box:80": "box:80", "[::1]:80": "[::1]:80", "http://localhost:3000": "localhost:3000",
			"http://box": "box:80", "http://3000": "127.0.0.1:3000", "http://[::1]": "[::1]:80", "080": "127.0.0.1:80",
			"": "", "0": "", "65536": "", "box": "", "-1": "", "a b:80": "", "::1": "", "http://x/path": "", "http://u@x:1": "", "x:http": "", "x:+1": "",
		}},
		{"server", ServerAddr, map[string]string{
			"tunnel.example.com": "tunnel.example.com:4443", "4443": "127.0.0.1:4443", "h:1": "h:1", "::1": "[::1]:4443", "[::1]": "[::1]:4443",
			"10.0.0.1": "10.0.0.1:4443", "": "", "h:": "", "tls://h:1": "", "h:x": "",
		}},
		{"inspect", InspectAddr, map[string]string{
			"disabled": Disabled, "false": Disabled, "0": "127.0.0.1:0", "localhost:0": "localhost:0", "0.0.0.0:4040": "0.0.0.0:4040", "x": "",
		}},
	}
	for _, tt := range tests {
		for _, in := range slices.Sorted(maps.Keys(tt.want)) {
			got, err := tt.parse(in)
			if got != tt.want[in] || (err == nil) != (tt.want[in] != "") {
				t.Errorf("%s %q = %q, %v, want %q", tt.name, in, got, err, tt.want[in])
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "-1": -1, "1": 1, "50MiB": 50 << 20, "2 kb": 2000, "1GB": 1e9, "7B": 7, "-1MiB": -1} {
		if got, err := parseSize(in); got != want || err != nil {
			t.Errorf("parseSize(%q) = %d, %v", in, got, err)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("#", maxSize+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a huge file: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("token"))
	f.Add([]byte("tunnels: {a: &a {<<: [*a, *a, *a], proto: {http: 1}}}"))
	f.Add([]byte("agent: {authtoken: x}\n---\n"))
	f.Add([]byte("tunnels:\n\tx: 1\r\n# é\nauth_token: 'it''s'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if err != nil {
			return
		}
		for _, tun := range c.Tunnels {
			if err := CheckTunnel(tun); err != nil {
				t.Errorf("accepted a tunnel that can't work: %v", err)
			}
			for proto, addr := range tun.Local {
				if again, err := LocalAddr(addr); err != nil || again != addr {
					t.Errorf("%s address %q becomes %q, %v", proto, addr, again, err)
				}
			}
		}
	})
}

func TestTunnelOptions(t *testing.T) {
	const text = `
tunnels:
  web:
    proto: {http: 8080, https: 8080}
    auth: ["ann:1", "bob:2"]
    allow_cidrs: [10.0.0.0/8, "::1"]
    deny_cidrs: 10.0.0.1
    max_body: 10MB
    https_redirect: true
    host_header: rewrite
    forwarded_headers: false
    request_header:
      add: ["X-Key: a:b", "X-Empty:"]
      remove: [Cookie]
    response_header:
      add: {X-Frame-Options: DENY}
  own: {proto: {tls: 443}, proxy_proto: 2}
  later: {proto: tls, addr: 443, ip_restriction: {allow_cidrs: [10.0.0.0/8]}}
  kept: {proto: {http: 1}, host_header: preserve, forwarded_headers: true}
`
	f, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []client.Tunnel{
		{Name: "web", Subdomain: "web", Local: map[string]string{"http": "127.0.0.1:8080", "https": "127.0.0.1:8080"},
			HTTPAuth: "ann:1", Users: []string{"bob:2"}, AllowCIDRs: []string{"10.0.0.0/8", "::1"}, DenyCIDRs: []string{"10.0.0.1"},
			MaxBody: 10e6, HTTPSRedirect: true, HostHeader: "rewrite", NoForwardedHeaders: true,
			RequestHeaders:  client.HeaderChanges{Add: []client.Header{{Name: "X-Key", Value: "a:b"}, {Name: "X-Empty"}}, Remove: []string{"Cookie"}},
			ResponseHeaders: client.HeaderChanges{Add: []client.Header{{Name: "X-Frame-Options", Value: "DENY"}}}},
		{Name: "own", Subdomain: "own", Local: map[string]string{"tls": "127.0.0.1:443"}, ProxyProto: 2},
		{Name: "later", Subdomain: "later", Local: map[string]string{"tls": "127.0.0.1:443"}, AllowCIDRs: []string{"10.0.0.0/8"}},
		{Name: "kept", Subdomain: "kept", Local: map[string]string{"http": "127.0.0.1:1"}},
	}
	if !reflect.DeepEqual(f.Tunnels, want) {
		t.Errorf("got %+v\nwant %+v", f.Tunnels, want)
	}
}
