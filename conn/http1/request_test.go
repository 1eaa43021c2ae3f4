package http1

import (
	"errors"
	"strings"
	"testing"
)

// parse reads a head written with \n for CRLF.
func parse(t testing.TB, head string) (*Request, error) {
	t.Helper()
	var r Request
	err := ParseRequest(&r, []byte(crlf(head)), Limits{})
	return &r, err
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func status(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

func TestParseRequest(t *testing.T) {
	tests := []struct {
		name, head string
		framing    Framing
		length     int64
		close      bool
		expect     bool
		upgrade    string
	}{
		{name: "no body", head: "GET / HTTP/1.1\nHost: a\n\n"},
		{name: "length", head: "POST / HTTP/1.1\nHost: a\nContent-Length: 12\n\n", framing: Length, length: 12},
		{name: "length zero", head: "POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n"},
		{name: "length with zeros before it", head: "POST / HTTP/1.1\nHost: a\nContent-Length: 007\n\n", framing: Length, length: 7},
		{name: "greatest length", head: "POST / HTTP/1.1\nHost: a\nContent-Length: 9223372036854775807\n\n", framing: Length, length: 1<<63 - 1},
		{name: "length of a GET", head: "GET / HTTP/1.1\nHost: a\ncontent-length:3\n\n", framing: Length, length: 3},
		{name: "chunked", head: "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n", framing: Chunked, length: -1},
		{name: "chunked upper case", head: "POST / HTTP/1.1\nHost: a\nTRANSFER-ENCODING:\tCHUNKED \n\n", framing: Chunked, length: -1},
		{name: "close", head: "GET / HTTP/1.1\nHost: a\nConnection: close\n\n", close: true},
		{name: "close in a list", head: "GET / HTTP/1.1\nHost: a\nConnection: keep-alive , ,Close\n\n", close: true},
		{name: "close in a second field", head: "GET / HTTP/1.1\nHost: a\nConnection: x\nConnection: close\n\n", close: true},
		{name: "not close", head: "GET / HTTP/1.1\nHost: a\nConnection: closed\n\n"},
		{name: "1.0", head: "GET / HTTP/1.0\n\n", close: true},
		{name: "1.0 kept alive", head: "GET / HTTP/1.0\nConnection: Keep-Alive\n\n"},
		{name: "1.0 both", head: "GET / HTTP/1.0\nConnection: Keep-Alive, close\n\n", close: true},
		{name: "expect", head: "PUT / HTTP/1.1\nHost: a\nExpect: 100-Continue\nContent-Length: 1\n\n", framing: Length, length: 1, expect: true},
		{name: "expect something else", head: "PUT / HTTP/1.1\nHost: a\nExpect: 200-ok\n\n"},
		{name: "upgrade", head: "GET / HTTP/1.1\nHost: a\nConnection: keep-alive, Upgrade\nUpgrade: websocket\n\n", upgrade: "websocket"},
		{name: "upgrade that Connection does not name", head: "GET / HTTP/1.1\nHost: a\nUpgrade: websocket\n\n"},
		{name: "upgrade that is not there", head: "GET / HTTP/1.1\nHost: a\nConnection: Upgrade\n\n"},
		{name: "upgrade in 1.0", head: "GET / HTTP/1.0\nHost: a\nConnection: Upgrade\nUpgrade: websocket\n\n", close: true},
		{name: "lower case method", head: "get / HTTP/1.1\nHost: a\n\n"},
		{name: "strange method", head: "M-SEARCH!#$%&'*+.^_`|~ / HTTP/1.1\nHost: a\n\n"},
		{name: "bytes beyond ASCII in a value", head: "GET / HTTP/1.1\nHost: a\nX: \xff\x80é\n\n"},
		{name: "tab in a value", head: "GET / HTTP/1.1\nHost: a\nX: a\tb\n\n"},
		{name: "empty value", head: "GET / HTTP/1.1\nHost: a\nX:\nY: \n\n"},
		{name: "names that only look alike", head: "GET / HTTP/1.1\nHost: a\nContent_Lengt: x\nTransfer_Encodin: y\nX-Host: z\nContent_Type: a\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := parse(t, tt.head)
			if err != nil {
				t.Fatal(err)
			}
			if r.Framing != tt.framing || r.ContentLength != tt.length {
				t.Errorf("framing %v, length %d; want %v, %d", r.Framing, r.ContentLength, tt.framing, tt.length)
			}
			if r.Close != tt.close || r.Expect100 != tt.expect || string(r.Upgrade) != tt.upgrade {
				t.Errorf("close %v, expect %v, upgrade %q", r.Close, r.Expect100, r.Upgrade)
			}
			if got := crlf(tt.head); string(r.Head) != got {
				t.Errorf("Head is %q", r.Head)
			}
		})
	}
}

func TestParseRequestFields(t *testing.T) {
	r, err := parse(t, "PATCH /x?y HTTP/1.1\nHost: a.b\nX-One:  1 \nx-two: 2,\t3\nX-ONE: 4\nX-Empty:\n\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Fields {
		got = append(got, string(f.Name)+"="+string(f.Value))
	}
	if s := strings.Join(got, "|"); s != "Host=a.b|X-One=1|x-two=2,\t3|X-ONE=4|X-Empty=" {
		t.Errorf("fields %s", s)
	}
	if string(r.Method) != "PATCH" || string(r.Target) != "/x?y" || r.Minor != 1 {
		t.Errorf("start line %s %s %d", r.Method, r.Target, r.Minor)
	}
	if v := r.Get("x-one"); string(v) != "1" || r.Count("x-one") != 2 {
		t.Errorf("Get %q, Count %d", v, r.Count("x-one"))
	}
	if v := r.Get("X-Empty"); v == nil || len(v) != 0 {
		t.Errorf("an empty field is %#v, want empty but there", v)
	}
	if v := r.Get("X-None"); v != nil || r.Count("X-None") != 0 {
		t.Errorf("a missing field is %q", v)
	}
}

// refused is the request smuggling corpus: what two programs could read differently.
var refused = []struct {
	name, head string // as it is on the wire
	status     int    // 400 if 0
}{
	{name: "two lengths", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"},
	{name: "two equal lengths", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"},
	{name: "two lengths in other case", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\ncontent-length: 6\r\n\r\n"},
	{name: "list of lengths", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"},
	{name: "list with an empty item", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,\r\n\r\n"},
	{name: "positive length", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n"},
	{name: "negative length", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"},
	{name: "hexadecimal length", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n"},
	{name: "length with a point", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\n"},
	{name: "length with underscore", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0\r\n\r\n"},
	{name: "length with a space", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 0\r\n\r\n"},
	{name: "length in Arabic digits", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ٥\r\n\r\n"},
	{name: "empty length", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"},
	{name: "length of 2^63", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n"},
	{name: "length of 2^64+5", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\n"},
	{name: "length of many zeros", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 00000000000000000005\r\n\r\n"},
	{name: "CL.TE", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{name: "TE.CL", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
	{name: "TE with length zero", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"},
	{name: "TE identity", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"},
	{name: "TE identity and length", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n"},
	{name: "TE gzip", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"},
	{name: "TE gzip, chunked", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
	{name: "TE chunked, identity", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n"},
	{name: "TE chunked twice", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{name: "TE chunked twice in a list", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"},
	{name: "TE chunked and identity in two fields", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{name: "TE xchunked", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"},
	{name: "TE chunked with parameter", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n"},
	{name: "TE chunked with comma", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n"},
	{name: "TE quoted", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n"},
	{name: "TE with vertical tab", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n"},
	{name: "TE with no-break space", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\u00a0\r\n\r\n"},
	{name: "TE with Kelvin sign", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chun\u212aed\r\n\r\n"},
	{name: "TE empty", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n"},
	{name: "TE empty, then chunked", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{name: "TE in 1.0", head: "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{name: "TE in 1.0 kept alive", head: "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{name: "length with underscore in its name", head: "POST / HTTP/1.1\r\nHost: a\r\ncontent_length: 5\r\n\r\n"},
	{name: "TE with underscore in its name", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n"},
	{name: "space before colon", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n"},
	{name: "tab before colon", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n"},
	{name: "space in name", head: "POST / HTTP/1.1\r\nHost: a\r\nContent Length: 5\r\n\r\n"},
	{name: "control byte in name", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\x00: chunked\r\n\r\n"},
	{name: "byte beyond ASCII in name", head: "POST / HTTP/1.1\r\nHost: a\r\n\u00a0Transfer-Encoding: chunked\r\n\r\n"},
	{name: "empty name", head: "POST / HTTP/1.1\r\nHost: a\r\n: 5\r\n\r\n"},
	{name: "line without colon", head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length 5\r\n\r\n"},
	{name: "line with a word", head: "POST / HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n"},
	{name: "quoted name", head: "POST / HTTP/1.1\r\nHost: a\r\n\"Content-Length\": 5\r\n\r\n"},
	{name: "folded value", head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n"},
	{name: "folded by tab", head: "POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tContent-Length: 5\r\n\r\n"},
	{name: "folded first line", head: "POST / HTTP/1.1\r\n Host: a\r\n\r\n"},
	{name: "bare LF ends a field", head: "POST / HTTP/1.1\r\nHost: a\nContent-Length: 5\r\n\r\n"},
	{name: "bare LF ends the request line", head: "POST / HTTP/1.1\nHost: a\r\n\r\n"},
	{name: "bare LF ends the head", head: "POST / HTTP/1.1\r\nHost: a\r\n\n"},
	{name: "bare CR in a value", head: "POST / HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 5\r\n\r\n"},
	{name: "bare CR in a name", head: "POST / HTTP/1.1\r\nHost: a\r\nX\r: y\r\n\r\n"},
	{name: "bare CR at a line's end", head: "POST / HTTP/1.1\r\nHost: a\r\nX: y\r\r\n\r\n"},
	{name: "bare CR in the target", head: "POST /\r HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "zero byte in a value", head: "POST / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n"},
	{name: "escape in a value", head: "POST / HTTP/1.1\r\nHost: a\r\nX: \x1b[31m\r\n\r\n"},
	{name: "delete in a value", head: "POST / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n"},
	{name: "two spaces after the method", head: "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "two spaces after the target", head: "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "space after the version", head: "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
	{name: "tab in the request line", head: "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "request in the target", head: "GET / HTTP/1.1 / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "space before the method", head: " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "no method", head: "/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "no target", head: "GET  HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "HTTP/0.9", head: "GET /\r\n\r\n"},
	{name: "method with a colon", head: "Host: / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "method with slash", head: "GET/ / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "endless method", head: strings.Repeat("A", 65) + " / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "lower case version", head: "GET / http/1.1\r\nHost: a\r\n\r\n"},
	{name: "long version", head: "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
	{name: "version with letters", head: "GET / HTTP/1.x\r\nHost: a\r\n\r\n"},
	{name: "other protocol", head: "GET / ICAP/1.1\r\nHost: a\r\n\r\n"},
	{name: "version 1.2", head: "GET / HTTP/1.2\r\nHost: a\r\n\r\n", status: 505},
	{name: "version 2.0", head: "GET / HTTP/2.0\r\nHost: a\r\n\r\n", status: 505},
	{name: "version 0.9 spelled out", head: "GET / HTTP/0.9\r\nHost: a\r\n\r\n", status: 505},
	{name: "two heads", head: "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{name: "no end", head: "GET / HTTP/1.1\r\nHost: a\r\n"},
	{name: "half an end", head: "GET / HTTP/1.1\r\nHost: a\r\n\r"},
	{name: "nothing", head: ""},
	{name: "empty line", head: "\r\n"},
	{name: "HTTP/2 preface", head: "PRI * HTTP/2.0\r\n\r\n", status: 505},
	{name: "101 fields", head: "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 100) + "\r\n", status: 431},
	{name: "head too long", head: "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 64<<10) + "\r\n\r\n", status: 431},
	{name: "target too long", head: "GET /" + strings.Repeat("y", 32<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", status: 414},
}

func TestRefusedRequests(t *testing.T) {
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.status
			if want == 0 {
				want = 400
			}
			var r Request
			err := ParseRequest(&r, []byte(tt.head), Limits{})
			if status(err) != want {
				t.Fatalf("error %v (status %d), want status %d", err, status(err), want)
			}
			if reason := err.Error(); strings.HasSuffix(reason, ".") || len(reason) < 10 || strings.ContainsAny(reason, "\r\n<\"") {
				t.Errorf("reason %q can't be shown as it is", reason)
			}
		})
	}
}

func TestLimitsOfRequests(t *testing.T) {
	pad := func(n int) []byte { // a head of n bytes
		const a, b = "GET / HTTP/1.1\r\nHost: a\r\nX: ", "\r\n\r\n"
		return []byte(a + strings.Repeat("y", n-len(a)-len(b)) + b)
	}
	var r Request
	lim := Limits{HeadBytes: 200, Fields: 2, TargetBytes: 3}
	if err := ParseRequest(&r, pad(200), lim); err != nil {
		t.Errorf("a head of the limit's length: %v", err)
	}
	if err := ParseRequest(&r, pad(201), lim); status(err) != 431 {
		t.Errorf("one byte more: %v", err)
	}
	if err := ParseRequest(&r, []byte("GET /ab HTTP/1.1\r\nHost: a\r\n\r\n"), lim); err != nil {
		t.Errorf("a target of the limit's length: %v", err)
	}
	if err := ParseRequest(&r, []byte("GET /abc HTTP/1.1\r\nHost: a\r\n\r\n"), lim); status(err) != 414 {
		t.Errorf("one byte more: %v", err)
	}
	if err := ParseRequest(&r, []byte("GET / HTTP/1.1\r\nHost: a\r\nX:\r\nX:\r\n\r\n"), lim); status(err) != 431 {
		t.Errorf("one field too many: %v", err)
	}
}

func TestUpgradesTo(t *testing.T) {
	for value, want := range map[string]bool{
		"websocket": true, "WebSocket": true, "h2c, websocket": true, "websocket/13": true,
		"h2c": false, "websockets": false, ",": false,
	} {
		r, err := parse(t, "GET / HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade: "+value+"\n\n")
		if err != nil {
			t.Fatal(err)
		}
		if got := r.UpgradesTo("websocket"); got != want {
			t.Errorf("Upgrade: %s: %v, want %v", value, got, want)
		}
	}
}

func TestBasicAuth(t *testing.T) {
	tests := []struct {
		name, fields   string
		user, password string
		ok             bool
	}{
		{"right", "Authorization: Basic dXNlcjpwYXNz", "user", "pass", true},
		{"lower case scheme, more spaces", "authorization: basic   dXNlcjpwYXNz", "user", "pass", true},
		{"colon in password", "Authorization: Basic dTphOmI=", "u", "a:b", true},
		{"empty both", "Authorization: Basic Og==", "", "", true},
		{"missing", "X: y", "", "", false},
		{"no colon", "Authorization: Basic dXNlcg==", "", "", false},
		{"bearer", "Authorization: Bearer dXNlcjpwYXNz", "", "", false},
		{"not base64", "Authorization: Basic %%%", "", "", false},
		{"no padding", "Authorization: Basic Og", "", "", false},
		{"nothing", "Authorization: Basic", "", "", false},
		{"twice", "Authorization: Basic dXNlcjpwYXNz\nAuthorization: Basic dXNlcjpwYXNz", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := parse(t, "GET / HTTP/1.1\nHost: a\n"+tt.fields+"\n\n")
			if err != nil {
				t.Fatal(err)
			}
			user, password, ok := r.BasicAuth()
			if user != tt.user || password != tt.password || ok != tt.ok {
				t.Errorf("%q %q %v", user, password, ok)
			}
		})
	}
}

// The head of one request must not show through in the next one that uses its memory.
func TestParseRequestForgets(t *testing.T) {
	var r Request
	first := crlf("POST http://ÄB.example/ HTTP/1.0\nHost: Äb.example\nConnection: keep-alive\nExpect: 100-continue\nContent-Length: 5\nX: y\n\n")
	if err := ParseRequest(&r, []byte(first), Limits{}); err != nil {
		t.Fatal(err)
	}
	if err := ParseRequest(&r, []byte(crlf("GET / HTTP/1.0\n\n")), Limits{}); err != nil {
		t.Fatal(err)
	}
	if len(r.Host) > 0 || len(r.HostPort) > 0 || r.ContentLength != 0 || r.Framing != NoBody ||
		r.Expect100 || !r.Close || len(r.Fields) != 0 || r.Upgrade != nil {
		t.Errorf("%+v", r)
	}
}
