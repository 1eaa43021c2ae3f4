package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// ours is what this package makes of the first request in a stream.
type ours struct {
	r       Request
	payload string
	start   int // where the head starts
	end     int // where the message ends; what there is, if it is incomplete
	done    bool
}

// readOurs returns an error if the request is refused, and nil if its head is incomplete.
func readOurs(in []byte) (*ours, error) {
	var o ours
	var scan HeadScanner
	start, end, err := scan.Scan(in)
	if err != nil || end == 0 {
		return nil, err
	}
	o.start = start
	if err := ParseRequest(&o.r, in[start:end], Limits{}); err != nil {
		return nil, err
	}
	b := o.r.Body()
	payload, _, n, err := follow(&b, string(in[end:]), len(in)+1)
	if err != nil {
		return nil, err
	}
	o.payload, o.end, o.done = payload, end+n, b.Done()
	return &o, nil
}

// position returns how much of rd has been consumed through br.
func position(total int, rd *bytes.Reader, br *bufio.Reader) int {
	return total - rd.Len() - br.Buffered()
}

// compareRequest checks that net/http sees the same request in the stream, if we take it.
// net/http may refuse more than we do.
func compareRequest(t *testing.T, in []byte) {
	o, err := readOurs(in)
	if o == nil || err != nil {
		return
	}
	if o.r.Framing == Length && o.r.ContentLength > 1<<30 {
		return // net/http would read no other; don't wait for what is not there
	}
	msg := in[o.start:]
	rd := bytes.NewReader(msg)
	br := bufio.NewReaderSize(rd, len(msg)+16)
	req, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	fail := func(what string, got, want any) {
		t.Helper()
		t.Errorf("%s: net/http sees %v, we see %v in %q", what, got, want, in)
	}
	if req.Method != string(o.r.Method) {
		fail("method", req.Method, string(o.r.Method))
	}
	if req.RequestURI != string(o.r.Target) {
		fail("target", req.RequestURI, string(o.r.Target))
	}
	if req.ProtoMajor != 1 || req.ProtoMinor != o.r.Minor {
		fail("version", req.Proto, o.r.Minor)
	}
	if req.Host != "" || len(o.r.Host) > 0 {
		if host, err := CanonicalHost(req.Host); err != nil || host != string(o.r.Host) {
			fail("host", req.Host, string(o.r.Host))
		}
	}
	if req.ContentLength != o.r.ContentLength {
		fail("length", req.ContentLength, o.r.ContentLength)
	}
	if chunked := slices.Equal(req.TransferEncoding, []string{"chunked"}); chunked != (o.r.Framing == Chunked) {
		fail("transfer coding", req.TransferEncoding, o.r.Framing)
	}
	if req.Close != o.r.Close {
		fail("close", req.Close, o.r.Close)
	}
	compareFields(t, req.Header, o.r.Fields)
	body, err := io.ReadAll(req.Body)
	if !o.done {
		if err == nil {
			fail("incomplete body", len(body), "no end")
		}
		return
	}
	if err != nil {
		// Chunk lines and trailers that are legal but too long for it.
		return
	}
	if string(body) != o.payload {
		fail("body", string(body), o.payload)
	}
	if got := o.start + position(len(msg), rd, br); got != o.end {
		fail("end", got, o.end)
	}
}

func compareFields(t *testing.T, h http.Header, fields []Field) {
	t.Helper()
	theirs, same := 0, 0
	for name, values := range h {
		if name != "Trailer" {
			theirs += len(values)
		}
	}
	for _, f := range fields {
		// net/http keeps these elsewhere.
		if f.Is("Host") || f.Is("Transfer-Encoding") || f.Is("Trailer") {
			continue
		}
		if !slices.Contains(h.Values(string(f.Name)), string(f.Value)) {
			t.Errorf("net/http has no field %q with value %q", f.Name, f.Value)
		}
		same++
	}
	// It adds Cache-Control for Pragma: no-cache.
	if extra := h.Get("Pragma") == "no-cache"; theirs != same && !(extra && theirs == same+1) {
		t.Errorf("net/http sees %d fields, we see %d: %v", theirs, same, h)
	}
}

func TestNetHTTPSeesTheSameRequests(t *testing.T) {
	for _, in := range requestSeeds() {
		compareRequest(t, in)
	}
}

