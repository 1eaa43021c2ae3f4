package e2e

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"ngrok/conn/conntest"
)

// What stands here plays peers that speak plain protocol version 2 and know nothing of
// our code: they write length and payload apart, read a payload with one call of Read,
// and close a pair of joined connections as soon as one of them has ended.

// plainMessage is any message: the fields of all of them.
type plainMessage struct {
	Type    string
	Payload plainFields
}

type plainFields struct {
	Version, MmVersion, User, Password, OS, Arch, ClientId string
	Error, ReqId, Url, Protocol, Hostname, Subdomain       string
	HttpAuth, ClientAddr                                   string
	RemotePort                                             uint16
}

func plainWrite(w io.Writer, kind string, fields any) error {
	b, err := json.Marshal(map[string]any{"Type": kind, "Payload": fields})
	if err != nil {
		return err
	}
	if err := binary.Write(w, binary.LittleEndian, int64(len(b))); err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func plainRead(r io.Reader) (m plainMessage, err error) {
	var size int64
	if err := binary.Read(r, binary.LittleEndian, &size); err != nil {
		return m, err
	}
	b := make([]byte, size)
	n, err := r.Read(b) // once: what comes in two records is not understood
	if err != nil {
		return m, err
	}
	if int64(n) != size {
		return m, fmt.Errorf("expected to read %d bytes, but only read %d", size, n)
	}
	return m, json.Unmarshal(b, &m)
}

// plainJoin copies both ways until one direction has ended, and closes both.
func plainJoin(a net.Conn, fromA io.Reader, b net.Conn) {
	var wg sync.WaitGroup
	pipe := func(to net.Conn, from net.Conn, r io.Reader) {
		io.Copy(to, r)
		to.Close()
		from.Close()
	}
	wg.Go(func() { pipe(a, b, b) })
	pipe(b, a, fromA)
	wg.Wait()
}

// plainClient is a version-2 client.
type plainClient struct {
	t       testing.TB
	addr    string
	tls     *tls.Config
	control net.Conn
	id      string
	private map[string]string // by protocol
	urls    chan plainFields  // what was granted
	running sync.WaitGroup
}

// startPlainClient opens a session with the tunnel port at addr.
func startPlainClient(t testing.TB, addr string, config *tls.Config, private map[string]string) *plainClient {
	t.Helper()
	c := &plainClient{t: t, addr: addr, tls: config, private: private, urls: make(chan plainFields, 16)}
	c.control = c.dial()
	plainWrite(c.control, "Auth", map[string]any{"Version": "2", "MmVersion": "1.7", "User": "", "Password": "",
		"OS": "linux", "Arch": "amd64", "ClientId": ""})
	m, err := plainRead(c.control)
	if err != nil || m.Type != "AuthResp" || m.Payload.Error != "" || m.Payload.Version != "2" {
		t.Fatalf("answer to Auth is %+v, %v", m, err)
	}
	c.id = m.Payload.ClientId
	c.running.Go(c.read)
	t.Cleanup(func() { c.control.Close(); c.running.Wait() })
	return c
}

func (c *plainClient) dial() net.Conn {
	nc, err := tls.Dial("tcp", c.addr, c.tls)
	if err != nil {
		c.t.Error(err)
		return nil
	}
	return nc
}

func (c *plainClient) read() {
	for {
		m, err := plainRead(c.control)
		if err != nil {
			return
		}
		switch m.Type {
		case "ReqProxy":
			c.running.Go(c.proxy)
		case "NewTunnel":
			if m.Payload.Error != "" {
				c.t.Errorf("tunnel refused: %s", m.Payload.Error)
			}
			c.urls <- m.Payload
		}
	}
}

// open asks for a tunnel and returns its URLs by protocol.
func (c *plainClient) open(protocol, subdomain string) map[string]string {
	plainWrite(c.control, "ReqTunnel", map[string]any{"ReqId": "0123456789abcdef", "Protocol": protocol,
		"Hostname": "", "Subdomain": subdomain, "HttpAuth": "", "RemotePort": 0})
	urls := make(map[string]string)
	for range strings.Split(protocol, "+") {
		m := <-c.urls
		urls[m.Protocol] = m.Url
	}
	return urls
}

func (c *plainClient) proxy() {
	nc := c.dial()
	if nc == nil {
		return
	}
	defer nc.Close()
	plainWrite(nc, "RegProxy", map[string]string{"ClientId": c.id})
	m, err := plainRead(nc)
	if err != nil {
		return // the session has ended
	}
	if m.Type != "StartProxy" || m.Payload.ClientAddr == "" {
		c.t.Errorf("read %+v, want StartProxy", m)
		return
	}
	scheme, _, _ := strings.Cut(m.Payload.Url, ":")
	private, err := net.Dial("tcp", c.private[scheme])
	if err != nil {
		if scheme != "tcp" {
			page := "Failed to connect to " + c.private[scheme] + "\n"
			fmt.Fprintf(nc, "HTTP/1.0 502 Bad Gateway\r\nContent-Length: %d\r\n\r\n%s", len(page), page)
		}
		return
	}
	plainJoin(nc, nc, private)
}

// plainServer is a version-2 server for one client, with one http and one tcp port.
type plainServer struct {
	t               testing.TB
	tunnel, web, tp net.Listener
	proxies         chan net.Conn
	running         sync.WaitGroup

	mu      sync.Mutex
	control net.Conn
	hosts   map[string]string // tunnel URLs by host
	open    map[net.Conn]bool
}

func startPlainServer(t testing.TB) (*plainServer, *tls.Config) {
	cert, roots := conntest.Certificate(t, "localhost")
	s := &plainServer{t: t, proxies: make(chan net.Conn, 100), hosts: make(map[string]string), open: make(map[net.Conn]bool)}
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	s.tunnel, s.web, s.tp = tls.NewListener(listen(), &tls.Config{Certificates: []tls.Certificate{cert}}), listen(), listen()
	s.accept(s.tunnel, s.peer)
	s.accept(s.web, s.visitHTTP)
	s.accept(s.tp, s.visitTCP)
	t.Cleanup(func() {
		for _, l := range []net.Listener{s.tunnel, s.web, s.tp} {
			l.Close()
		}
		s.mu.Lock()
		for nc := range s.open {
			nc.Close()
		}
		s.mu.Unlock()
		s.running.Wait()
	})
	return s, &tls.Config{RootCAs: roots, ServerName: "localhost"}
}

func (s *plainServer) accept(l net.Listener, handle func(net.Conn)) {
	s.running.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open[nc] = true
			s.mu.Unlock()
			s.running.Go(func() { handle(nc) })
		}
	})
}

