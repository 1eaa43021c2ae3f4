package http1_test

import (
	"fmt"

	"ngrok/conn/http1"
)

// One request out of a buffer that holds more.
func ExampleParseRequest() {
	buf := []byte("POST /notes HTTP/1.1\r\nHost: Notes.Example:8080\r\nContent-Length: 5\r\n\r\nhelloGET /")

	var scan http1.HeadScanner
	start, end, err := scan.Scan(buf)
	if err != nil || end == 0 {
		return // answer the error, or read more
	}
	var req http1.Request
	if err := http1.ParseRequest(&req, buf[start:end], scan.Limits); err != nil {
		return
	}
	body := req.Body()
	n, done, _ := body.Next(buf[end:])
	fmt.Printf("%s for %s, body %q, complete: %v\n", req.Method, req.Host, buf[end:end+n], done)
	fmt.Printf("then %q\n", buf[end+n:])
	// Output:
	// POST for notes.example, body "hello", complete: true
	// then "GET /"
}

// A server that sends one response too many.
func ExampleResponseStream() {
	var responses http1.ResponseStream
	responses.Push([]byte("GET"), false)

	p := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
	for len(p) > 0 {
		n, event := responses.Next(p)
		switch event {
		case http1.Ended:
			fmt.Printf("answered with %d in %d bytes\n", responses.Status(), n)
		case http1.Unsolicited:
			fmt.Printf("%d bytes that nobody asked for\n", len(p)-n)
			return
		}
		p = p[n:]
	}
	// Output:
	// answered with 200 in 40 bytes
	// 42 bytes that nobody asked for
}
