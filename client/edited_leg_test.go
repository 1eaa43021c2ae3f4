package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"ngrok/conn"
	"ngrok/conn/conntest"
	"ngrok/msg"
)

// rig is an edited leg whose two ends a test plays.
type rig struct {
	t       testing.TB
	leg     *editedLeg
	service *net.TCPConn
	tapped  tapped
}

// tapped keeps what a tap is offered of requests.
type tapped struct {
	ConnTap
	bytes.Buffer
	deliveries int
}

func (t *tapped) Deliver()         { t.deliveries++ }
func (t *tapped) Request(p []byte) { t.Write(p) }

func newRig(t testing.TB, tunnel Tunnel, start *msg.StartProxy, strict bool) *rig {
	t.Helper()
	if tunnel.Local == nil {
		tunnel.Local = map[string]string{"http": "127.0.0.1:3000"}
	}
	if err := tunnel.Validate(); err != nil {
		t.Fatal(err)
	}
	rules, err := newHeadRules(&tunnel, grant{url: "http://a.example:8080", protocol: "http"})
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := conntest.TCPPair(t)
	r := &rig{t: t, service: theirs}
	r.leg = newEditedLeg(conn.NewConn(ours), rules, start, strict, &r.tapped)
	t.Cleanup(r.leg.Release)
	return r
}

// send passes what a visitor sends in pieces of n bytes and returns what the service gets
// until its end.
func (r *rig) send(request string, n int) string {
	r.t.Helper()
	got := make(chan string)
	go func() { b, _ := io.ReadAll(r.service); got <- string(b) }()
	for p := []byte(request); len(p) > 0; {
		m := min(n, len(p))
		if err := r.leg.WritePadded(append(make([]byte, conn.Headroom), p[:m]...)); err != nil {
			r.t.Fatal(err)
		}
		p = p[m:]
	}
	if err := r.leg.CloseWrite(); err != nil {
		r.t.Fatal(err)
	}
	return <-got
}

// respond sends what the service answers and returns what the visitor gets until its end.
func (r *rig) respond(response string, n int) string {
	r.t.Helper()
	go func() {
		for p := []byte(response); len(p) > 0; {
			m := min(n, len(p))
			r.service.Write(p[:m])
			p = p[m:]
		}
		r.service.CloseWrite()
	}()
	var got []byte
	for {
		p, err := r.leg.Next()
		if err == io.EOF {
			return string(got)
		}
		if err != nil {
			r.t.Fatal(err)
		}
		if len(p) == conn.Headroom || len(p) > conn.Headroom+conn.MaxChunk {
			r.t.Fatalf("a frame of %d bytes", len(p)-conn.Headroom)
		}
		got = append(got, p[conn.Headroom:]...)
		copy(p, "xxxx") // the header of a frame
	}
}

func lines(s ...string) string { return strings.Join(s, "\r\n") + "\r\n\r\n" }

