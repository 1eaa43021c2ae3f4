package server

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"

	"ngrok/conn/errorpage"
	"ngrok/conn/http1"
)

// answer is what the server itself says to a visitor.
type answer struct {
	status int
	title  string // a sentence
	hint   string // what to do, in plain text; may be empty
	header string // more fields, each with its CRLF
	plain  string // if not empty, all of the body, for a program
}

func notFound(host string) answer {
	return answer{
		status: http.StatusNotFound,
		title:  fmt.Sprintf("Tunnel %s not found", host),
		hint:   "No client has a tunnel of this name open at the moment. If it is yours, see whether ngrok is running, and under which name.",
	}
}

func unauthorized() answer {
	return answer{
		status: http.StatusUnauthorized,
		title:  "Authorization required",
		hint:   "Whoever runs this tunnel has put a password on it.",
		header: "WWW-Authenticate: Basic realm=\"ngrok\"\r\n",
	}
}

// reconnecting answers for a tunnel whose client is away; after is when to try again.
func reconnecting(url string, after time.Duration) answer {
	seconds := max(1, int(after.Round(time.Second)/time.Second))
	return answer{
		status: http.StatusServiceUnavailable,
		title:  fmt.Sprintf("Tunnel %s is reconnecting", url),
		hint:   "Its client has lost the connection to this server, or was stopped. If it comes back the tunnel works again: try in a moment.",
		header: fmt.Sprintf("Retry-After: %d\r\n", seconds),
	}
}

func noAnswer(t *tunnel, why error) answer {
	return answer{
		status: http.StatusBadGateway,
		title:  fmt.Sprintf("Tunnel %s does not answer", t.url),
		hint:   "The server has the tunnel, but its client could not be reached: " + why.Error() + ". Try again in a moment.",
	}
}

func notHTTP(t *tunnel) answer {
	return answer{
		status: http.StatusBadGateway,
		title:  fmt.Sprintf("Tunnel %s answers with something that is not HTTP", t.url),
		hint:   "The private service may speak TLS or another protocol: see the address that ngrok forwards to.",
	}
}

func refused(e *http1.Error) answer {
	return answer{status: e.Status, title: http.StatusText(e.Status), hint: upperFirst(e.Reason) + "."}
}

// append appends the whole answer to b. Browsers get a page, others plain text; a HEAD
// request no body. With last the visitor is told that the connection ends.
func (a answer) append(b []byte, r *http1.Request, last bool) []byte {
	kind, body := "text/plain", a.title+"\n"
	if a.hint != "" {
		body += a.hint + "\n"
	}
	if a.plain != "" {
		body = a.plain
	} else if bytes.Contains(r.Get("Accept"), []byte("text/html")) {
		kind, body = "text/html", errorpage.HTML(a.status, a.title, a.hint)
	}
	b = fmt.Appendf(b, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	b = fmt.Appendf(b, "Content-Type: %s; charset=utf-8\r\nContent-Length: %d\r\n", kind, len(body))
	b = append(b, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"...)
	b = append(b, a.header...)
	if last {
		b = append(b, "Connection: close\r\n"...)
	}
	b = append(b, "\r\n"...)
	if string(r.Method) == http.MethodHead {
		return b
	}
	return append(b, body...)
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
