package e2e

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
)

// service is a private service that a test scripts on the level of bytes.
type service struct {
	net.Listener
	wait sync.WaitGroup
	mu   sync.Mutex
	open []net.Conn
}

// newService accepts connections and hands each to handle, which need not close it.
func newService(t testing.TB, handle func(*serviceConn)) *service {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{Listener: l}
	s.wait.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open = append(s.open, nc)
			s.mu.Unlock()
			s.wait.Go(func() {
				defer nc.Close()
				handle(&serviceConn{TCPConn: nc.(*net.TCPConn), t: t, r: bufio.NewReader(nc)})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for _, nc := range s.open {
			nc.Close()
		}
		s.mu.Unlock()
		s.wait.Wait()
	})
	return s
}

// serviceConn is one connection to a service.
type serviceConn struct {
	*net.TCPConn
	t testing.TB
	r *bufio.Reader
}

// request reads a request with its body; nil at the end.
func (c *serviceConn) request() *http.Request {
	r, err := http.ReadRequest(c.r)
	if err != nil {
		return nil
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil
	}
	r.Body = io.NopCloser(strings.NewReader(string(b)))
	return r
}

func (c *serviceConn) say(s string) { io.WriteString(c, s) }

func (c *serviceConn) reset() {
	c.SetLinger(0)
	c.Close()
}

// ok answers with a body of that text.
func (c *serviceConn) ok(text string) {
	c.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text))
}

// echoHTTP answers each request with its method, target and body.
func echoHTTP(c *serviceConn) {
	for r := c.request(); r != nil; r = c.request() {
		b, _ := io.ReadAll(r.Body)
		if r.Method == "HEAD" {
			c.say("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n")
			continue
		}
		c.ok(fmt.Sprintf("[%s %s %s]", r.Method, r.RequestURI, b))
	}
}

// web is a world with an http tunnel for each of some services.
type web struct {
	*world
	client *runningClient
}

// visit is a visitor's connection on the level of bytes.
type visit struct {
	*net.TCPConn
	t testing.TB
	r *bufio.Reader
}

// newWeb opens a tunnel of that name for each service; one whose name begins with
// "locked" wants user:password.
func newWeb(t testing.TB, edit func(*client.Config), services map[string]func(*serviceConn)) *web {
	t.Helper()
	w := newWorld(t, nil)
	var tunnels []client.Tunnel
	for name, handle := range services {
		tunnel := httpTunnel(name, newService(t, handle).Addr())
		if strings.HasPrefix(name, "locked") {
			tunnel.HTTPAuth = "user:password"
		}
		tunnels = append(tunnels, tunnel)
	}
	return &web{world: w, client: w.runClient(edit, tunnels...)}
}

func (w *web) visit() *visit {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.listen.HTTP.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return &visit{TCPConn: nc.(*net.TCPConn), t: w.t, r: bufio.NewReader(nc)}
}

func (v *visit) say(s string) {
	v.t.Helper()
	if _, err := io.WriteString(v, s); err != nil {
		v.t.Fatal(err)
	}
}

// request returns a GET for the tunnel with that name, with more fields.
func request(name, path string, fields ...string) string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s.localhost\r\n%s\r\n", path, name, strings.Join(append(fields, ""), "\r\n"))
}

// response reads one response to a request of that method.
func (v *visit) response(method string) (status int, body string) {
	v.t.Helper()
	resp, err := http.ReadResponse(v.r, &http.Request{Method: method})
	if err != nil {
		v.t.Fatalf("read response: %v", err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatalf("read body after %q: %v", b, err)
	}
	return resp.StatusCode, string(b)
}

// want reads one response to a GET and fails unless it is this one.
func (v *visit) want(status int, body string) {
	v.t.Helper()
	got, text := v.response("GET")
	if got != status || !strings.Contains(text, body) {
		v.t.Fatalf("response is %d %q, want %d %q", got, text, status, body)
	}
}

// rest reads all that comes until the end.
func (v *visit) rest() (string, error) {
	v.t.Helper()
	b, err := io.ReadAll(v.r)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		v.t.Fatalf("no end after %q", b)
	}
	return string(b), err
}

// ended fails unless the connection ends in an orderly way with nothing more in it.
func (v *visit) ended() {
	v.t.Helper()
	if rest, err := v.rest(); rest != "" || err != nil {
		v.t.Errorf("read %q, %v; want the end", rest, err)
	}
}

