package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ngrok/conn/conntest"
)

// pebble is an ACME server on loopback: the one by which Let's Encrypt tests clients.
type pebble struct {
	directory string         // URL
	caFile    string         // vouches for the directory
	roots     *x509.CertPool // vouch for what it issues
	httpPort  int            // where it looks for HTTP-01 and
	tlsPort   int            // TLS-ALPN-01
	stop      func()

	command    []string
	management string         // URL
	trust      *x509.CertPool // vouches for the program itself

	mu  sync.Mutex
	log bytes.Buffer
}

// newPebble starts an ACME server that resolves names by z and issues certificates that
// live so long. The test is skipped where the program is missing.
func newPebble(t testing.TB, z *zone, life time.Duration) *pebble {
	t.Helper()
	program, err := exec.LookPath("pebble")
	if err != nil {
		t.Skip("pebble is not installed (Debian package pebble, or go install github.com/letsencrypt/pebble/v2/cmd/pebble@latest)")
	}
	dir := t.TempDir()
	own, roots := conntest.Certificate(t, "127.0.0.1")
	p := &pebble{caFile: filepath.Join(dir, "ca.pem"), httpPort: reservePort(t), tlsPort: reservePort(t)}
	keyDER, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{
		p.caFile: {Type: "CERTIFICATE", Bytes: own.Certificate[0]},
		keyFile:  {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := conntest.Reserve(t)
	management := conntest.Reserve(t)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress":             address,
		"managementListenAddress":   management,
		"certificate":               p.caFile,
		"privateKey":                keyFile,
		"httpPort":                  p.httpPort,
		"tlsPort":                   p.tlsPort,
		"ocspResponderURL":          "",
		"certificateValidityPeriod": int(life.Seconds()),
	}})
	if err != nil {
		t.Fatal(err)
	}
	configFile := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(configFile, config, 0o600); err != nil {
		t.Fatal(err)
	}
	p.command = []string{program, "-config", configFile, "-dnsserver", z.addr, "-strict"}
	p.directory = "https://" + address + "/dir"
	p.management = "https://" + management
	p.trust = roots
	p.start(t)
	return p
}

// start runs the program, which remembers nothing of an earlier run.
func (p *pebble) start(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, p.command[0], p.command[1:]...)
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=10")
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	p.stop = sync.OnceFunc(func() { cancel(); cmd.Wait() })
	t.Cleanup(p.stop)

	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.trust}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	p.roots = x509.NewCertPool()
	conntest.Eventually(t, "pebble is up", func() bool {
		resp, err := client.Get(p.management + "/roots/0")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		root, err := io.ReadAll(resp.Body)
		return err == nil && p.roots.AppendCertsFromPEM(root)
	})
}

// Write takes the program's log.
func (p *pebble) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

// orders returns how many certificates were asked for.
func (p *pebble) orders() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Count(p.log.String(), "Added order")
}

// said returns the program's log.
func (p *pebble) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// reservePort returns a port of loopback that is nobody else's while the test runs.
func reservePort(t testing.TB) int {
	t.Helper()
	port, err := strconv.Atoi(conntest.ReservePort(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}
