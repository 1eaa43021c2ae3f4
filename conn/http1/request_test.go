package http1

import "testing"

func TestParseRequestReadsAHead(t *testing.T) {
	const head = "POST /a?b HTTP/1.1\r\nHost: WWW.Example.com:8080\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
	var scan HeadScanner
	start, end, err := scan.Scan([]byte("\r\n" + head + "hello"))
	if err != nil || start != 2 || end != 2+len(head) {
		t.Fatalf("Scan: %d %d %v", start, end, err)
	}
	var r Request
	if err := ParseRequest(&r, []byte(head), Limits{}); err != nil {
		t.Fatal(err)
	}
	if string(r.Method) != "POST" || string(r.Target) != "/a?b" || string(r.Host) != "www.example.com" ||
		r.ContentLength != 5 || !r.Close || r.Minor != 1 {
		t.Errorf("%+v", r)
	}
}

func TestResponseStreamSmoke(t *testing.T) {
	var s ResponseStream
	s.Push([]byte("GET"), false)
	s.Push([]byte("GET"), false)
	p := []byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
	var got []Event
	for range 3 {
		n, ev := s.Next(p)
		p = p[n:]
		got = append(got, ev)
	}
	if got[0] != Ended || got[1] != Ended || got[2] != Unsolicited || string(p) != "HTTP/1.1 200 OK\r\n\r\n" {
		t.Errorf("%v, rest %q, %v", got, p, s.Err())
	}
}