const password = "Authorization: Basic dXNlcjpwYXNzd29yZA=="

// TestRequestsOfOneConnection sends requests for several tunnels, right and wrong ones,
// one after another and all at once. Each must be answered by whom it is for, in order.
func TestRequestsOfOneConnection(t *testing.T) {
	if password != "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("user:password")) {
		t.Fatal("wrong password")
	}
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		w := newWeb(t, edit, map[string]func(*serviceConn){"a": echoHTTP, "b": echoHTTP, "locked": echoHTTP})
		type exchange struct {
			request, method string
			status          int
			body            string
		}
		post := "POST /p HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 5\r\n\r\nhello"
		chunked := "POST /c HTTP/1.1\r\nHost: b.localhost\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
		exchanges := []exchange{
			{request("a", "/1"), "GET", 200, "[GET /1 ]"},
			{request("a", "/2"), "GET", 200, "[GET /2 ]"},
			{request("locked", "/3"), "GET", 401, "Authorization required"},
			{request("locked", "/4", password), "GET", 200, "[GET /4 ]"},
			{request("a", "/5"), "GET", 200, "[GET /5 ]"},
			{request("nobody", "/6"), "GET", 404, "Tunnel nobody.localhost not found"},
			{post, "POST", 200, "[POST /p hello]"},
			{chunked, "POST", 200, "[POST /c abcde]"},
			{"HEAD /h HTTP/1.1\r\nHost: a.localhost\r\n\r\n", "HEAD", 200, ""},
			{request("locked", "/7", "Authorization: Basic d3Jvbmc6d3Jvbmc="), "GET", 401, ""},
			{strings.Replace(post, "a.localhost", "nobody.localhost", 1), "POST", 404, ""},
			{strings.Replace(chunked, "b.localhost", "locked.localhost", 1), "POST", 401, ""},
			{request("b", "/8"), "GET", 200, "[GET /8 ]"},
			{"\r\nGET /9 HTTP/1.1\r\nHost: A.LocalHost.:80\r\n\r\n", "GET", 200, "[GET /9 ]"},
		}
		check := func(v *visit, e exchange) {
			t.Helper()
			if status, body := v.response(e.method); status != e.status || !strings.Contains(body, e.body) {
				t.Fatalf("%q: %d %q, want %d %q", e.request, status, body, e.status, e.body)
			}
		}
		v := w.visit()
		for range 3 {
			for _, e := range exchanges {
				v.say(e.request)
				check(v, e)
			}
		}
		var all strings.Builder
		for _, e := range exchanges {
			all.WriteString(e.request)
		}
		for _, step := range []int{all.Len(), 1, 7, 100} {
			v := w.visit()
			go func() {
				for s := all.String(); s != ""; {
					n := min(step, len(s))
					io.WriteString(v, s[:n])
					s = s[n:]
				}
			}()
			for _, e := range exchanges {
				check(v, e)
			}
		}
	})
}

// TestManyPipelined sends more requests at once than are sent on before an answer.
func TestManyPipelined(t *testing.T) {
	conntest.NoLeak(t)
	w := newWeb(t, nil, map[string]func(*serviceConn){"a": echoHTTP})
	v := w.visit()
	const count = 500
	go func() {
		for i := range count {
			io.WriteString(v, request("a", fmt.Sprint("/", i)))
		}
		v.CloseWrite()
	}()
	for i := range count {
		v.want(200, fmt.Sprintf("[GET /%d ]", i))
	}
	v.ended()
}

