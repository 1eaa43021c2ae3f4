//go:build linux

package programs

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"ngrok/conn/conntest"
	"ngrok/server/auth"
)

const challengeDomain = "tunnel.test"

// dnsProgram is a program for DNS-01 as operators write them: it traces itself, and prints
// the credential that it has. It tells in the directory runs of the working directory how
// it was run, adds records in txt, and fails the first time.
const dnsProgram = `#!/bin/sh
cd '%s' || exit 9
run=$(mktemp runs/XXXXXX)
{ echo "args: $*"; env; for fd in /proc/$$/fd/*; do echo "open: $(readlink "$fd")"; done; } > "$run"
set -x
: curl -H "Authorization: Bearer $HOSTER_TOKEN" https://hoster.example/
echo "{\"token\": \"$HOSTER_TOKEN\"}"
mkdir failed 2> /dev/null && exit 3
case $1 in
present) : > "txt/$3" ;;
cleanup) rm "txt/$3" ;;
esac
`

// TestProgramsCanaryDNS has a program of the operator's prove the domain to an authority. It
// gets no secret but its own, and what it prints of that one is not logged.
func TestProgramsCanaryDNS(t *testing.T) {
	pebble := need(t, "pebble", "pebble")[0]
	c := canaries{}
	for _, what := range []string{"token", "password of the proxy", "variable that nobody named"} {
		c.put(what)
	}
	dir := t.TempDir()
	for _, d := range []string{"runs", "txt"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	program := write(t, dir, "dns-challenge", fmt.Sprintf(dnsProgram, dir))
	if err := os.Chmod(program, 0o700); err != nil {
		t.Fatal(err)
	}
	names := nameServer(t, filepath.Join(dir, "txt"))
	s := &site{t: t, tunnelAddr: conntest.Reserve(t), httpAddr: conntest.Reserve(t)}
	directory := s.authority(pebble, dir, names)

	hash := auth.HashToken(c["token"]).String()
	c["token's hash"] = hash[strings.LastIndexByte(hash, ':')+1:]
	data := filepath.Join(dir, "data")
	settings := write(t, dir, "ngrokd.yml", fmt.Sprintf("tokens: [{name: alice, hash: %q}]\nacme:\n  directory: %s\n  ca: %s\n"+
		"  dns: {provider: exec, command: %s, env: HOSTER_TOKEN, resolvers: %q}\n", hash, directory, filepath.Join(dir, "ca.crt"), program, names))
	const hoster = "kanarie-of-the-hoster"
	s.server = s.programIn(dir, func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "TZ=UTC", "HOSTER_TOKEN="+hoster, "OTHER_TOKEN="+c["variable that nobody named"],
			"HTTPS_PROXY=http://user:"+c["password of the proxy"]+"@127.0.0.1:1", "NO_PROXY=127.0.0.1")
	}, "ngrokd", "-config="+settings, "-domain="+challengeDomain, "-dataDir="+data, "-httpsAddr=", "-open=false",
		"-tunnelAddr="+s.tunnelAddr, "-httpAddr="+s.httpAddr, "-log-level=DEBUG")
	kept := s.server.find(t, `cannot get a certificate.*exit status 3 \(what it has printed is in ([^)]+)\)`)
	s.server.find(t, `(got a certificate)`)
	key, err := os.ReadFile(filepath.Join(data, "session.key"))
	if err != nil {
		t.Fatal(err)
	}
	c["server's session key in hex"] = hex.EncodeToString(key)
	s.server.kill() // so that no run is under way

	if kept != filepath.Join(data, "acme", "dns-present.log") {
		t.Errorf("what the program has printed is in %s", kept)
	}
	if b, err := os.ReadFile(kept); err != nil || !strings.Contains(string(b), "Bearer "+hoster) {
		t.Errorf("kept of what the program has printed: %q, %v", b, err)
	}
	if info, err := os.Stat(kept); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v, want mode 0600", info, err)
	}
	runs, err := filepath.Glob(filepath.Join(dir, "runs", "*"))
	if err != nil || len(runs) < 2 {
		t.Errorf("the program ran %d times, %v", len(runs), err)
	}
	for _, run := range runs {
		b, err := os.ReadFile(run)
		if err != nil {
			t.Fatal(err)
		}
		c.look(t, "what the DNS program gets", string(b))
		checkRun(t, string(b), data)
	}
	c["hoster's token"] = hoster
	c.look(t, "ngrokd", s.server.text())
}

