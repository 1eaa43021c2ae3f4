package http1

import (
	"strings"
	"testing"
)

func TestParseResponse(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\n"
	tests := []struct {
		name, head string // \n stands for CRLF, ↵ for a bare LF
		method     string // GET if empty
		framing    Framing
		length     int64 // of the head, -1 for none
		close      bool
		ambiguous  bool
		conflict   bool
	}{
		{name: "length", head: ok + "Content-Length: 5\n\n", framing: Length, length: 5},
		{name: "length zero", head: ok + "Content-Length: 0\n\n", framing: NoBody},
		{name: "chunked", head: ok + "Transfer-Encoding: Chunked\n\n", framing: Chunked, length: -1},
		{name: "until close", head: ok + "\n", framing: UntilClose, length: -1, close: true},
		{name: "until close though kept alive", head: ok + "Connection: keep-alive\n\n", framing: UntilClose, length: -1, close: true},
		{name: "close", head: ok + "Connection: close\nContent-Length: 5\n\n", framing: Length, length: 5, close: true},
		{name: "1.0", head: "HTTP/1.0 200 OK\nContent-Length: 5\n\n", framing: Length, length: 5, close: true},
		{name: "1.0 kept alive", head: "HTTP/1.0 200 OK\nConnection: keep-alive\nContent-Length: 5\n\n", framing: Length, length: 5},
		{name: "HEAD with length", method: "HEAD", head: ok + "Content-Length: 5\n\n", length: 5},
		{name: "HEAD chunked", method: "HEAD", head: ok + "Transfer-Encoding: chunked\n\n", length: -1},
		{name: "HEAD with neither", method: "HEAD", head: ok + "\n", length: -1},
		{name: "head is not HEAD", method: "head", head: ok + "Content-Length: 5\n\n", framing: Length, length: 5},
		{name: "204", head: "HTTP/1.1 204 No Content\n\n", length: -1},
		{name: "204 with length zero", head: "HTTP/1.1 204 No Content\nContent-Length: 0\n\n"},
		{name: "204 with a length", head: "HTTP/1.1 204 No Content\nContent-Length: 5\n\n", length: 5, ambiguous: true},
		{name: "204 chunked", head: "HTTP/1.1 204 No Content\nTransfer-Encoding: chunked\n\n", length: -1, ambiguous: true},
		{name: "304 with length", head: "HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n", length: 5},
		{name: "304 with neither", head: "HTTP/1.1 304 Not Modified\n\n", length: -1},
		{name: "205 with length", head: "HTTP/1.1 205 Reset Content\nContent-Length: 5\n\n", framing: Length, length: 5},
		{name: "100", head: "HTTP/1.1 100 Continue\n\n", length: -1},
		{name: "103 with a length", head: "HTTP/1.1 103 Early Hints\nContent-Length: 5\n\n", length: 5, ambiguous: true},
		{name: "101", head: "HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: x\n\n", length: -1},
		{name: "CONNECT", method: "CONNECT", head: ok + "Content-Length: 5\n\n", length: 5},
		{name: "CONNECT refused", method: "CONNECT", head: "HTTP/1.1 403 No\nContent-Length: 5\n\n", framing: Length, length: 5},
		{name: "no phrase", head: "HTTP/1.1 200\nContent-Length: 5\n\n", framing: Length, length: 5},
		{name: "empty phrase", head: "HTTP/1.1 200 \nContent-Length: 5\n\n", framing: Length, length: 5},
		{name: "phrase beyond ASCII", head: "HTTP/1.1 200 sí señor\nContent-Length: 5\n\n", framing: Length, length: 5},
		{name: "version 1.2", head: "HTTP/1.2 200 OK\nContent-Length: 5\n\n", framing: Length, length: 5},
		{name: "status 999", head: "HTTP/1.1 999 Odd\nContent-Length: 5\n\n", framing: Length, length: 5},
		{name: "equal lengths", head: ok + "Content-Length: 5\ncontent-length: 5\n\n", framing: Length, length: 5},
		{name: "list of equal lengths", head: ok + "Content-Length: 5, 5\n\n", framing: Length, length: 5},

		{name: "two lengths", head: ok + "Content-Length: 5\nContent-Length: 6\n\n", framing: UntilClose, length: -1, close: true, ambiguous: true, conflict: true},
		{name: "three lengths", head: ok + "Content-Length: 5\nContent-Length: 6\nContent-Length: 6\n\n", framing: UntilClose, length: -1, close: true, ambiguous: true, conflict: true},
		{name: "list of lengths", head: ok + "Content-Length: 5, 6\n\n", framing: UntilClose, length: -1, close: true, ambiguous: true, conflict: true},
		{name: "signed length", head: ok + "Content-Length: +5\n\n", framing: UntilClose, length: -1, close: true, ambiguous: true, conflict: true},
		{name: "empty length", head: ok + "Content-Length:\n\n", framing: UntilClose, length: -1, close: true, ambiguous: true, conflict: true},
		{name: "huge length", head: ok + "Content-Length: 18446744073709551621\n\n", framing: UntilClose, length: -1, close: true, ambiguous: true, conflict: true},
		{name: "bad length of HEAD", method: "HEAD", head: ok + "Content-Length: x\n\n", length: -1},
		{name: "length and chunked", head: ok + "Content-Length: 5\nTransfer-Encoding: chunked\n\n", framing: Chunked, length: 5, ambiguous: true, conflict: true},
		{name: "bad length and chunked", head: ok + "Content-Length: x\nTransfer-Encoding: chunked\n\n", framing: Chunked, length: -1, ambiguous: true, conflict: true},
		{name: "gzip, chunked", head: ok + "Transfer-Encoding: gzip, chunked\n\n", framing: Chunked, length: -1, ambiguous: true},
		{name: "chunked twice", head: ok + "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n", framing: Chunked, length: -1, ambiguous: true},
		{name: "chunked, gzip", head: ok + "Transfer-Encoding: chunked, gzip\n\n", framing: UntilClose, length: -1, close: true, ambiguous: true, conflict: true},
		{name: "identity", head: ok + "Transfer-Encoding: identity\nContent-Length: 5\n\n", framing: UntilClose, length: 5, close: true, ambiguous: true, conflict: true},
		{name: "empty coding", head: ok + "Transfer-Encoding:\nContent-Length: 5\n\n", framing: UntilClose, length: 5, close: true, ambiguous: true, conflict: true},
		{name: "chunked in 1.0", head: "HTTP/1.0 200 OK\nTransfer-Encoding: chunked\nConnection: keep-alive\n\n", framing: Chunked, length: -1, ambiguous: true},
		{name: "bare LF", head: "HTTP/1.1 200 OK↵Content-Length: 5↵↵", framing: Length, length: 5, ambiguous: true},
		{name: "one bare LF", head: ok + "X: y↵Content-Length: 5\n\n", framing: Length, length: 5, ambiguous: true},
		{name: "bare CR", head: ok + "X: y\rContent-Length: 5\n\n", framing: UntilClose, length: -1, close: true, ambiguous: true, conflict: true},
		{name: "zero byte", head: ok + "X: \x00\nContent-Length: 5\n\n", framing: Length, length: 5, ambiguous: true, conflict: true},
		{name: "control byte in the phrase", head: "HTTP/1.1 200 \x01\nContent-Length: 5\n\n", framing: Length, length: 5, ambiguous: true, conflict: true},
		{name: "folded length", head: ok + "X: y\n Content-Length: 5\n\n", framing: UntilClose, length: -1, close: true, ambiguous: true, conflict: true},
		{name: "folded value of the length", head: ok + "Content-Length:\n 5\n\n", framing: Length, length: 5, ambiguous: true, conflict: true},
		{name: "folded first field", head: ok + " Content-Length: 5\n\n", framing: Length, length: 5, ambiguous: true},
		{name: "space before colon", head: ok + "Content-Length : 5\n\n", framing: Length, length: 5, ambiguous: true},
		{name: "folded transfer coding", head: ok + "Content-Length: 5\nX: y\n\ttransfer-encoding : chunked\n\n", framing: Length, length: 5, ambiguous: true, conflict: true},
		{name: "folded something else", head: ok + "X: y\n z: content-length\nContent-Length: 5\n\n", framing: Length, length: 5, ambiguous: true},
		{name: "folded with a bare CR", head: ok + "X: y\n z\rContent-Length: 5\nContent-Length: 6\n\n", framing: Length, length: 6, ambiguous: true, conflict: true},
		{name: "space in a name", head: ok + "X y: z\nContent-Length: 5\n\n", framing: Length, length: 5, ambiguous: true},
		{name: "vertical tab before a name", head: ok + "\x0bContent-Length: 4\nContent-Length: 5\n\n", framing: Length, length: 5, ambiguous: true, conflict: true},
		{name: "no-break space before a name", head: ok + "\xa0Content-Length: 4\nContent-Length: 5\n\n", framing: Length, length: 5, ambiguous: true, conflict: true},
		{name: "bare CR in a line without colon", head: ok + "X\rY\nContent-Length: 5\n\n", framing: Length, length: 5, ambiguous: true, conflict: true},
		{name: "conflict of HEAD", method: "HEAD", head: ok + "Content-Length: 5\nTransfer-Encoding: chunked\n\n", length: 5},
		{name: "line without colon", head: ok + "Content-Length 5\n\n", framing: UntilClose, length: -1, close: true, ambiguous: true},
		{name: "line without name", head: ok + ": x\nContent-Length: 5\n\n", framing: Length, length: 5, ambiguous: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			head := strings.ReplaceAll(crlf(tt.head), "↵", "\n")
			var r Response
			if err := ParseResponse(&r, []byte(head), []byte(tt.method), Limits{}); err != nil {
				t.Fatal(err)
			}
			if r.Framing != tt.framing || r.ContentLength != tt.length {
				t.Errorf("framing %v, length %d; want %v, %d", r.Framing, r.ContentLength, tt.framing, tt.length)
			}
			if r.Close != tt.close || r.Ambiguous != tt.ambiguous || r.Conflict != tt.conflict {
				t.Errorf("close %v, ambiguous %v, conflict %v", r.Close, r.Ambiguous, r.Conflict)
			}
		})
	}
}

