package configfile

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"ngrok/server/auth"
	"ngrok/server/limit"
)

var hashA = auth.HashToken("a").String()

const whole = `
# every key there is
domain: tunnel.example.com
http_addr: ":8080"
https_addr: ""          # no https
tunnel_addr: :4443
tcp_host: 0.0.0.0
vhost: tunnel.example.com:80
tls_crt: a.crt
tls_key: a.key
log: stdout
log_level: DEBUG
log_format: json
data_dir: /var/lib/ngrokd
registry_cache_file: /tmp/x
grace: 10s
lease: 1h
park: 2s
open: false
tokens:
  - name: alice
    hash: HASH
    subdomains: [alice, "alice-*"]
    hostnames: [www.alice.example]
    ports: 10000-10100
    max_sessions: 7
    max_tunnels: 20
    max_connections: 500
    rate: 20MB/s
  - {name: bob, hash: HASHB, subdomains: [], max_tunnels: 0, max_connections: unlimited, rate: unlimited, ports: [2222, 10200-10210]}
reserved: [www, admin, api]
tcp_ports: 10000-20000
limits:
  unauthenticated_per_address: 10
  unauthenticated: 100
  handshake: 2s
  first_message: 3s
  max_tunnels: 4
  max_sessions: 6
  visitor_connections: 8
  stalled_visitors: unlimited
  max_connections: 5
  rate: 1MiB/s
  visitor_rate: 0.5
  visitor_burst: 7
acme:
  email: ops@example.com
  directory: https://acme.example/dir
  ca: /etc/ngrokd/acme-ca.pem
  dns: {provider: example, api_token: secret}
trusted_proxies: [10.0.0.7, 192.168.1.1/16, "2001:db8::/32"]
`

func wholeText() []byte {
	return []byte(strings.NewReplacer("HASHB", auth.HashToken("b").String(), "HASH", hashA).Replace(whole))
}

func TestParseWhole(t *testing.T) {
	f, err := Parse("ngrokd.yml", wholeText())
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Settings) != len(SettingKeys()) {
		t.Errorf("%d settings, want %d", len(f.Settings), len(SettingKeys()))
	}
	if got := f.Settings[2]; got != (Setting{"https_addr", "", 5}) {
		t.Errorf("https_addr: %+v", got)
	}
	if len(f.Tokens) != 2 || !f.HasTokens {
		t.Fatalf("tokens: %+v", f.Tokens)
	}
	alice, bob := f.Tokens[0], f.Tokens[1]
	if alice.Name != "alice" || alice.Hash != auth.HashToken("a") || len(alice.Subdomains) != 2 || len(alice.Hostnames) != 1 ||
		alice.Ports.String() != "10000-10100" || alice.MaxSessions != 7 || alice.MaxTunnels != 20 || alice.MaxConnections != 500 || alice.Rate != 20e6 {
		t.Errorf("alice: %+v", alice)
	}
	if bob.Subdomains == nil || bob.Hostnames != nil || bob.MaxTunnels != -1 || bob.MaxConnections != -1 || bob.Rate != -1 || bob.Ports.String() != "2222, 10200-10210" {
		t.Errorf("bob: %+v", bob)
	}
	if len(f.Reserved) != 3 || f.TCPPorts.String() != "10000-20000" {
		t.Errorf("reserved %v, ports %v", f.Reserved, f.TCPPorts)
	}
	l := f.Limits
	if l.UnauthenticatedPerAddress != 10 || l.Unauthenticated != 100 || l.Handshake != 2*time.Second || l.FirstMessage != 3*time.Second ||
		l.Tunnels != 4 || l.Sessions != 6 || l.VisitorConnections != 8 || l.StalledVisitors != 0 || l.Connections != 5 || l.Rate != 1<<20 || l.VisitorRate != 0.5 || l.VisitorBurst != 7 {
		t.Errorf("limits: %+v", l)
	}
	if want := (&ACME{"ops@example.com", "https://acme.example/dir", "/etc/ngrokd/acme-ca.pem", map[string]string{"provider": "example", "api_token": "secret"}}); !reflect.DeepEqual(f.ACME, want) {
		t.Errorf("acme: %+v", f.ACME)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.7/32"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("2001:db8::/32")}
	if !reflect.DeepEqual(f.TrustedProxies, want) {
		t.Errorf("trusted proxies: %v", f.TrustedProxies)
	}
	p, err := f.Policy(false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Authenticate("a", ""); err != nil {
		t.Errorf("alice's token: %v", err)
	}
}

func TestParseNothing(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "comment": "# nothing\n", "null": "---\n", "blank": "\n\n", "null section": "limits:\nreserved:\n",
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Parse("ngrokd.yml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if f.HasTokens || f.Limits.Handshake != 5*time.Second {
				t.Errorf("got %+v", f)
			}
		})
	}
	if f, err := Parse("x", []byte("tokens:\n")); err != nil || !f.HasTokens || len(f.Tokens) != 0 {
		t.Errorf("empty tokens: %+v, %v", f, err)
	}
}