// TestSmuggling sends requests that two programs could read differently. None may reach
// the service.
func TestSmuggling(t *testing.T) {
	conntest.NoLeak(t)
	reached := make(chan string, 100)
	w := newWeb(t, nil, map[string]func(*serviceConn){"a": func(c *serviceConn) {
		for r := c.request(); r != nil; r = c.request() {
			reached <- r.RequestURI
			c.ok("served")
		}
	}})
	post := func(fields, body string) string {
		return "POST /first HTTP/1.1\r\nHost: a.localhost\r\n" + fields + "\r\n" + body
	}
	hidden := request("a", "/hidden")
	for name, bytes := range map[string]string{
		"CL and TE":            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+hidden),
		"TE and CL":            post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"+hidden),
		"two CL":               post("Content-Length: 0\r\nContent-Length: 50\r\n", hidden),
		"same CL twice":        post("Content-Length: 0\r\nContent-Length: 0\r\n", hidden),
		"CL list":              post("Content-Length: 0, 50\r\n", hidden),
		"CL sign":              post("Content-Length: +0\r\n", hidden),
		"TE identity":          post("Transfer-Encoding: identity\r\n", hidden),
		"TE list":              post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"+hidden),
		"TE twice":             post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"+hidden),
		"TE quoted":            post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"+hidden),
		"TE vertical tab":      post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"+hidden),
		"TE space before":      post("Transfer-Encoding : chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"+hidden),
		"TE folded":            post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"+hidden),
		"TE with underscore":   post("Transfer_Encoding: chunked\r\n", "0\r\n\r\n"+hidden),
		"TE in 1.0":            "POST /first HTTP/1.0\r\nHost: a.localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"bare LF":              "GET /first HTTP/1.1\nHost: a.localhost\n\n" + hidden,
		"bare CR":              "GET /first HTTP/1.1\r\nHost: a.localhost\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n" + hidden,
		"two hosts":            "GET /first HTTP/1.1\r\nHost: a.localhost\r\nHost: b.localhost\r\n\r\n" + hidden,
		"no host":              "GET /first HTTP/1.1\r\n\r\n" + hidden,
		"absolute other":       "GET http://b.localhost/first HTTP/1.1\r\nHost: a.localhost\r\n\r\n" + hidden,
		"CONNECT":              "CONNECT a.localhost:80 HTTP/1.1\r\nHost: a.localhost\r\n\r\n" + hidden,
		"zero byte":            "GET /first HTTP/1.1\r\nHost: a.localhost\r\nX: \x00\r\n\r\n" + hidden,
		"chunk size sign":      post("Transfer-Encoding: chunked\r\n", "+0\r\n\r\n"+hidden),
		"chunk size 0x":        post("Transfer-Encoding: chunked\r\n", "0x0\r\n\r\n"+hidden),
		"chunk size too big":   post("Transfer-Encoding: chunked\r\n", "10000000000000000\r\n"+hidden),
		"chunk bare LF":        post("Transfer-Encoding: chunked\r\n", "0\n\n"+hidden),
		"chunk longer":         post("Transfer-Encoding: chunked\r\n", "1\r\nab\r\n0\r\n\r\n"+hidden),
		"trailer with framing": post("Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 40\r\n\r\n"+hidden),
	} {
		t.Run(name, func(t *testing.T) {
			v := w.visit()
			v.t = t
			v.say(bytes)
			resp, err := http.ReadResponse(v.r, nil)
			if err != nil || resp.StatusCode != 400 {
				t.Fatalf("answer is %v, %v; want a 400", resp, err)
			}
			io.Copy(io.Discard, resp.Body)
			v.ended()
		})
	}
	select {
	case target := <-reached:
		t.Errorf("the service was reached: %s", target)
	default:
	}
	v := w.visit()
	v.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	v.ended()
}

// TestUnsolicitedBytes has a service send more than it was asked for. Nobody may see it.
func TestUnsolicitedBytes(t *testing.T) {
	evil := "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for name, handle := range map[string]func(*serviceConn){
		"with the answer": func(c *serviceConn) {
			c.request()
			c.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood" + evil)
			c.request()
		},
		"after the answer": func(c *serviceConn) {
			c.request()
			c.ok("good")
			c.say(evil)
			c.request()
		},
		"a body to HEAD's length": func(c *serviceConn) {
			c.request()
			c.say("HTTP/1.1 204 No Content\r\nContent-Length: 100\r\n\r\n" + evil)
			c.request()
		},
	} {
		t.Run(name, func(t *testing.T) {
			forModes(t, func(t *testing.T, edit func(*client.Config)) {
				conntest.NoLeak(t)
				w := newWeb(t, edit, map[string]func(*serviceConn){"a": handle, "b": echoHTTP})
				for range 5 {
					v := w.visit()
					v.say(request("a", "/"))
					v.response("GET")
					// More requests: the answer must not be what lay ready.
					io.WriteString(v, request("b", "/own", "Connection: close"))
					if rest, _ := v.rest(); strings.Contains(rest, "evil") {
						t.Fatalf("the visitor was given %q", rest)
					}
				}
			})
		})
	}
}

