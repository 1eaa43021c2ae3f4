package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
)

// TestTLSTunnel leaves TLS to the private service, and its certificate.
func TestTLSTunnel(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		cert, roots := conntest.Certificate(t, "own.localhost")
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				nc, err := l.Accept()
				if err != nil {
					return
				}
				go func() { io.Copy(nc, nc); nc.Close() }()
			}
		}()
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ended at the edge") }))
		defer web.Close()

		w := newWorld(t, nil)
		own := client.Tunnel{Name: "own", Subdomain: "own", HTTPSRedirect: edit == nil,
			Local: map[string]string{"tls": l.Addr().String(), "http": web.Listener.Addr().String()}}
		c := w.runClient(edit, own, httpTunnel("other", web.Listener.Addr()))
		port := portOf(w.listen.HTTPS)
		if want := "tls://own.localhost:" + port; c.url("tls") != want {
			t.Errorf("URL %q, want %q", c.url("tls"), want)
		}
		for _, name := range []string{"own.localhost", "OWN.localhost"} {
			nc, err := tls.Dial("tcp", w.listen.HTTPS.Addr().String(), &tls.Config{RootCAs: roots, ServerName: name})
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(nc, "hello")
			nc.CloseWrite()
			if b, err := io.ReadAll(nc); string(b) != "hello" || err != nil {
				t.Errorf("%s: %q, %v", name, b, err)
			}
			nc.Close()
		}
		// The other names are the server's; a Host that belongs to a tls tunnel is unknown there.
		if status, body := get(t, w.visitor(), "https://other.localhost:"+port); status != 200 || body != "ended at the edge" {
			t.Errorf("other name: %d %q", status, body)
		}
		nc, err := tls.Dial("tcp", w.listen.HTTPS.Addr().String(), &tls.Config{RootCAs: w.roots, ServerName: "other.localhost"})
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		io.WriteString(nc, "GET / HTTP/1.1\r\nHost: own.localhost\r\nConnection: close\r\n\r\n")
		if b, err := io.ReadAll(nc); !strings.HasPrefix(string(b), "HTTP/1.1 404 ") || err != nil {
			t.Errorf("Host of the tls tunnel: %q, %v", b, err)
		}
		if edit == nil {
			v := dialRaw(t, w.listen.HTTP.Addr())
			v.send("GET /x HTTP/1.1\r\nHost: own.localhost\r\n\r\n")
			if resp, _ := v.answer("GET"); resp.Header.Get("Location") != "https://own.localhost:"+port+"/x" {
				t.Errorf("%d to %q", resp.StatusCode, resp.Header.Get("Location"))
			}
		}
	})
}

func TestTLSTunnelOptions(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, trustLoopback)
	echo := echoService(t)
	tun := client.Tunnel{Name: "own", Subdomain: "own", Local: map[string]string{"tls": echo.String()}, AllowCIDRs: []string{"192.0.2.0/24"}, ProxyProto: 1}
	c := w.runClient(nil, tun)
	// What the service gets is what comes back: the PROXY header, then the ClientHello.
	for source, served := range map[string]bool{"192.0.2.1": true, "198.51.100.1": false} {
		v := dialRaw(t, w.listen.HTTPS.Addr())
		v.send("PROXY TCP4 " + source + " 127.0.0.1 5 443\r\n")
		go tls.Client(v.Conn, &tls.Config{ServerName: "own.localhost", InsecureSkipVerify: true}).Handshake()
		b := make([]byte, 128)
		n, err := io.ReadAtLeast(v.Conn, b, 64)
		if line, rest, _ := strings.Cut(string(b[:n]), "\r\n"); served && (!strings.HasPrefix(line, "PROXY TCP4 192.0.2.1 ") || !strings.HasPrefix(rest, "\x16\x03")) {
			t.Errorf("%s: service got %q, %v", source, b[:n], err)
		}
		if !served && err == nil {
			t.Errorf("%s was let in", source)
		}
		v.Close()
	}
	if c.url("tls") == "" {
		t.Error("no URL")
	}
}