func TestRequestHeads(t *testing.T) {
	const host = "Host: a.example:8080"
	told := []string{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: a.example:8080"}
	direct := &msg.StartProxy{ClientAddr: "192.0.2.1:5000"}
	proxied := &msg.StartProxy{ClientAddr: "198.51.100.9:0", Proxy: "192.0.2.1:5000"}
	with := func(line ...string) string { return lines(append(line, told...)...) }
	tests := []struct {
		name     string
		tunnel   Tunnel
		start    *msg.StartProxy
		in, want string
	}{
		{"told of the visitor", Tunnel{}, direct, lines("GET / HTTP/1.1", host), with("GET / HTTP/1.1", host)},
		{"turned off", Tunnel{NoForwardedHeaders: true, HostHeader: "x"}, direct,
			lines("GET / HTTP/1.1", host, "X-Forwarded-For: 1.1.1.1"), lines("GET / HTTP/1.1", "Host: x", "X-Forwarded-For: 1.1.1.1")},
		{"spoofed", Tunnel{}, direct,
			lines("GET / HTTP/1.1", "x-forwarded-FOR: 1.1.1.1", host, "X-Forwarded-For: 2.2.2.2", "X_Forwarded_For: 3.3.3.3",
				"X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X-Forwarded-User: root", "Forwarded: for=1.1.1.1", "X-Real-IP: 1.1.1.1", "A: b"),
			with("GET / HTTP/1.1", host, "A: b")},
		{"names that only look alike", Tunnel{}, direct,
			lines("GET / HTTP/1.1", host, "X-Forwarded: 1", "X-Forwarded-: 2", "Forwarded-For: 3"),
			with("GET / HTTP/1.1", host, "X-Forwarded: 1", "X-Forwarded-: 2", "Forwarded-For: 3")},
		{"taken out again by Connection", Tunnel{}, direct,
			lines("GET / HTTP/1.1", host, "Connection: keep-alive, X-Forwarded-For", "connection: x_forwarded_proto", "A: b"),
			lines("GET / HTTP/1.1", host, "A: b", told[0], told[1], told[2], "Connection: keep-alive")},
		{"taken out by Connection alone", Tunnel{}, direct,
			lines("GET / HTTP/1.1", host, "Connection: X-Forwarded-For"), with("GET / HTTP/1.1", host)},
		{"an added field taken out by Connection", Tunnel{NoForwardedHeaders: true, RequestHeaders: HeaderChanges{Add: []Header{{"X-Key", "k"}}}}, direct,
			lines("GET / HTTP/1.1", host, "Connection: close, x-key"), lines("GET / HTTP/1.1", host, "Connection: close", "X-Key: k")},
		{"Connection as it is", Tunnel{}, direct,
			lines("GET / HTTP/1.1", host, "Connection:  Keep-Alive ,foo"), with("GET / HTTP/1.1", host, "Connection:  Keep-Alive ,foo")},
		{"behind a trusted proxy", Tunnel{}, proxied,
			lines("GET / HTTP/1.1", host, "X-Forwarded-For: 198.51.100.9", "X-Forwarded-Proto: https", "Forwarded: for=x"),
			lines("GET / HTTP/1.1", host, "X-Forwarded-For: 198.51.100.9", "X-Forwarded-Proto: https", "Forwarded: for=x", told[2])},
		{"behind a trusted proxy that tells nothing", Tunnel{}, proxied, lines("GET / HTTP/1.1", host), with("GET / HTTP/1.1", host)},
		{"IPv6", Tunnel{}, &msg.StartProxy{ClientAddr: "[2001:db8::1]:5000"}, lines("GET / HTTP/1.1", host),
			lines("GET / HTTP/1.1", host, "X-Forwarded-For: 2001:db8::1", told[1], told[2])},
		{"visitor unknown", Tunnel{}, &msg.StartProxy{ClientAddr: "?"}, lines("GET / HTTP/1.1", host, "X-Forwarded-For: 1.1.1.1"),
			lines("GET / HTTP/1.1", host, told[1], told[2])},
		{"a server that puts fields in", Tunnel{}, &msg.StartProxy{ClientAddr: "192.0.2.1\r\nX-Evil: 1:5"}, lines("GET / HTTP/1.1", host),
			lines("GET / HTTP/1.1", host, told[1], told[2])},
		{"IPv4 within IPv6, with a zone", Tunnel{}, &msg.StartProxy{ClientAddr: "[::ffff:192.0.2.1%eth0]:5"}, lines("GET / HTTP/1.1", host), with("GET / HTTP/1.1", host)},
		{"host with another port, in capitals", Tunnel{}, direct, lines("GET / HTTP/1.1", "Host: A.example:443"),
			lines("GET / HTTP/1.1", "Host: A.example:443", told[0], told[1], "X-Forwarded-Host: A.example:443")},
		{"another host", Tunnel{}, direct, lines("GET / HTTP/1.1", "Host: evil"), with("GET / HTTP/1.1", "Host: evil")},
		{"no host", Tunnel{}, direct, lines("GET / HTTP/1.0"), with("GET / HTTP/1.0")},
		{"host rewritten", Tunnel{HostHeader: "rewrite"}, direct, lines("GET / HTTP/1.1", host), with("GET / HTTP/1.1", "Host: 127.0.0.1:3000")},
		{"host rewritten, port 80", Tunnel{HostHeader: "rewrite", Local: map[string]string{"http": "localhost:80"}}, direct,
			lines("GET / HTTP/1.1", host), with("GET / HTTP/1.1", "Host: localhost")},
		{"host given", Tunnel{HostHeader: "other:1"}, direct, lines("GET http://a.example/x HTTP/1.1", "Host: a.example"),
			lines("GET http://other:1/x HTTP/1.1", "Host: other:1", told[0], told[1], "X-Forwarded-Host: a.example")},
		{"fields added and removed", Tunnel{RequestHeaders: HeaderChanges{Add: []Header{{"X-Key", "k"}, {"Cookie", "c"}}, Remove: []string{"cookie"}}}, direct,
			lines("GET / HTTP/1.1", host, "Cookie: secret", "A: b"),
			lines("GET / HTTP/1.1", host, "A: b", told[0], told[1], told[2], "X-Key: k", "Cookie: c")},
		{"forwarded fields of one's own", Tunnel{RequestHeaders: HeaderChanges{Add: []Header{{"X-Forwarded-Proto", "https"}}, Remove: []string{"x-forwarded-host"}}}, direct,
			lines("GET / HTTP/1.1", host, "X-Forwarded-Proto: ftp", "X-Forwarded-Host: evil"), lines("GET / HTTP/1.1", host, told[0], "X-Forwarded-Proto: https")},
		{"two requests with bodies", Tunnel{}, direct,
			lines("POST / HTTP/1.1", host, "Content-Length: 5") + "GET /" + lines("POST /2 HTTP/1.1", host, "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n" + lines("GET /3 HTTP/1.1", host),
			with("POST / HTTP/1.1", host, "Content-Length: 5") + "GET /" + with("POST /2 HTTP/1.1", host, "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n" + with("GET /3 HTTP/1.1", host)},
		{"a blank line before", Tunnel{}, direct, "\r\n" + lines("GET / HTTP/1.1", host), "\r\n" + with("GET / HTTP/1.1", host)},
		{"no HTTP", Tunnel{}, direct, "hello\n\n" + lines("GET / HTTP/1.1", host), "hello\n\n" + lines("GET / HTTP/1.1", host)},
		{"two lengths", Tunnel{}, direct, lines("GET / HTTP/1.1", host, "Content-Length: 1", "Content-Length: 2"), lines("GET / HTTP/1.1", host, "Content-Length: 1", "Content-Length: 2")},
		{"a head that does not end", Tunnel{}, direct, "GET / HTTP/1.1\r\nHo", "GET / HTTP/1.1\r\nHo"},
		{"a broken chunk", Tunnel{}, direct, lines("POST / HTTP/1.1", host, "Transfer-Encoding: chunked") + "zz\r\n", with("POST / HTTP/1.1", host, "Transfer-Encoding: chunked") + "zz\r\n"},
	}
	for _, tt := range tests {
		for _, n := range []int{1, 50, conn.MaxChunk} {
			t.Run(fmt.Sprintf("%s by %d", tt.name, n), func(t *testing.T) {
				conntest.NoLeak(t)
				r := newRig(t, tt.tunnel, tt.start, true)
				if got := r.send(tt.in, n); got != tt.want {
					t.Errorf("service got\n%q\nwant\n%q", got, tt.want)
				}
				if got := r.tapped.String(); got != tt.want || (r.tapped.deliveries == 0) != (got == "") {
					t.Errorf("tap got %q after %d deliveries", got, r.tapped.deliveries)
				}
			})
		}
	}
}

func TestLongRequestHead(t *testing.T) {
	long := "X-Long: " + strings.Repeat("x", 60<<10)
	body := strings.Repeat("y", 200<<10)
	in := lines("POST / HTTP/1.1", "Host: a.example", long, fmt.Sprintf("Content-Length: %d", len(body))) + body
	r := newRig(t, Tunnel{}, &msg.StartProxy{ClientAddr: "192.0.2.1:5"}, true)
	got := r.send(in, conn.MaxChunk)
	if !strings.HasSuffix(got, "\r\n\r\n"+body) || !strings.Contains(got, "X-Forwarded-For: 192.0.2.1\r\n") || !strings.Contains(got, long) {
		t.Errorf("service got %d bytes", len(got))
	}
}

func TestResponseHeads(t *testing.T) {
	changes := HeaderChanges{Add: []Header{{"X-New", "1"}}, Remove: []string{"Server"}}
	const get, head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
	long := strings.Repeat("z", 100<<10)
	tests := []struct{ name, requests, in, want string }{
		{"length", get, lines("HTTP/1.1 200 OK", "Server: x", "Content-Length: 3") + "abc", lines("HTTP/1.1 200 OK", "Content-Length: 3", "X-New: 1") + "abc"},
		{"two", get + get, lines("HTTP/1.1 200 OK", "Content-Length: 0") + lines("HTTP/1.1 404 No", "Server: x", "Transfer-Encoding: chunked") + "1\r\na\r\n0\r\n\r\n",
			lines("HTTP/1.1 200 OK", "Content-Length: 0", "X-New: 1") + lines("HTTP/1.1 404 No", "Transfer-Encoding: chunked", "X-New: 1") + "1\r\na\r\n0\r\n\r\n"},
		{"to the end", get, lines("HTTP/1.0 200 OK", "Server: x") + long, lines("HTTP/1.0 200 OK", "X-New: 1") + long},
		{"HEAD, then GET", head + get, lines("HTTP/1.1 200 OK", "Content-Length: 3") + lines("HTTP/1.1 200 OK", "Content-Length: 1") + "a",
			lines("HTTP/1.1 200 OK", "Content-Length: 3", "X-New: 1") + lines("HTTP/1.1 200 OK", "Content-Length: 1", "X-New: 1") + "a"},
		{"interim", get, lines("HTTP/1.1 103 Early", "Server: x") + lines("HTTP/1.1 204 No", "Server: x"),
			lines("HTTP/1.1 103 Early", "Server: x") + lines("HTTP/1.1 204 No", "X-New: 1")},
		{"long body", get, lines("HTTP/1.1 200 OK", "Content-Length: 102400") + long, lines("HTTP/1.1 200 OK", "Content-Length: 102400", "X-New: 1") + long},
		{"long head", get, lines("HTTP/1.1 200 OK", "Server: x", "A: "+long[:65400], "Content-Length: 1") + "a", lines("HTTP/1.1 200 OK", "A: "+long[:65400], "Content-Length: 1", "X-New: 1") + "a"},
		{"no HTTP", get, "hello\n\n", "hello\n\n"},
		{"unasked", get, lines("HTTP/1.1 204 OK") + lines("HTTP/1.1 200 OK", "Server: x"), lines("HTTP/1.1 204 OK", "X-New: 1") + lines("HTTP/1.1 200 OK", "Server: x")},
		{"cut within the head", get, "HTTP/1.1 200 OK\r\nSer", "HTTP/1.1 200 OK\r\nSer"},
		{"nothing", get, "", ""},
	}
	for _, tt := range tests {
		for _, n := range []int{1, 100, 1 << 20} {
			if n == 1 && len(tt.in) > 1<<10 {
				continue
			}
			t.Run(fmt.Sprintf("%s by %d", tt.name, n), func(t *testing.T) {
				conntest.NoLeak(t)
				r := newRig(t, Tunnel{ResponseHeaders: changes}, &msg.StartProxy{}, true)
				r.send(tt.requests, 1<<20)
				if got := r.respond(tt.in, n); got != tt.want {
					t.Errorf("visitor got\n%.300q\nwant\n%.300q", got, tt.want)
				}
			})
		}
	}
}

// TestUpgrade sees to it that nothing is read as HTTP once the connection has left it,
// and everything as long as it has not.
func TestUpgrade(t *testing.T) {
	const ask = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
	const next = "GET /2 HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n"
	for _, strict := range []bool{true, false} {
		for _, accepted := range []bool{true, false} {
			t.Run(fmt.Sprintf("strict %v accepted %v", strict, accepted), func(t *testing.T) {
				conntest.NoLeak(t)
				r := newRig(t, Tunnel{}, &msg.StartProxy{ClientAddr: "192.0.2.1:5"}, strict)
				write := func(s string) {
					if err := r.leg.WritePadded(append(make([]byte, conn.Headroom), s...)); err != nil {
						t.Error(err)
					}
				}
				if !strict { // any other server may send the upgrade behind other requests
					write("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
					go r.service.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
					if _, err := r.leg.Next(); err != nil {
						t.Fatal(err)
					}
				}
				write(ask)
				answer := "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nls"
				if !accepted {
					answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nls"
				}
				go r.service.Write([]byte(answer))
				// The visitor does not wait: what it sends is held until the answer is there.
				done := make(chan struct{})
				go func() { write(next); r.leg.CloseWrite(); close(done) }()
				var got []byte
				for len(got) < len(answer) {
					p, err := r.leg.Next()
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, p[conn.Headroom:]...)
				}
				<-done
				b, _ := io.ReadAll(r.service)
				if string(got) != answer {
					t.Errorf("visitor got %q", got)
				}
				if left := strings.HasSuffix(string(b), next); left != accepted {
					t.Errorf("service got %q", b)
				}
			})
		}
	}
}

// TestUpgradeEnds lets a service go away without an answer.
func TestUpgradeEnds(t *testing.T) {
	conntest.NoLeak(t)
	r := newRig(t, Tunnel{}, &msg.StartProxy{}, true)
	pad := make([]byte, conn.Headroom)
	r.leg.WritePadded(append(pad, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"...))
	done := make(chan error)
	go func() { done <- r.leg.WritePadded(append(pad, "more"...)) }()
	r.service.SetLinger(0)
	r.service.Close()
	if _, err := r.leg.Next(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("end of a service that reset: %v", err)
	}
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("the visitor's side still waits")
	}
}

func TestNothingToChange(t *testing.T) {
	tun := Tunnel{NoForwardedHeaders: true, Local: map[string]string{"http": "127.0.0.1:1"}}
	if r, err := newHeadRules(&tun, grant{url: "http://a", protocol: "http"}); r != nil || err != nil {
		t.Errorf("rules %v, %v", r, err)
	}
}

func FuzzRequestHeads(f *testing.F) {
	f.Add([]byte(lines("POST / HTTP/1.1", "Host: a.example", "Content-Length: 5")+"abcdeGET / HTTP/1.1\r\n\r\n"), 7)
	f.Add([]byte(lines("GET / HTTP/1.1", "Host: a", "Connection: x-forwarded-for, ,")), 3)
	f.Add([]byte("\x00"), 1)
	f.Fuzz(func(t *testing.T, in []byte, n int) {
		rules, err := newHeadRules(&Tunnel{}, grant{url: "http://a.example", protocol: "http"})
		if err != nil {
			t.Fatal(err)
		}
		run := func(n int) string {
			var out bytes.Buffer
			leg := newEditedLeg(conn.NewConn(sink{&out}), rules, &msg.StartProxy{ClientAddr: "192.0.2.1:5"}, true, nil)
			for p := in; len(p) > 0; {
				m := min(n, len(p))
				if leg.requests.upgrade != nil {
					return "" // the answer never comes here
				}
				if err := leg.requests.write(p[:m:m]); err != nil {
					t.Fatal(err)
				}
				p = p[m:]
			}
			leg.requests.flush()
			return out.String()
		}
		whole := run(len(in) + 1)
		if strings.Contains(strings.ToLower(string(in)), "upgrade") {
			return
		}
		if pieces := run(max(n%100, 1)); pieces != whole {
			t.Fatalf("by pieces\n%q\nas a whole\n%q", pieces, whole)
		}
	})
}

// sink is a connection that takes what is written.
type sink struct{ out *bytes.Buffer }

func (s sink) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (s sink) Read([]byte) (int, error)         { return 0, io.EOF }
func (s sink) Close() error                     { return nil }
func (s sink) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s sink) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s sink) SetDeadline(time.Time) error      { return nil }
func (s sink) SetReadDeadline(time.Time) error  { return nil }
func (s sink) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkRequestHead is what the steady state of a connection costs.
func BenchmarkRequestHead(b *testing.B) {
	rules, _ := newHeadRules(&Tunnel{}, grant{url: "http://a.example", protocol: "http"})
	var out bytes.Buffer
	leg := newEditedLeg(conn.NewConn(sink{&out}), rules, &msg.StartProxy{ClientAddr: "192.0.2.1:5"}, true, nil)
	p := []byte(lines("GET /path?query=1 HTTP/1.1", "Host: a.example", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)", "Accept: text/html,*/*;q=0.8",
		"Accept-Encoding: gzip, deflate, br", "Connection: keep-alive", "Cookie: session=0123456789abcdef", "Cache-Control: max-age=0"))
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := leg.requests.write(p); err != nil {
			b.Fatal(err)
		}
	}
}