// TestCutResponse has a service break off. The visitor must see that something is missing.
func TestCutResponse(t *testing.T) {
	heads := map[string]string{
		"Content-Length": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
		"chunked":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"within a chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nhalf",
	}
	ends := map[string]func(*serviceConn){
		"end":   func(*serviceConn) {},
		"reset": (*serviceConn).reset,
	}
	for head, bytes := range heads {
		for end, finish := range ends {
			t.Run(head+" "+end, func(t *testing.T) {
				forModes(t, func(t *testing.T, edit func(*client.Config)) {
					conntest.NoLeak(t)
					taken := make(chan struct{})
					w := newWeb(t, edit, map[string]func(*serviceConn){"a": func(c *serviceConn) {
						c.request()
						c.say(bytes)
						<-taken
						finish(c)
					}})
					v := w.visit()
					v.say(request("a", "/"))
					resp, err := http.ReadResponse(v.r, nil)
					if err != nil {
						t.Fatal(err)
					}
					half := make([]byte, 4)
					if _, err := io.ReadFull(resp.Body, half); err != nil || string(half) != "half" {
						t.Fatalf("read %q, %v", half, err)
					}
					close(taken)
					if b, err := io.ReadAll(resp.Body); err == nil {
						t.Errorf("the body seems complete, with %q", b)
					}
				})
			})
		}
	}
	// Without a length only a reset can tell.
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		taken := make(chan bool)
		w := newWeb(t, edit, map[string]func(*serviceConn){"a": func(c *serviceConn) {
			c.request()
			c.say("HTTP/1.0 200 OK\r\n\r\nhalf")
			if <-taken {
				c.reset()
			}
		}})
		for _, cut := range []bool{false, true} {
			v := w.visit()
			v.say(request("a", "/"))
			resp, err := http.ReadResponse(v.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			io.ReadFull(resp.Body, make([]byte, 4))
			taken <- cut
			if _, err := io.ReadAll(resp.Body); (err != nil) != cut {
				t.Errorf("cut %v: the body ends with %v", cut, err)
			}
		}
	})
}

// TestEarlyAnswer answers before the upload is complete and closes.
func TestEarlyAnswer(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		w := newWeb(t, edit, map[string]func(*serviceConn){"a": func(c *serviceConn) {
			http.ReadRequest(c.r)
			c.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
			c.CloseWrite()
			io.CopyN(io.Discard, c.r, 64<<10)
		}})
		for _, size := range []int{1 << 10, 1 << 20, 64 << 20} {
			v := w.visit()
			v.say(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: %d\r\n\r\n", size))
			go io.CopyN(v, zeros{}, int64(size/2)) // never all of it
			v.want(413, "big")
		}
	})
}

// TestContinue asks whether a body is wanted.
func TestContinue(t *testing.T) {
	conntest.NoLeak(t)
	w := newWeb(t, nil, map[string]func(*serviceConn){
		"yes": func(c *serviceConn) {
			for {
				r, err := http.ReadRequest(c.r)
				if err != nil {
					return
				}
				c.say("HTTP/1.1 100 Continue\r\n\r\n")
				b, _ := io.ReadAll(r.Body)
				c.ok(string(b))
			}
		},
		"no": func(c *serviceConn) {
			http.ReadRequest(c.r)
			c.say("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			c.CloseWrite()
			io.Copy(io.Discard, c.r)
		},
	})
	ask := "POST / HTTP/1.1\r\nHost: %s.localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
	v := w.visit()
	for range 3 {
		v.say(fmt.Sprintf(ask, "yes"))
		line, err := v.r.ReadString('\n')
		v.r.ReadString('\n')
		if line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("read %q, %v", line, err)
		}
		v.say("body")
		v.want(200, "body")
	}
	for _, name := range []string{"no", "nobody"} {
		v := w.visit()
		v.say(fmt.Sprintf(ask, name))
		if status, _ := v.response("POST"); status < 400 {
			t.Errorf("%s: %d", name, status)
		}
		v.ended()
	}
}

// TestChunkedWithTrailers passes chunks and trailers on as they are.
func TestChunkedWithTrailers(t *testing.T) {
	conntest.NoLeak(t)
	answer := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n4;a=b\r\nwiki\r\n0\r\nSum: 42\r\n\r\n"
	w := newWeb(t, nil, map[string]func(*serviceConn){"a": func(c *serviceConn) {
		for c.request() != nil {
			c.say(answer)
		}
	}})
	v := w.visit()
	for range 3 {
		v.say(request("a", "/"))
		b := make([]byte, len(answer))
		if _, err := io.ReadFull(v.r, b); err != nil || string(b) != answer {
			t.Fatalf("read %q, %v", b, err)
		}
	}
}