// TestNamesAcrossTLS gives a name to one owner, whatever the protocol, and the https port
// of it to one tunnel.
func TestNamesAcrossTLS(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	addr := "127.0.0.1:1"
	as := func(identity string) func(*client.Config) {
		return func(c *client.Config) { c.Identity = identity }
	}
	first := w.runClient(as("ann"), client.Tunnel{Name: "a", Subdomain: "name", Local: map[string]string{"tls": addr}})
	for _, protocol := range []string{"http", "https", "tls"} {
		c := w.startClient(as("bob"), client.Tunnel{Name: "b", Subdomain: "name", Local: map[string]string{protocol: addr}})
		<-c.done
		if c.err == nil || !strings.Contains(c.err.Error(), "taken") {
			t.Errorf("%s of another owner: %v", protocol, c.err)
		}
	}
	w.runClient(as("ann"), client.Tunnel{Name: "c", Subdomain: "name", Local: map[string]string{"https": addr}})
	conntest.Eventually(t, "the tls tunnel has let go", func() bool { return first.url("tls") == "" })
}

func TestPlainHTTPOnTheTLSPort(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	for name, tt := range map[string]struct {
		in   string
		want string // how the answer begins; "" for no HTTP
	}{
		"request":          {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
		"long request":     {"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000), "HTTP/1.1 400 "},
		"half a request":   {"DELETE /", "HTTP/1.1 400 "},
		"garbage":          {"\x00\x01\x02\x03\x04\x05\x06\x07", ""},
		"lower case":       {"hello there, this is no TLS\n", ""},
		"half a hello":     {"\x16\x03\x01\x02\x00\x01\x00", ""},
		"a hello too long": {"\x16\x03\x01\xff\xff\x01\x00\xff\xff" + strings.Repeat("x", 20000), ""},
		"an alert":         {"\x15\x03\x01\x00\x02\x01\x00", ""},
		"nothing":          {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := net.Dial("tcp", w.listen.HTTPS.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(patience))
			go func() {
				io.WriteString(nc, tt.in)
				nc.(*net.TCPConn).CloseWrite()
			}()
			b, _ := io.ReadAll(nc)
			if tt.want == "" && strings.HasPrefix(string(b), "HTTP") || !strings.HasPrefix(string(b), tt.want) {
				t.Errorf("answered %q", b)
			}
			if tt.want != "" && !strings.Contains(string(b), "https://") {
				t.Errorf("the answer gives no hint: %q", b)
			}
		})
	}
}

// TestHelloInPieces sends a ClientHello byte by byte, to a tls tunnel and to the server.
func TestHelloInPieces(t *testing.T) {
	conntest.NoLeak(t)
	w := newWorld(t, nil)
	cert, roots := conntest.Certificate(t, "own.localhost")
	service := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "own") }))
	service.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	service.StartTLS()
	defer service.Close()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "edge") }))
	defer web.Close()
	w.runClient(nil, client.Tunnel{Name: "own", Subdomain: "own", Local: map[string]string{"tls": service.Listener.Addr().String()}},
		httpTunnel("other", web.Listener.Addr()))
	for name, trust := range map[string]*x509.CertPool{"own": roots, "other": w.roots} {
		nc, err := net.Dial("tcp", w.listen.HTTPS.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c := tls.Client(slowly{nc}, &tls.Config{RootCAs: trust, ServerName: name + ".localhost"})
		io.WriteString(c, "GET / HTTP/1.0\r\nHost: "+name+".localhost\r\n\r\n")
		want := map[string]string{"own": "own", "other": "edge"}[name]
		if b, err := io.ReadAll(c); !strings.HasSuffix(string(b), want) || err != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		c.Close()
	}
}

// slowly is a connection that sends each byte by itself.
type slowly struct{ net.Conn }

func (s slowly) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := s.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}