func TestParseResponseFields(t *testing.T) {
	var r Response
	head := "HTTP/1.0 404 Not here \r\nA: b\r\n junk\r\n: no name\r\nB : c\nSet-Cookie: 1\r\nset-cookie: 2\r\n\r\n"
	if err := ParseResponse(&r, []byte(head), nil, Limits{}); err != nil {
		t.Fatal(err)
	}
	if r.Minor != 0 || r.Status != 404 || string(r.Reason) != "Not here" || string(r.Head) != head {
		t.Errorf("%d %d %q", r.Minor, r.Status, r.Reason)
	}
	var got []string
	for _, f := range r.Fields {
		got = append(got, string(f.Name)+"="+string(f.Value))
	}
	if s := strings.Join(got, "|"); s != "A=b\r\n junk|B=c|Set-Cookie=1|set-cookie=2" {
		t.Errorf("fields %q", s)
	}
	if v := r.Get("SET-cookie"); string(v) != "1" {
		t.Errorf("Get = %q", v)
	}
}

func TestNoResponses(t *testing.T) {
	for name, head := range map[string]string{
		"nothing":              "",
		"empty line":           "\r\n",
		"other protocol":       "ICY 200 OK\r\n\r\n",
		"HTTP/2":               "HTTP/2.0 200 OK\r\n\r\n",
		"version with letters": "HTTP/1.x 200 OK\r\n\r\n",
		"lower case":           "http/1.1 200 OK\r\n\r\n",
		"no status":            "HTTP/1.1\r\n\r\n",
		"short status":         "HTTP/1.1 20\r\n\r\n",
		"long status":          "HTTP/1.1 2000 OK\r\n\r\n",
		"status of letters":    "HTTP/1.1 2xx OK\r\n\r\n",
		"status 099":           "HTTP/1.1 099 OK\r\n\r\n",
		"two spaces":           "HTTP/1.1  200 OK\r\n\r\n",
		"no end":               "HTTP/1.1 200 OK\r\nA: b\r\n",
		"no end when folded":   "HTTP/1.1 200 OK\r\nA: b\r\n c",
		"body":                 "HTTP/1.1 200 OK\r\n\r\nbody",
		"too long":             "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 64<<10) + "\r\n\r\n",
		"too many fields":      "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 101) + "\r\n",
	} {
		var r Response
		if err := ParseResponse(&r, []byte(head), nil, Limits{}); status(err) != 502 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBodyOfAResponseIsLenient(t *testing.T) {
	var r Response
	if err := ParseResponse(&r, []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), nil, Limits{}); err != nil {
		t.Fatal(err)
	}
	b := r.Body()
	if n, done, err := b.Next([]byte("2 \nhi\n0\n\nrest")); n != 9 || !done || err != nil || !b.Sloppy() {
		t.Errorf("%d %v %v", n, done, err)
	}
}