func (s *plainServer) peer(nc net.Conn) {
	m, err := plainRead(nc)
	if err != nil {
		nc.Close()
		return
	}
	if m.Type == "RegProxy" {
		s.proxies <- nc
		return
	}
	s.mu.Lock()
	s.control = nc
	s.mu.Unlock()
	plainWrite(nc, "AuthResp", map[string]string{"Version": "2", "MmVersion": "1.7", "ClientId": "c1", "Error": ""})
	plainWrite(nc, "ReqProxy", struct{}{})
	for {
		m, err := plainRead(nc)
		if err != nil {
			return
		}
		switch m.Type {
		case "Ping":
			plainWrite(nc, "Pong", struct{}{})
		case "ReqTunnel":
			for _, protocol := range strings.Split(m.Payload.Protocol, "+") {
				url := "tcp://" + s.tp.Addr().String()
				if protocol != "tcp" {
					_, port, _ := net.SplitHostPort(s.web.Addr().String())
					host := m.Payload.Subdomain + ".localhost:" + port
					url = protocol + "://" + host
					s.mu.Lock()
					s.hosts[host] = "http://" + host
					s.mu.Unlock()
				}
				plainWrite(nc, "NewTunnel", map[string]string{"ReqId": m.Payload.ReqId, "Url": url, "Protocol": protocol, "Error": ""})
			}
		}
	}
}

// visitHTTP looks at the host of the first request alone.
func (s *plainServer) visitHTTP(nc net.Conn) {
	defer nc.Close()
	var seen strings.Builder
	r := bufio.NewReader(io.TeeReader(nc, &seen))
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	s.mu.Lock()
	url, ok := s.hosts[req.Host]
	s.mu.Unlock()
	if !ok {
		fmt.Fprintf(nc, "HTTP/1.0 404 Not Found\r\n\r\nTunnel %s not found\n", req.Host)
		return
	}
	s.carry(url, nc, io.MultiReader(strings.NewReader(seen.String()), nc))
}

func (s *plainServer) visitTCP(nc net.Conn) {
	defer nc.Close()
	s.carry("tcp://"+s.tp.Addr().String(), nc, nc)
}

func (s *plainServer) carry(url string, public net.Conn, r io.Reader) {
	proxy := <-s.proxies
	s.mu.Lock()
	plainWrite(s.control, "ReqProxy", struct{}{})
	s.mu.Unlock()
	if err := plainWrite(proxy, "StartProxy", map[string]string{"Url": url, "ClientAddr": public.RemoteAddr().String()}); err != nil {
		s.t.Error(err)
		return
	}
	plainJoin(public, r, proxy)
}
