// Package http1 finds the boundaries of HTTP/1.x messages in a stream of bytes: where a
// head ends, how long a body is, where the next message starts (RFC 9112). It does no I/O,
// starts no goroutine and copies nothing it need not: what it returns are slices of the
// caller's buffer.
//
// Requests are read strictly. Whatever two programs could understand differently is an
// [*Error] with the status to answer, so that what passes here means the same to every
// server behind: the defence against request smuggling. [HeadScanner] finds the end of
// the head in a buffer that grows, [ParseRequest] reads it, [Request.Body] follows the
// body:
//
//	var scan http1.HeadScanner
//	for {
//		start, end, err := scan.Scan(buf)     // err: answer its status and close
//		if end > 0 {
//			err = http1.ParseRequest(&req, buf[start:end], scan.Limits)
//			break
//		}
//		buf = append(buf, …)                  // read more
//	}
//	body := req.Body()
//	n, done, err := body.Next(buf[end:])      // n bytes are of the body
//
// Responses are read leniently, because real servers are sloppy, but doubt is told apart:
// [Response.Ambiguous] says that the connection must not carry another message, and
// [Response.Conflict] that the response itself may smuggle one. [ResponseStream] follows
// the responses to a sequence of requests, so that nothing a server sends unasked can
// become the answer to somebody else's request.
//
// No type here is safe for concurrent use.
package http1
