package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"ngrok/client"
	"ngrok/conn/conntest"
	"ngrok/server"
	"ngrok/server/auth"
)

// recording is one session of a client and a server that both spoke plain version 2:
// the bytes of each connection's sides, in the pieces in which they were read.
type recording map[int]map[string][][]byte

func loadRecording(t *testing.T) recording {
	t.Helper()
	f, err := os.Open("testdata/version2-session.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec := make(recording)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct {
			Conn int
			From string
			B64  []byte
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if rec[line.Conn] == nil {
			rec[line.Conn] = make(map[string][][]byte)
		}
		if line.B64 != nil {
			rec[line.Conn][line.From] = append(rec[line.Conn][line.From], line.B64)
		}
	}
	return rec
}

// message takes the next message of one side, as it was written.
func (rec recording) message(t *testing.T, conn int, from string) []byte {
	t.Helper()
	pieces := rec[conn][from]
	if len(pieces) < 2 || len(pieces[0]) != 8 || uint64(len(pieces[1])) != binary.LittleEndian.Uint64(pieces[0]) {
		t.Fatalf("connection %d has no more messages of the %s", conn, from)
	}
	rec[conn][from] = pieces[2:]
	return pieces[1]
}

// rest takes what follows the messages of one side.
func (rec recording) rest(conn int, from string) []byte {
	return bytes.Join(rec[conn][from], nil)
}

// playMessage writes a recorded message as version-2 peers do, in two writes.
func playMessage(t *testing.T, w io.Writer, payload []byte) {
	t.Helper()
	if err := binary.Write(w, binary.LittleEndian, int64(len(payload))); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(payload); err != nil {
		t.Fatal(err)
	}
}

func decodePlain(t *testing.T, payload []byte) (m plainMessage) {
	t.Helper()
	if err := json.Unmarshal(payload, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func mustRead(t *testing.T, r io.Reader, kind string) plainFields {
	t.Helper()
	m, err := plainRead(r)
	if err != nil || m.Type != kind {
		t.Fatalf("read %+v, %v; want %s", m, err, kind)
	}
	return m.Payload
}

// TestRecordedClient replays what the recorded client sent to our server.
func TestRecordedClient(t *testing.T) {
	conntest.NoLeak(t)
	rec := loadRecording(t)
	policy, err := auth.NewPolicy(auth.Config{Tokens: []auth.Token{{Name: "user", Hash: auth.HashToken("sesame")}}})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *server.Config) {
		c.Domain = "tunnel.example.com"
		c.Policies = auth.NewPolicies(policy)
	})
	port := conntest.ReservePort(t)
	dial := func() *tls.Conn { return w.dialTunnel() }

	control := dial()
	playMessage(t, control, rec.message(t, 1, "client"))
	resp := mustRead(t, control, "AuthResp")
	if resp.Version != "2" || resp.Error != "" || resp.ClientId == "" {
		t.Fatalf("answer to Auth is %+v", resp)
	}
	mustRead(t, control, "ReqProxy")
	for range 3 {
		playMessage(t, control, bytes.Replace(rec.message(t, 1, "client"), []byte("18022"), []byte(port), 1))
	}
	httpPort, httpsPort := portOf(w.listen.HTTP), portOf(w.listen.HTTPS)
	for _, want := range []plainFields{
		{ReqId: "5839be04191fc220", Protocol: "http", Url: "http://example.tunnel.example.com:" + httpPort},
		{ReqId: "5839be04191fc220", Protocol: "https", Url: "https://example.tunnel.example.com:" + httpsPort},
		{ReqId: "978421ea6627ddb7", Protocol: "http", Url: "http://plain.tunnel.example.com:" + httpPort},
		{ReqId: "281667ed6fd78ea9", Protocol: "tcp", Url: "tcp://tunnel.example.com:" + port},
	} {
		if got := mustRead(t, control, "NewTunnel"); got != want {
			t.Errorf("NewTunnel is %+v, want %+v", got, want)
		}
	}
	for conn := 2; conn <= 4; conn++ {
		proxy := dial()
		reg := bytes.Replace(rec.message(t, conn, "client"), []byte("3d0fe2b8cd7a08ac04fbafb92fd68526"), []byte(resp.ClientId), 1)
		playMessage(t, proxy, reg)
		start := decodePlain(t, rec.message(t, conn, "server")).Payload
		asked, answered := rec.rest(conn, "server"), rec.rest(conn, "client")

		u, err := url.Parse(start.Url)
		if err != nil {
			t.Fatal(err)
		}
		addr := w.listen.HTTP.Addr().String()
		if u.Scheme == "tcp" {
			addr = "127.0.0.1:" + port
		}
		visitor, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer visitor.Close()
		visitor.Write(asked)
		got := mustRead(t, proxy, "StartProxy")
		if gotURL, _ := url.Parse(got.Url); gotURL.Scheme != u.Scheme || gotURL.Hostname() != u.Hostname() {
			t.Errorf("StartProxy is for %s, want %s", got.Url, start.Url)
		}
		if got.ClientAddr != visitor.LocalAddr().String() {
			t.Errorf("ClientAddr is %s, want %s", got.ClientAddr, visitor.LocalAddr())
		}
		mustRead(t, control, "ReqProxy")
		arrived := make([]byte, len(asked))
		if _, err := io.ReadFull(proxy, arrived); err != nil || !bytes.Equal(arrived, asked) {
			t.Errorf("read %q, %v; want %q", arrived, err, asked)
		}
		proxy.Write(answered)
		if u.Scheme == "tcp" {
			proxy.Close()
		}
		b := make([]byte, len(answered))
		if _, err := io.ReadFull(visitor, b); err != nil || !bytes.Equal(b, answered) {
			t.Errorf("visitor read %q, %v; want %q", b, err, answered)
		}
		proxy.Close()
		if u.Scheme == "http" { // its connection may go on with another request
			visitor.(*net.TCPConn).CloseWrite()
		}
		if more, err := readAll(t, visitor); more != "" || err != nil {
			t.Errorf("visitor read %q, %v behind the answer", more, err)
		}
	}
	last := decodePlain(t, rec[1]["client"][len(rec[1]["client"])-1])
	if last.Type != "Ping" {
		t.Fatalf("the recording ends with %s", last.Type)
	}
	playMessage(t, control, rec.message(t, 1, "client"))
	for {
		m, err := plainRead(control)
		if err != nil {
			t.Fatal(err)
		}
		if m.Type == "Pong" {
			break
		}
		if m.Type != "ReqProxy" { // the server may want more than one ahead
			t.Fatalf("read %+v, want Pong", m)
		}
	}
}