// A server behind us must never find a request in what we take for another one's body, or
// the reverse: a sequence of requests in one stream splits at the same places.
func TestNetHTTPSplitsPipelinesTheSame(t *testing.T) {
	const smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n"
	requests := []string{
		"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
		fmt.Sprintf("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(smuggled), smuggled),
		fmt.Sprintf("POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x;x=y\r\n%s\r\n0\r\nA: b\r\n\r\n", len(smuggled), smuggled),
		"PUT /4 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"GET /5 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n\r\n",
		"HEAD /6 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	}
	in := []byte(strings.Join(requests, ""))
	rd := bytes.NewReader(in)
	br := bufio.NewReaderSize(rd, len(in))
	at := 0
	for i, want := range requests {
		o, err := readOurs(in[at:])
		if err != nil || o == nil || !o.done || o.end != len(want) {
			t.Fatalf("request %d: %+v, %v", i+1, o, err)
		}
		req, err := http.ReadRequest(br)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			t.Fatal(err)
		}
		at += o.end
		if got := position(len(in), rd, br); got != at {
			t.Fatalf("request %d ends at %d for net/http, at %d for us", i+1, got, at)
		}
	}
}

// compareResponses checks that net/http splits a stream of responses to these requests
// where we do as long as we call it reusable, and else sees no response in what we pass on.
func compareResponses(t *testing.T, methods []string, in []byte) {
	var s ResponseStream
	for _, m := range methods {
		if !s.Push([]byte(m), false) {
			return
		}
	}
	rd := bytes.NewReader(in)
	br := bufio.NewReaderSize(rd, len(in)+16)
	for at, i := 0, 0; i < len(methods); i++ {
		n, ev := s.Next(in[at:])
		open := ev == More && s.state == atBody && s.body.Framing() == UntilClose
		if ev != Ended && !open {
			return
		}
		at += n
		status, size, err := readResponse(br, methods[i])
		if err != nil {
			return // it may refuse more than we do
		}
		if status != s.Status() {
			t.Errorf("response %d: net/http sees status %d, we see %d in %q", i+1, status, s.Status(), in)
		}
		// In doubt net/http may see a later end, but never an earlier one.
		if got := position(len(in), rd, br); got < at || got > at && s.Reusable() {
			t.Errorf("response %d (body of %d bytes): net/http sees its end at %d, we at %d of %d in %q", i+1, size, got, at, len(in), in)
		}
		if !s.Reusable() {
			return
		}
	}
}

// readResponse reads the next final response with net/http.
func readResponse(br *bufio.Reader, method string) (status int, size int64, err error) {
	for {
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			return 0, 0, err
		}
		size, err = io.Copy(io.Discard, resp.Body)
		if err != nil {
			return 0, 0, err
		}
		if resp.StatusCode >= 200 {
			return resp.StatusCode, size, nil
		}
	}
}

func TestNetHTTPSeesTheSameResponses(t *testing.T) {
	for _, seed := range responseSeeds() {
		compareResponses(t, []string{"GET", "HEAD", "GET"}, seed)
		compareResponses(t, []string{"HEAD", "GET", "GET"}, seed)
	}
}

// requestSeeds are the streams that the tables of this package's tests know.
func requestSeeds() (seeds [][]byte) {
	for _, tt := range refused {
		if len(tt.head) < 1<<10 {
			seeds = append(seeds, []byte(tt.head+"5\r\nhello\r\n0\r\n\r\n"))
		}
	}
	for _, tt := range hostForms {
		target, method := tt.target, tt.method
		if target == "" {
			target = "/"
		}
		if method == "" {
			method = "GET"
		}
		fields := strings.ReplaceAll(tt.fields, "|", "\r\n")
		seeds = append(seeds, fmt.Appendf(nil, "%s %s HTTP/1.1\r\n%s\r\n\r\n", method, target, fields))
	}
	const head = "\r\nPOST /a?b HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive\r\n"
	for _, rest := range []string{
		"Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhelloGET / HTTP/1.1\r\n",
		"Content-Length: 50\r\n\r\nhello",
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /",
		"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\nGET /",
		"Transfer-Encoding: chunked\r\nTrailer: A\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"Pragma: no-cache\r\nX: y\r\nX: z\r\n\r\n",
	} {
		seeds = append(seeds, []byte(head+rest))
	}
	return seeds
}

// responseSeeds are streams of responses.
func responseSeeds() (seeds [][]byte) {
	heads := []string{
		"Content-Length: 2\r\n", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n", "",
		"Connection: close\r\nContent-Length: 2\r\n", "Content-Length: 2\r\nContent-Length: 2\r\n",
		"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 2\nX: y\r\n",
		"Content-Length: 2\r\nContent-Length: 3\r\n", "X: y\r\n Content-Length: 2\r\n",
		"Content-Length : 2\r\n", "X: y\rContent-Length: 2\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Content-Length: 2, 2\r\n",
	}
	lines := []string{"HTTP/1.1 200 OK\r\n", "HTTP/1.0 200 OK\r\n", "HTTP/1.1 304 Not Modified\r\n", "HTTP/1.1 204\r\n", "HTTP/1.1 100 Continue\r\n"}
	bodies := []string{"hi", "", "2\r\nhi\r\n0\r\n\r\n", "2;a\nhi\r\n0\r\nA: b\r\n\r\n",
		"2;\nXX\r\n26;X\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\n\r\nsmuggled\r\n0\r\n\r\n"}
	const next = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	for _, line := range lines {
		for _, head := range heads {
			for _, body := range bodies {
				seeds = append(seeds, []byte(line+head+"\r\n"+body+next))
			}
		}
	}
	return seeds
}
