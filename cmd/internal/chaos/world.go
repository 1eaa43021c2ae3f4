//go:build linux

package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"ngrok/cmd/internal/chaos/faultnet"
	"ngrok/cmd/internal/chaos/load"
)

// diskSize is how large the disks of programs are, for logs and data.
const diskSize = 64 << 20

// world is a server, its sites and their clients.
type world struct {
	dir        string
	net        *faultnet.Network
	jailed     bool
	roots      *x509.CertPool
	certFile   string
	keyFile    string
	bin        string
	tunnelPort string
	httpPort   string
	httpsPort  string
	tcpPort    int // of site 0; the others follow

	server  *program
	clients []*program
	service []services // of each site

	mu       sync.Mutex
	findings []string
}

// services are the private listeners of a site.
type services struct{ web, raw net.Listener }

// newWorld makes all but starts none of the programs.
func newWorld(o options) (_ *world, err error) {
	parent := ""
	if o.jailed {
		// A disk that goes with the jail: not even a kill -9 leaves anything behind.
		parent = "/mnt"
		if err := faultnet.MountTmpfs(parent, diskSize); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(parent, "chaos-")
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, jailed: o.jailed, bin: o.bin,
		tunnelPort: "4443", httpPort: "8080", httpsPort: "8443", tcpPort: 20000}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if o.jailed {
		w.net, err = faultnet.Namespaces(o.sites, o.mtu, w.tunnelPort, o.seed)
	} else {
		if err = w.freePorts(o.sites); err != nil {
			return nil, err
		}
		w.net, err = faultnet.Proxies(o.sites, w.tunnelPort, o.seed)
	}
	if err != nil {
		return nil, err
	}
	addrs := []net.IP{net.IPv4(127, 0, 0, 1)}
	for _, s := range w.net.Sites {
		host, _, _ := net.SplitHostPort(s.ServerAddr)
		addrs = append(addrs, net.ParseIP(host))
	}
	if w.certFile, w.keyFile, w.roots, err = makeCertificate(dir, addrs); err != nil {
		return nil, err
	}
	if w.server, err = w.newServer(); err != nil {
		return nil, err
	}
	for i := range w.net.Sites {
		if err := w.addSite(i); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// freePorts chooses ports in a row that nobody uses, for a world on loopback. They are
// below those that systems give to anybody who asks for none: while the server is down,
// nobody sits on them by accident.
func (w *world) freePorts(sites int) error {
	const lowest, highest = 12_000, 20_000
	n := 3 + sites
	for range 100 {
		first := lowest + rand.IntN(highest-lowest-n)
		if allFree(first, n) {
			w.tunnelPort, w.httpPort, w.httpsPort = strconv.Itoa(first), strconv.Itoa(first+1), strconv.Itoa(first+2)
			w.tcpPort = first + 3
			return nil
		}
	}
	return fmt.Errorf("no %d free ports in a row found between %d and %d", n, lowest, highest)
}

func allFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		defer l.Close()
	}
	return true
}