func TestParseProblems(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // in the error
	}{
		{"unknown key", "domain: a\nhttp_adr: x\n", []string{"f.yml:2: ", `"http_adr"`, "did you mean http_addr?"}},
		{"a flag's name", "httpAddr: x\n", []string{"f.yml:1: ", "did you mean http_addr?"}},
		{"a log level's dash", "log-level: x\n", []string{"did you mean log_level?"}},
		{"far from any", "frobnicate_everything: x\n", []string{"f.yml:1: ", "the keys are domain, "}},
		{"unknown in a token", "tokens:\n  - name: a\n    hash: HASH\n    subdomain: x\n", []string{"f.yml:4: a token has no key", "did you mean subdomains?"}},
		{"unknown in limits", "limits:\n  max_tunnel: 1\n", []string{"f.yml:2: limits has no key", "max_tunnels?"}},
		{"twice", "domain: a\nlog: x\ndomain: b\n", []string{"f.yml:3: domain stands in line 1 already"}},
		{"not YAML", "domain: a\n\tb: c\n", []string{"f.yml:2: this is not YAML"}},
		{"a list", "- a\n", []string{"f.yml:1: the file must be keys"}},
		{"a token alone", "ngt_secret\n", []string{"f.yml:1: the file must be keys"}},
		{"two documents", "domain: a\n---\ndomain: b\n", []string{"f.yml:2: a second document"}},
		{"mapping for a value", "domain: {a: b}\n", []string{"f.yml:1: domain must be a single value"}},
		{"alias", "domain: &a x\nlog: *a\n", []string{"f.yml:2: log must be a single value"}},
		{"tokens is a word", "tokens: ngt_x\n", []string{"f.yml:1: tokens must be a list", "token new"}},
		{"token is a word", "tokens: [ngt_x]\n", []string{"f.yml:1: a token must be keys"}},
		{"token without name", "tokens:\n - hash: HASH\n", []string{"f.yml:2: the token has no name"}},
		{"token without hash", "tokens:\n - name: a\n", []string{"f.yml:2: token a has no hash"}},
		{"token twice", "tokens:\n - {name: a, hash: HASH}\n - {name: a, hash: HASHB}\n", []string{"f.yml:3: token a stands in line 2 already"}},
		{"hash twice", "tokens:\n - {name: a, hash: HASH}\n - {name: b, hash: HASH}\n", []string{"f.yml: tokens a and b have the same hash"}},
		{"the token in place of its hash", "tokens:\n - {name: a, hash: ngt_canary}\n", []string{"f.yml:2: hash: ", "sha256:"}},
		{"bad name", "tokens:\n - {name: a b, hash: HASH}\n", []string{`f.yml:2: name: token name "a b"`}},
		{"bad subdomain", "tokens:\n - {name: a, hash: HASH, subdomains: [ok, 'no way']}\n", []string{`f.yml:2: subdomains: name "no way"`}},
		{"bad ports", "tcp_ports: 99999\n", []string{`f.yml:1: tcp_ports: "99999" is no port`}},
		{"bad count", "limits: {max_tunnels: -1}\n", []string{`f.yml:1: max_tunnels: "-1" is no count`}},
		{"bad rate", "limits: {rate: fast}\n", []string{"f.yml:1: rate: ", "20MB/s"}},
		{"tiny rate", "limits: {rate: 5}\n", []string{"below 1 KiB/s"}},
		{"bad time", "limits: {handshake: 5}\n", []string{"f.yml:1: handshake: ", "5s"}},
		{"no time", "limits: {handshake: 0s}\n", []string{"out of range"}},
		{"bad proxy", "trusted_proxies: nginx\n", []string{`trusted_proxies: "nginx" is no address`}},
		{"dns without provider", "acme:\n  dns: {token: x}\n", []string{"f.yml:2: dns: the key provider is missing"}},
		{"all at once", "a: 1\nb: 2\ndomain: {}\n", []string{"f.yml:1: ", "f.yml:2: ", "f.yml:3: "}},
		{"too many", strings.Repeat("? [a]\n: 1\n", 15), []string{"and 5 more"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.NewReplacer("HASHB", auth.HashToken("b").String(), "HASH", hashA).Replace(tt.text)
			_, err := Parse("f.yml", []byte(text))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error:\n%v\nwant it to contain %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// The example in the documentation is read as it stands, and shows the defaults.
func TestDocumentedExample(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating-auth.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## ngrokd.yml\n")
	var example []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "### ") {
			break
		}
		if l, ok := strings.CutPrefix(line, "    "); ok {
			example = append(example, l)
		}
	}
	f, err := Parse("example", []byte(strings.NewReplacer("sha256:…", hashA, "…", "x").Replace(strings.Join(example, ""))))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Settings) != len(SettingKeys())-1 { // open is commented out
		t.Errorf("%d of %d settings", len(f.Settings), len(SettingKeys()))
	}
	if f.Limits != limit.Default() {
		t.Errorf("limits %+v, the defaults are %+v", f.Limits, limit.Default())
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(filepath.Join(dir, "none.yml"))
	if !errors.Is(err, os.ErrNotExist) || !IsMissing(err) {
		t.Errorf("missing file: %v", err)
	}
	big := filepath.Join(dir, "big.yml")
	if err := os.WriteFile(big, make([]byte, maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("huge file: %v", err)
	}
}

func TestUnits(t *testing.T) {
	for in, want := range map[string]int64{
		"20MB/s": 20e6, "20mb": 20e6, "1.5 MiB/s": 3 << 19, "100Mbit/s": 12.5e6, "4096": 4096, "0": 0, "unlimited": 0, "1GB/s": 1e9,
		"": -1, "MB": -1, "1XB": -1, "-1MB": -1, "1e9": -1, "1MB/h": -1, "1.2.3MB": -1, "99999999GB": -1, "NaN": -1, "inf": -1,
	} {
		got, err := parseRate(in)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("parseRate(%q) = %d (%v), want %d", in, got, err, want)
		}
	}
	for in, want := range map[string]float64{"50": 50, "0.5/s": 0.5, "unlimited": 0, "-1": -1, "NaN": -1, "Inf": -1, "x": -1} {
		got, err := parsePerSecond(in)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("parsePerSecond(%q) = %v (%v), want %v", in, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(wholeText())
	for _, s := range []string{"", "tokens:\n", "a: &a [*a]\n", "tokens: [{name: a, name: b}]", "limits: {rate: 1MB}\n", "? {a: b}\n: c\n", "---\n...\n---\n", "<<: {domain: x}\n", "\ufeffdomain: a"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("f.yml", data)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without text")
			}
			return
		}
		if _, err := file.Policy(true); err != nil {
			t.Errorf("parsed, but: %v", err)
		}
	})
}
