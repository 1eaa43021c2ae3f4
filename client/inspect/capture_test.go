package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ngrok/client"
)

var testInfo = client.ConnInfo{
	Tunnel:      "web",
	PublicURL:   "http://web.example.com",
	Protocol:    "http",
	LocalAddr:   "127.0.0.1:8080",
	VisitorAddr: "192.0.2.1:1234",
}

// traffic is what passes on one connection.
type traffic struct {
	name           string
	req, res       string
	reqErr, resErr error
	options        Options
	want           []string // of dump, in the order of arrival
}

var errReset = errors.New("connection reset by peer")

var captureTests = []traffic{
	{
		name: "request without body",
		req:  "GET /a?b=c HTTP/1.1\r\nHost: web.example.com\r\n\r\n",
		res:  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		want: []string{`http GET /a?b=c HTTP/1.1 200 "OK"; req "" 0; res "hello" 5`},
	},
	{
		name: "keep-alive and pipelining",
		req: "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" +
			"\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n" +
			"GET /3 HTTP/1.1\r\nHost: h\r\n\r\n",
		res: "HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\n1" +
			"HTTP/1.1 204 No Content\r\n\r\n" +
			"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n33",
		want: []string{
			`http POST /1 HTTP/1.1 201 "Created"; req "abc" 3; res "1" 1`,
			`http GET /2 HTTP/1.1 204 "No Content"; req "" 0; res "" 0`,
			`http GET /3 HTTP/1.1 404 "Not Found"; req "" 0; res "33" 2`,
		},
	},
	{
		name: "responses without a body despite a length",
		req: "HEAD /1 HTTP/1.1\r\nHost: h\r\n\r\n" +
			"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n" +
			"GET /3 HTTP/1.1\r\nHost: h\r\n\r\n",
		res: "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" +
			"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n" +
			"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3",
		want: []string{
			`http HEAD /1 HTTP/1.1 200 "OK"; req "" 0; res "" 0`,
			`http GET /2 HTTP/1.1 304 "Not Modified"; req "" 0; res "" 0`,
			`http GET /3 HTTP/1.1 200 "OK"; req "" 0; res "3" 1`,
		},
	},
	{
		name: "interim responses",
		req:  "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
		res: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\n" +
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		want: []string{`http PUT / HTTP/1.1 200 "OK"; req "ok" 2; res "" 0; interim "HTTP/1.1 100 Continue" []; interim "HTTP/1.1 103 Early Hints" [{Link </s>}]`},
	},
	{
		name: "chunks with extensions and trailers",
		req:  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n",
		res:  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\nA: b\r\nC: d\r\n\r\n",
		want: []string{`http POST / HTTP/1.1 200 "OK"; req "abcde" 5 trailer [{X-Sum 1}]; res "z" 1 trailer [{A b} {C d}]`},
	},
	{
		name: "body that ends with the connection",
		req:  "GET / HTTP/1.0\r\n\r\n",
		res:  "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it",
		want: []string{`http GET / HTTP/1.0 200 "OK"; req "" 0; res "all of it" 9`},
	},
	{
		name:   "body that ends with a reset",
		req:    "GET / HTTP/1.0\r\n\r\n",
		res:    "HTTP/1.0 200 OK\r\n\r\npart",
		resErr: errReset,
		want:   []string{`http GET / HTTP/1.0 200 "OK"; req "" 0; res "part" 4 incomplete; error: the response was cut off after 4 bytes: connection reset by peer`},
	},
	{
		name: "response cut off",
		req:  "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		res:  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
		want: []string{`http GET / HTTP/1.1 200 "OK"; req "" 0; res "half" 4 incomplete; error: the response was cut off after 4 of 10 bytes`},
	},
	{
		name: "no response",
		req:  "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		want: []string{`http GET / HTTP/1.1 0 ""; req "" 0; res "" 0 incomplete; error: the service ended the connection without a response`},
	},
	{
		name: "request cut off",
		req:  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf",
		res:  "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
		want: []string{`http POST / HTTP/1.1 400 "Bad Request"; req "half" 4 incomplete; res "" 0; error: the request was cut off after 4 of 10 bytes`},
	},
	{
		name: "request head cut off",
		req:  "GET / HTTP/1.1\r\nHo",
		res:  "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n",
		want: []string{`raw   HTTP/1.1 408 "Request Timeout"; req "GET / HTTP/1.1\r\nHo" 18; res "" 0; note: the request could not be read: it ended before its head was complete`},
	},
	{
		name: "not HTTP at all",
		req:  "\x16\x03\x01\x02\x04\x01",
		res:  "\x15\x03\x01\x00\x02\x02\x28",
		want: []string{`raw    0 ""; req "\x16\x03\x01\x02\x04\x01" 6; res "\x15\x03\x01\x00\x02\x02(" 7; note: the request could not be read: this port speaks plain HTTP: use http:// instead of https:// in the address; note: the response could not be read: it does not begin with HTTP/`},
	},
	{
		name: "response is not HTTP",
		req:  "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		res:  "SSH-2.0-OpenSSH\r\n",
		want: []string{`http GET / HTTP/1.1 0 ""; req "" 0; res "SSH-2.0-OpenSSH\r\n" 17 incomplete; error: the response is not HTTP/1; note: the response could not be read: it does not begin with HTTP/`},
	},
	{
		name: "broken chunk",
		req:  "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		res:  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nnonsense",
		want: []string{`http GET / HTTP/1.1 200 "OK"; req "" 0; res "ok" 10 incomplete; error: the body of the response is broken: the line with the size of a chunk does not start with a number; note: after byte 54 of the response, what follows is shown as it came`},
	},
	{
		name: "request behind a broken response",
		req:  "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
		res:  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		want: []string{
			`http GET /1 HTTP/1.1 200 "OK"; req "" 0; res "" 39 incomplete; error: the body of the response is broken: the line with the size of a chunk does not start with a number; note: after byte 47 of the response, what follows is shown as it came`,
			`http GET /2 HTTP/1.1 0 ""; req "" 0; res "" 0 incomplete; error: its response could not be found behind one that could not be read`,
		},
	},
	{
		name: "response without a request",
		res:  "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
		want: []string{`http   HTTP/1.1 408 "Request Timeout"; req "" 0 incomplete; res "" 0; note: the service sent this without a request that could be read`},
	},
	{
		name:    "body over the cap",
		req:     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789GET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
		res:     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\nT: v\r\n\r\nHTTP/1.1 204 X\r\n\r\n",
		options: Options{BodySize: 4},
		want: []string{
			`http POST / HTTP/1.1 200 "OK"; req "0123" 10 truncated; res "abcd" 6 truncated trailer [{T v}]`,
			`http GET /2 HTTP/1.1 204 "X"; req "" 0; res "" 0`,
		},
	},
	{
		name: "upgrade that is not accepted",
		req:  "GET /1 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
		res:  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2",
		want: []string{
			`http GET /1 HTTP/1.1 200 "OK"; req "" 0; res "1" 1`,
			`http GET /2 HTTP/1.1 200 "OK"; req "" 0; res "2" 1`,
		},
	},
	{
		name: "upgrade to another protocol",
		req:  "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nping",
		res:  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\npong!",
		want: []string{`upgrade GET / HTTP/1.1 101 "Switching Protocols"; req "ping" 4; res "pong!" 5`},
	},
	{
		name: "websocket",
		req: "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n" +
			"\x81\x85\x01\x02\x03\x04igohn" + // "hello"
			"\x01\x82\x00\x00\x00\x00ab\x89\x80\x00\x00\x00\x00\x80\x81\x00\x00\x00\x00c",
		res: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" +
			"\x82\x02\x00\xff\x8a\x00\x88\x05\x03\xe8bye",
		want: []string{`websocket GET /ws HTTP/1.1 101 "Switching Protocols"; req "" 0; res "" 0; ` +
			`in text "hello" 5/1; in ping "" 0/1; in text "abc" 3/2; out binary "\x00\xff" 2/1; out pong "" 0/1; out close "\x03\xe8bye" 5/1 1000 "bye"`},
	},
	{
		name: "event stream",
		req:  "GET /events HTTP/1.1\r\nHost: h\r\n\r\n",
		res: "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"9\r\ndata: one\r\n2\r\n\r\n\r\n1\r\n\n\r\n1d\r\nevent: x\ndata: a\ndata:b\nid: 7\r\n2\r\n\n\n\r\n" +
			"7\r\n: ping\n\r\n1\r\n\n\r\n0\r\n\r\n",
		want: []string{`events GET /events HTTP/1.1 200 "OK"; req "" 0; res "data: one\r\n\nevent: x\ndata: a\ndata:b\nid: 7\n\n: ping\n\n" 51; ` +
			`event message "one"; event x "a\nb" id 7; event  "" comment "ping"`},
	},
}