// TestOldHTTP keeps and closes connections of HTTP/1.0 visitors as they ask for.
func TestOldHTTP(t *testing.T) {
	conntest.NoLeak(t)
	w := newWeb(t, nil, map[string]func(*serviceConn){"a": func(c *serviceConn) {
		for r := c.request(); r != nil; r = c.request() {
			if r.Header.Get("Connection") != "keep-alive" {
				c.say("HTTP/1.0 200 OK\r\n\r\nold")
				return
			}
			c.say("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nkept")
		}
	}})
	v := w.visit()
	for range 3 {
		v.say("GET / HTTP/1.0\r\nHost: a.localhost\r\nConnection: keep-alive\r\n\r\n")
		v.want(200, "kept")
	}
	v.say("GET / HTTP/1.0\r\nHost: a.localhost\r\n\r\n")
	v.want(200, "old")
	v.ended()
}

// TestHeadLimits sends a head without end, and one that is slow.
func TestHeadLimits(t *testing.T) {
	t.Run("endless", func(t *testing.T) {
		conntest.NoLeak(t)
		w := newWeb(t, nil, map[string]func(*serviceConn){"a": echoHTTP})
		for name, piece := range map[string]string{"line": "GET /" + strings.Repeat("a", 4096), "fields": "X: y\r\n"} {
			v := w.visit()
			if name == "fields" {
				v.say("GET / HTTP/1.1\r\nHost: a.localhost\r\n")
			}
			sent := 0
			for ; sent < 16<<20; sent += len(piece) {
				if _, err := io.WriteString(v, piece); err != nil {
					break
				}
			}
			if sent >= 16<<20 {
				t.Errorf("%s: the server took %d bytes", name, sent)
			}
		}
	})
	t.Run("slow", func(t *testing.T) {
		t.Parallel()
		w := newWeb(t, nil, map[string]func(*serviceConn){"a": echoHTTP})
		t0 := time.Now()
		v := w.visit()
		v.say("GET / HTTP/1.1\r\nHost: a.loc")
		v.want(408, "")
		v.ended()
		if d := time.Since(t0); d > 40*time.Second {
			t.Errorf("after %v", d)
		}
	})
}

// TestEvents sees each event before the service sends the next one.
func TestEvents(t *testing.T) {
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		conntest.NoLeak(t)
		seen := make(chan struct{})
		w := newWeb(t, edit, map[string]func(*serviceConn){"a": func(c *serviceConn) {
			c.request()
			c.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
			for range 10 {
				c.say("9\r\ndata: x\n\n\r\n")
				<-seen
			}
			c.say("0\r\n\r\n")
		}})
		v := w.visit()
		v.say(request("a", "/"))
		resp, err := http.ReadResponse(v.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := io.ReadFull(resp.Body, make([]byte, 9)); err != nil {
				t.Fatal(err)
			}
			seen <- struct{}{}
		}
		if b, err := io.ReadAll(resp.Body); len(b) > 0 || err != nil {
			t.Errorf("%q, %v", b, err)
		}
	})
}