// TestRecordedServer replays what the recorded server sent to our client.
func TestRecordedServer(t *testing.T) {
	conntest.NoLeak(t)
	rec := loadRecording(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL, b)
	}))
	defer service.Close()
	echo := echoService(t)
	cert, roots := conntest.Certificate(t, "localhost")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := &world{t: t, roots: roots, logger: testLogger(t)}
	local := service.Listener.Addr().String()
	c := w.startClient(func(c *client.Config) { c.ServerAddr = l.Addr().String(); c.AuthToken = "sesame" },
		client.Tunnel{Name: "a", Subdomain: "example", HTTPAuth: "user:password", Local: map[string]string{"http": local, "https": local}},
		client.Tunnel{Name: "b", Subdomain: "plain", Local: map[string]string{"http": local}},
		client.Tunnel{Name: "c", Subdomain: "echo", RemotePort: 18022, Local: map[string]string{"tcp": echo.String()}})

	control := accepted(t, l)
	if m := mustRead(t, control, "Auth"); m.Version != "2" || m.User != "sesame" || m.ClientId != "" {
		t.Errorf("Auth is %+v", m)
	}
	playMessage(t, control, rec.message(t, 1, "server")) // AuthResp
	playMessage(t, control, rec.message(t, 1, "server")) // ReqProxy
	proxy := accepted(t, l)
	for _, want := range []plainFields{
		{Protocol: "http+https", Subdomain: "example", HttpAuth: "user:password"},
		{Protocol: "http", Subdomain: "plain"},
		{Protocol: "tcp", Subdomain: "echo", RemotePort: 18022},
	} {
		got := mustRead(t, control, "ReqTunnel")
		want.ReqId = got.ReqId
		if got != want {
			t.Errorf("ReqTunnel is %+v, want %+v", got, want)
		}
		for range strings.Split(want.Protocol, "+") {
			recorded := rec.message(t, 1, "server")
			playMessage(t, control, bytes.Replace(recorded, []byte(decodePlain(t, recorded).Payload.ReqId), []byte(got.ReqId), 1))
		}
	}
	conntest.Eventually(t, "the client is online", func() bool { return c.State().Status == client.Online })
	if got, want := c.url("https"), "https://example.tunnel.example.com:28080"; got != want {
		t.Errorf("https URL is %s, want %s", got, want)
	}
	for conn := 2; conn <= 4; conn++ {
		if m := mustRead(t, proxy, "RegProxy"); m.ClientId != "3d0fe2b8cd7a08ac04fbafb92fd68526" {
			t.Errorf("RegProxy is %+v", m)
		}
		playMessage(t, proxy, rec.message(t, conn, "server"))
		asked := rec.rest(conn, "server")
		proxy.Write(asked)
		playMessage(t, control, rec.message(t, 1, "server")) // ReqProxy
		var got string
		if conn == 4 {
			b := make([]byte, len(asked))
			_, err = io.ReadFull(proxy, b)
			got = string(b)
		} else {
			var resp *http.Response
			if resp, err = http.ReadResponse(bufio.NewReader(proxy), nil); err == nil {
				b, _ := io.ReadAll(resp.Body)
				got = string(b)
			}
		}
		if want := []string{"GET /hello ", "POST /form a=1", string(asked)}[conn-2]; got != want || err != nil {
			t.Errorf("the client answered %q, %v; want %q", got, err, want)
		}
		proxy.Close()
		proxy = accepted(t, l)
	}
}

func accepted(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