// dump describes an exchange without its times, and checks what always holds.
// TestTimesOfEarlyResponses has the service answer before the request was shown: the
// times are those of when the bytes passed.
func TestTimesOfEarlyResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		tap := s.Open(testInfo)
		for n := range 2 {
			begin := time.Now()
			tap.Deliver()
			time.Sleep(3 * time.Millisecond)
			tap.Response([]byte("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"))
			time.Sleep(2 * time.Millisecond)
			tap.Response([]byte("cd"))
			time.Sleep(time.Second)
			tap.Request(fmt.Appendf(nil, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", n))
			r := s.List(ListOptions{Limit: 1}).Rows[0]
			if !r.Start.Equal(begin) || r.FirstByte.Sub(begin) != 3*time.Millisecond || r.Duration != 5*time.Millisecond {
				t.Errorf("%s: began %v late, first byte after %v, took %v", r.Path, r.Start.Sub(begin), r.FirstByte.Sub(begin), r.Duration)
			}
		}
		tap.Close()
	})
}

func dump(t *testing.T, e *Exchange) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %s %d %q", e.Kind, e.Method, e.Target, e.Proto, e.Status, e.Reason)
	for i, m := range []*Message{&e.Request, &e.Response} {
		fmt.Fprintf(&b, "; %s %q %d", []string{"req", "res"}[i], m.Body, m.BodySize)
		if m.Truncated {
			b.WriteString(" truncated")
		}
		if !m.Complete {
			b.WriteString(" incomplete")
		}
		if len(m.Trailer) > 0 {
			fmt.Fprintf(&b, " trailer %v", m.Trailer)
		}
		if m.HeadSize > len(m.Raw) || int64(len(m.Raw)) > m.Size {
			t.Errorf("message %d: head of %d, raw of %d, size of %d bytes", i, m.HeadSize, len(m.Raw), m.Size)
		}
	}
	for _, m := range e.Interim {
		fmt.Fprintf(&b, "; interim %q %v", m.StartLine, m.Header)
	}
	// The two directions of a websocket are not ordered between each other.
	slices.SortStableFunc(e.Messages, func(a, b WSMessage) int { return strings.Compare(string(a.Dir), string(b.Dir)) })
	for _, m := range e.Messages {
		fmt.Fprintf(&b, "; %s %s %q %d/%d", m.Dir, m.Type, m.Payload, m.Size, m.Fragments)
		if m.Code != 0 {
			fmt.Fprintf(&b, " %d %q", m.Code, m.Reason)
		}
		if m.Note != "" {
			fmt.Fprintf(&b, " (%s)", m.Note)
		}
	}
	for _, v := range e.Events {
		fmt.Fprintf(&b, "; event %s %q", v.Type, v.Data)
		if v.ID != "" {
			fmt.Fprintf(&b, " id %s", v.ID)
		}
		if v.Comment != "" {
			fmt.Fprintf(&b, " comment %q", v.Comment)
		}
	}
	if e.MessagesDropped+e.EventsDropped > 0 {
		fmt.Fprintf(&b, "; dropped: %d messages, %d events", e.MessagesDropped, e.EventsDropped)
	}
	if e.Error != "" {
		fmt.Fprintf(&b, "; error: %s", e.Error)
	}
	for _, n := range e.Notes {
		fmt.Fprintf(&b, "; note: %s", n)
	}
	if e.Open || e.End.IsZero() {
		b.WriteString("; open")
	}
	if e.Start.After(e.End) || !e.FirstByte.IsZero() && e.FirstByte.After(e.End) {
		t.Errorf("times: start %v, first byte %v, end %v", e.Start, e.FirstByte, e.End)
	}
	return b.String()
}