// TestUpgrade leaves HTTP, or does not.
func TestUpgrade(t *testing.T) {
	ask := request("a", "/ws", "Connection: Upgrade", "Upgrade: websocket")
	accept := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	forModes(t, func(t *testing.T, edit func(*client.Config)) {
		reuse := edit == nil
		run := func(name string, handle func(*serviceConn), f func(t *testing.T, w *web, v *visit)) {
			t.Run(name, func(t *testing.T) {
				conntest.NoLeak(t)
				w := newWeb(t, edit, map[string]func(*serviceConn){"a": handle, "b": echoHTTP})
				v := w.visit()
				v.t = t
				v.say(request("b", "/before"))
				v.want(200, "[GET /before ]")
				v.say(ask)
				f(t, w, v)
			})
		}
		switched := func(v *visit) {
			v.t.Helper()
			b := make([]byte, len(accept))
			if _, err := io.ReadFull(v.r, b); err != nil || string(b) != accept {
				v.t.Fatalf("read %q, %v", b, err)
			}
		}
		run("accepted", func(c *serviceConn) {
			c.request()
			c.say(accept + "first")
			io.Copy(c, c.r)
			c.CloseWrite()
		}, func(t *testing.T, _ *web, v *visit) {
			switched(v)
			v.say(request("nobody", "/opaque") + "\x00\xff")
			v.CloseWrite()
			if !reuse {
				io.Copy(io.Discard, v.r)
				return
			}
			if rest, err := v.rest(); rest != "first"+request("nobody", "/opaque")+"\x00\xff" || err != nil {
				t.Errorf("read %q, %v", rest, err)
			}
		})
		run("refused", func(c *serviceConn) {
			c.request()
			c.ok("no")
			echoHTTP(c)
		}, func(t *testing.T, _ *web, v *visit) {
			v.want(200, "no")
			v.say(request("a", "/after"))
			v.want(200, "[GET /after ]")
			v.say(request("b", "/after"))
			v.want(200, "[GET /after ]")
		})
		run("reset by the service", func(c *serviceConn) {
			c.request()
			c.say(accept)
			c.r.ReadByte()
			c.reset()
		}, func(t *testing.T, _ *web, v *visit) {
			switched(v)
			v.say("x")
			if rest, err := v.rest(); err == nil {
				t.Errorf("read %q and a regular end", rest)
			}
		})
		gone := make(chan error, 1)
		run("reset by the visitor", func(c *serviceConn) {
			c.request()
			c.say(accept)
			_, err := io.ReadAll(c.r)
			gone <- err
		}, func(t *testing.T, _ *web, v *visit) {
			switched(v)
			v.SetLinger(0)
			v.Close()
			if err := <-gone; err == nil {
				t.Error("the service saw a regular end")
			}
		})
		run("ended by the service", func(c *serviceConn) {
			c.request()
			c.say(accept + "bye")
		}, func(t *testing.T, _ *web, v *visit) {
			switched(v)
			if rest, err := v.rest(); rest != "bye" || err != nil {
				t.Errorf("read %q, %v", rest, err)
			}
		})
	})
}

// TestVisitorGone has visitors leave while the service is still thinking. The service
// must learn of it, or it works for nobody.
func TestVisitorGone(t *testing.T) {
	for name, ask := range map[string]string{
		"kept alive": request("a", "/"),
		"last":       request("a", "/", "Connection: close"),
		"HTTP/1.0":   "GET / HTTP/1.0\r\nHost: a.localhost\r\n\r\n",
		"upgrade":    request("a", "/", "Connection: Upgrade", "Upgrade: websocket"),
		"upload":     "POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 10\r\n\r\nhalf",
	} {
		for end, leave := range map[string]func(*visit){
			"end":   func(v *visit) { v.Close() },
			"reset": func(v *visit) { v.SetLinger(0); v.Close() },
		} {
			t.Run(name+" "+end, func(t *testing.T) {
				forModes(t, func(t *testing.T, edit func(*client.Config)) {
					conntest.NoLeak(t)
					came, left := make(chan struct{}), make(chan struct{})
					w := newWeb(t, edit, map[string]func(*serviceConn){"a": func(c *serviceConn) {
						http.ReadRequest(c.r)
						close(came)
						io.Copy(io.Discard, c.r)
						close(left)
					}})
					v := w.visit()
					v.say(ask)
					<-came
					leave(v)
					select {
					case <-left:
					case <-time.After(patience):
						t.Error("the service does not learn that its visitor has left")
					}
				})
			})
		}
	}
}

// TestSlowReader reads a large answer slowly, which must keep its bytes and nobody else
// from theirs.
func TestSlowReader(t *testing.T) {
	conntest.NoLeak(t)
	const size = 8 << 20
	w := newWeb(t, nil, map[string]func(*serviceConn){"a": func(c *serviceConn) {
		for c.request() != nil {
			c.say("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(size) + "\r\n\r\n")
			io.CopyN(c, zeros{}, size)
		}
	}, "b": echoHTTP})
	slow := w.visit()
	slow.say(request("a", "/"))
	fast := w.visit()
	for i := range 50 {
		fast.say(request("b", fmt.Sprint("/", i)))
		fast.want(200, fmt.Sprintf("/%d", i))
	}
	resp, err := http.ReadResponse(slow.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	// One that never reads on and leaves.
	lazy := w.visit()
	lazy.say(request("a", "/"))
	lazy.r.ReadByte()
	lazy.SetLinger(0)
	lazy.Close()
}