// disk makes a directory for a program, on a small disk of its own where possible.
func (w *world) disk(name string) (string, error) {
	dir := filepath.Join(w.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	if w.jailed {
		return dir, faultnet.MountTmpfs(dir, diskSize)
	}
	return dir, nil
}

func (w *world) newServer() (*program, error) {
	dir, err := w.disk("server")
	if err != nil {
		return nil, err
	}
	host := "127.0.0.1"
	if w.jailed {
		host = "0.0.0.0"
	}
	p := &program{name: "ngrokd", died: w.note, leash: !w.jailed, start: (*exec.Cmd).Start}
	p.make = func() *exec.Cmd {
		cmd := exec.Command(filepath.Join(w.bin, "ngrokd"), "-open", "-domain", "localhost",
			"-tunnelAddr", host+":"+w.tunnelPort, "-httpAddr", "127.0.0.1:"+w.httpPort, "-httpsAddr", "127.0.0.1:"+w.httpsPort,
			"-tcpHost", "127.0.0.1", "-tlsCrt", w.certFile, "-tlsKey", w.keyFile, "-dataDir", filepath.Join(dir, "data"),
			"-log", filepath.Join(dir, "log"), "-grace", "2s")
		cmd.Env = []string{"HOME=" + dir}
		return cmd
	}
	return p, nil
}

// addSite opens the private services of a site and prepares its client: every second
// one knows the plain protocol only.
func (w *world) addSite(i int) (err error) {
	site := w.net.Sites[i]
	name := fmt.Sprintf("site%d", i)
	dir, err := w.disk(name)
	if err != nil {
		return err
	}
	var s services
	if s.web, err = site.Listen(); err != nil {
		return err
	}
	if s.raw, err = site.Listen(); err != nil {
		return err
	}
	w.service = append(w.service, s)
	p := &program{name: name, died: w.note, leash: !w.jailed, start: site.Start}
	port := strconv.Itoa(w.tcpPort + i)
	if i%2 == 1 {
		p.name += " (plain)"
		p.make = func() *exec.Cmd {
			return exec.Command("/proc/self/exe", plainCommand, "-server", site.ServerAddr, "-ca", w.certFile,
				"-subdomain", name, "-web", s.web.Addr().String(), "-raw", s.raw.Addr().String(), "-port", port,
				"-identity", "anon-"+strings.Repeat(strconv.Itoa(i%10), 32), "-log", filepath.Join(dir, "log"))
		}
	} else {
		config := filepath.Join(dir, "ngrok.yml")
		err := os.WriteFile(config, fmt.Appendf(nil, `server_addr: %s
root_ca: %s
inspect_addr: disabled
tunnels:
  web: {subdomain: %s, proto: {http: "%s", https: "%[4]s"}}
  raw: {remote_port: %s, proto: {tcp: "%s"}}
`, site.ServerAddr, w.certFile, name, s.web.Addr(), port, s.raw.Addr()), 0o600)
		if err != nil {
			return err
		}
		p.make = func() *exec.Cmd {
			cmd := exec.Command(filepath.Join(w.bin, "ngrok"), "-config", config, "-log", filepath.Join(dir, "log"),
				"-grace", "1s", "start-all")
			cmd.Env = []string{"HOME=" + dir, "XDG_STATE_HOME=" + dir}
			return cmd
		}
	}
	w.clients = append(w.clients, p)
	return nil
}

// start starts all programs.
func (w *world) start() error {
	for _, p := range w.programs() {
		if err := p.run(); err != nil {
			return err
		}
	}
	return nil
}

// programs returns the server and the clients.
func (w *world) programs() []*program {
	return append([]*program{w.server}, w.clients...)
}

// linkPort returns the port by which a program's links are known: of programs() the one
// with that index.
func (w *world) linkPort(i int) string {
	if i == 0 {
		return w.tunnelPort
	}
	_, port, _ := net.SplitHostPort(w.net.Sites[i-1].ServerAddr)
	return port
}

// public returns where the services of the sites are reached.
func (w *world) public() []load.Public {
	var ps []load.Public
	for i := range w.net.Sites {
		ps = append(ps, load.Public{
			TCP:   net.JoinHostPort("127.0.0.1", strconv.Itoa(w.tcpPort+i)),
			HTTP:  fmt.Sprintf("http://site%d.localhost:%s", i, w.httpPort),
			HTTPS: fmt.Sprintf("https://site%d.localhost:%s", i, w.httpsPort),
		})
	}
	return ps
}

// tls is for visitors.
func (w *world) tls() *tls.Config { return &tls.Config{RootCAs: w.roots} }

// note records what must never happen to a program.
func (w *world) note(msg string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.findings = append(w.findings, msg)
}

// notes returns what was recorded.
func (w *world) notes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.findings
}

// close ends the programs and removes all traces.
func (w *world) close() {
	var wg sync.WaitGroup
	if w.server != nil {
		for _, p := range w.programs() {
			wg.Go(func() { p.end(syscall.SIGKILL) })
		}
	}
	wg.Wait()
	for _, s := range w.service {
		s.web.Close()
		s.raw.Close()
	}
	if w.net != nil {
		w.net.Close()
	}
	if w.jailed { // small disks would be busy
		for _, p := range w.disks() {
			syscall.Unmount(p, syscall.MNT_DETACH)
		}
	}
	os.RemoveAll(w.dir)
}

// disks returns the directories of the server and the sites.
func (w *world) disks() []string {
	dirs := []string{filepath.Join(w.dir, "server")}
	for i := range w.clients {
		dirs = append(dirs, filepath.Join(w.dir, fmt.Sprintf("site%d", i)))
	}
	return dirs
}

// keepLogs copies the programs' logs.
func (w *world) keepLogs(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, d := range w.disks() {
		b, err := os.ReadFile(filepath.Join(d, "log"))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(d)+".log"), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// waitUsable waits until a visitor reaches the services of a site.
func (w *world) waitUsable(site int, limit time.Duration) (time.Duration, error) {
	return newProbe(w, site).until(limit)
}