// exchanges returns all exchanges of a store, oldest first.
func exchanges(t testing.TB, s *Store) []*Exchange {
	t.Helper()
	var all []*Exchange
	for _, row := range slices.Backward(s.List(ListOptions{Limit: 1 << 20}).Rows) {
		e, err := s.Exchange(row.ID)
		if err != nil {
			t.Fatalf("exchange %s of the list: %v", row.ID, err)
		}
		all = append(all, e)
	}
	return all
}

// play gives the traffic to a new store, cut and interleaved by choose, which returns a
// number below n.
func (x traffic) play(t testing.TB, choose func(n int) int) *Store {
	t.Helper()
	s := New(x.options)
	tap := s.Open(testInfo)
	req, res := []byte(x.req), []byte(x.res)
	reqOpen, resOpen := true, true
	for reqOpen || resOpen {
		if reqOpen && (!resOpen || choose(2) == 0) {
			if len(req) == 0 {
				tap.RequestEnd(x.reqErr)
				reqOpen = false
				continue
			}
			n := 1 + choose(len(req))
			tap.Request(bytes.Clone(req[:n]))
			req = req[n:]
			continue
		}
		if len(res) == 0 {
			tap.ResponseEnd(x.resErr)
			resOpen = false
			continue
		}
		n := 1 + choose(len(res))
		tap.Response(bytes.Clone(res[:n]))
		res = res[n:]
	}
	tap.Close()
	return s
}

func (x traffic) check(t *testing.T, how string, choose func(n int) int) {
	t.Helper()
	var got []string
	for _, e := range exchanges(t, x.play(t, choose)) {
		got = append(got, dump(t, e))
	}
	if !slices.Equal(got, x.want) {
		t.Fatalf("%s:\n got %s\nwant %s", how, strings.Join(got, "\n     "), strings.Join(x.want, "\n     "))
	}
}

func TestCapture(t *testing.T) {
	for _, x := range captureTests {
		t.Run(x.name, func(t *testing.T) {
			all := func(n int) int {
				if n == 2 {
					return 0 // the request first
				}
				return n - 1
			}
			x.check(t, "at once", all)
			x.check(t, "byte by byte", func(int) int { return 0 })
			if x.name == "request head cut off" {
				return // whether the end or the response is seen first makes a difference
			}
			x.check(t, "response first", func(n int) int { return n - 1 })
			for seed := range uint64(300) {
				r := rand.New(rand.NewPCG(seed, 1))
				x.check(t, fmt.Sprintf("seed %d", seed), r.IntN)
			}
		})
	}
}