// checkRun looks at what a run of the program got.
func checkRun(t *testing.T, run, data string) {
	t.Helper()
	args, rest, _ := strings.Cut(run, "\n")
	if !regexp.MustCompile(`^args: (present|cleanup) _acme-challenge\.` + regexp.QuoteMeta(challengeDomain) + `\. [\w-]{43}$`).MatchString(args) {
		t.Errorf("the program was run with %q", args)
	}
	got := make(map[string]bool)
	for line := range strings.Lines(rest) {
		if file, found := strings.CutPrefix(line, "open: "); found {
			if strings.HasPrefix(file, "socket:") || strings.HasPrefix(file, data) {
				t.Errorf("the program has inherited %s", file)
			}
			continue
		}
		name, _, _ := strings.Cut(line, "=")
		if !slices.Contains([]string{"PWD", "OLDPWD", "SHLVL", "_"}, name) { // the shell's own
			got[name] = true
		}
	}
	if len(got) != 4 || !got["HOME"] || !got["PATH"] || !got["TZ"] || !got["HOSTER_TOKEN"] {
		t.Errorf("the program has the variables %v", got)
	}
}

// authority runs an ACME server that resolves names by the name server. It returns the URL
// of its directory; what vouches for that is ca.crt in dir.
func (s *site) authority(pebble, dir, names string) (directory string) {
	s.t.Helper()
	if code := s.program("ngrokd", "certs", "-domain", "127.0.0.1", "-out", dir).end(s.t); code != 0 {
		s.t.Fatal("no certificate for the authority")
	}
	addr := conntest.Reserve(s.t)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress":           addr,
		"managementListenAddress": conntest.Reserve(s.t),
		"certificate":             filepath.Join(dir, "server.crt"),
		"privateKey":              filepath.Join(dir, "server.key"),
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	file := write(s.t, dir, "pebble.json", string(config))
	_, port, _ := net.SplitHostPort(addr)
	run(s.t, in(dir, "PEBBLE_VA_NOSLEEP=1"), pebble, "-config", file, "-dnsserver", names).await(s.t, port)
	return "https://" + addr + "/dir"
}

// nameServer answers for challengeDomain, whose TXT records are the names of the files in
// dir, and returns its address.
func nameServer(t testing.TB, dir string) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	apex := dns.Fqdn(challengeDomain)
	server := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		name := strings.ToLower(q.Question[0].Name)
		header := dns.RR_Header{Name: q.Question[0].Name, Rrtype: q.Question[0].Qtype, Class: dns.ClassINET}
		switch {
		case !dns.IsSubDomain(apex, name):
			m.Rcode = dns.RcodeNameError
		case header.Rrtype == dns.TypeSOA && name == apex:
			m.Answer = append(m.Answer, &dns.SOA{Hdr: header, Ns: "ns." + apex, Mbox: "ops." + apex, Serial: 1, Minttl: 1})
		case header.Rrtype == dns.TypeTXT:
			records, _ := os.ReadDir(dir)
			for _, r := range records {
				m.Answer = append(m.Answer, &dns.TXT{Hdr: header, Txt: []string{r.Name()}})
			}
		}
		w.WriteMsg(m)
	})}
	started, ended := make(chan struct{}), make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	go func() { server.ActivateAndServe(); close(ended) }()
	<-started
	t.Cleanup(func() { server.Shutdown(); <-ended })
	return pc.LocalAddr().String()
}
