//go:build linux

package programs

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The command lines that people know work as they stand, but for the ports, which are
// free ones here, and what a server wants that strangers can reach.
func TestProgramsKnownLines(t *testing.T) {
	web, ssh := named(t, "web"), greeting(t, "ssh")
	s := &site{t: t}
	home := t.TempDir()
	// Not on loopback alone, as on a real host: so it wants a token.
	s.server = s.programIn(home, nil, "ngrokd", "-domain=tunnel.example.com", "-httpAddr=:0", "-httpsAddr=:0", "-tunnelAddr=127.0.0.1:0", "-dataDir="+filepath.Join(home, "data"))
	address := func(name string) string { return s.server.find(t, `msg="?listening"? for=`+name+` addr=(\S+)`) }
	tunnelAddr := address("clients")
	_, httpPort, _ := net.SplitHostPort(address(`"http visitors"`))
	_, httpsPort, _ := net.SplitHostPort(address(`"https visitors"`))

	// The printed file is pasted as it is; only a name that no resolver knows here is
	// replaced by the address.
	pasted := s.server.find(t, `(?s)--- ngrok.yml\n(.*?)--- end`)
	_, port, _ := net.SplitHostPort(tunnelAddr)
	pasted = strings.Replace(pasted, "server_addr: tunnel.example.com:"+port, "server_addr: "+tunnelAddr, 1)
	pasted += "inspect_addr: disabled\n"
	token := regexp.MustCompile(`auth_token: (\S+)`).FindStringSubmatch(pasted)[1]
	write(t, home, "debug.yml", pasted)
	write(t, home, ".ngrok", pasted+"tunnels:\n  www:\n    proto: {http: \""+web+"\"}\n  ssh:\n    proto: {tcp: \""+ssh+"\"}\n")
	start := func(args ...string) *tunnel {
		t.Helper()
		return &tunnel{s.programIn(home, in(home), "ngrok", args...), t}
	}
	visitor := local(t)

	t.Run("ngrok -subdomain example -config=debug.yml -log=ngrok.log 8888", func(t *testing.T) {
		c := start("-subdomain", "example", "-config=debug.yml", "-log=ngrok.log", web)
		if got, want := c.url("http"), "http://example.tunnel.example.com:"+httpPort; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got, want := c.url("https"), "https://example.tunnel.example.com:"+httpsPort; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		ca, err := os.ReadFile(filepath.Join(home, "data", "tls", "tunnel.example.com", "ca.crt"))
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca)
		trusting := local(t)
		trusting.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
		if !answers(visitor, c.url("http"), "web") || !answers(trusting, c.url("https"), "web") {
			t.Error("no answer")
		}
		log, err := os.ReadFile(filepath.Join(home, "ngrok.log"))
		if err != nil || !strings.Contains(string(log), c.url("http")) {
			t.Errorf("the log: %s %v", log, err)
		}
		c.kill()
	})
	t.Run("ngrok -proto=tcp 22", func(t *testing.T) {
		c := start("-proto=tcp", ssh)
		if url := c.url("tcp"); !strings.HasPrefix(url, "tcp://tunnel.example.com:") || !greets(url, "ssh") {
			t.Errorf("%s does not lead to the service", url)
		}
		c.kill()
	})
	t.Run(`ngrok -httpauth="user:password" 8080`, func(t *testing.T) {
		c := start("-httpauth=user:password", web)
		if url := c.url("http"); answers(visitor, url, "web") || !answers(visitor, strings.Replace(url, "://", "://user:password@", 1), "web") {
			t.Errorf("%s: the password is not what lets visitors in", url)
		}
		c.kill()
	})
	t.Run("ngrok start www ssh", func(t *testing.T) {
		c := start("start", "www", "ssh")
		if url := c.url("http"); url != "http://www.tunnel.example.com:"+httpPort || !answers(visitor, url, "web") || !greets(c.url("tcp"), "ssh") {
			t.Errorf("%s and %s do not lead to the services", url, c.url("tcp"))
		}
		c.kill()
	})
	t.Run("ngrok -authtoken=TOKEN 8080", func(t *testing.T) {
		path := write(t, home, "other.yml", "# mine\n"+regexp.MustCompile(`auth_token: .*\n`).ReplaceAllString(pasted, ""))
		c := start("-config=other.yml", "-authtoken="+token, web)
		c.url("http")
		eventually(t, "the token is saved", func() bool {
			b, err := os.ReadFile(path)
			return err == nil && strings.Contains(string(b), "auth_token: "+token) && strings.HasPrefix(string(b), "# mine\n")
		})
		c.kill()
	})
	t.Run("ngrok list", func(t *testing.T) {
		if p := start("list"); p.end(t) != 0 || p.text() != "www\nssh\n" {
			t.Errorf("%q", p.text())
		}
	})
}
