package client

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"ngrok/conn/errorpage"
)

// errorPage is what an HTTP visitor is told when the private service cannot be reached.
type errorPage struct {
	status int
	title  string
	hint   string
}

func isHTTP(url string) bool {
	return strings.HasPrefix(url, "http://") || strings.HasPrefix(url, "https://")
}

func unreachable(info ConnInfo, err error) errorPage {
	p := errorPage{
		status: http.StatusBadGateway,
		title:  fmt.Sprintf("Nothing answers at %s", info.LocalAddr),
		hint: fmt.Sprintf("The tunnel %s works, but its client cannot connect to the private service at %s. "+
			"Start the service, or give ngrok the address that it listens on.", info.PublicURL, info.LocalAddr),
	}
	if isTimeout(err) {
		p.status = http.StatusGatewayTimeout
		p.title = fmt.Sprintf("%s does not answer in time", info.LocalAddr)
	}
	return p
}

func closedTunnel(url string) errorPage {
	return errorPage{
		status: http.StatusNotFound,
		title:  fmt.Sprintf("Tunnel %s was closed", url),
		hint:   "Its client is running, but does not serve this tunnel any more.",
	}
}

// response returns the whole answer to the request that begins with those bytes:
// a page for browsers, plain text for others, no body for HEAD.
func (p errorPage) response(request []byte) []byte {
	kind, body := "text/plain", p.title+"\n"+p.hint+"\n"
	if acceptsHTML(request) {
		kind, body = "text/html", errorpage.HTML(p.status, p.title, p.hint)
	}
	b := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: %s; charset=utf-8\r\nContent-Length: %d\r\n"+
		"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
		p.status, http.StatusText(p.status), kind, len(body))
	if bytes.HasPrefix(request, []byte("HEAD ")) {
		return b
	}
	return append(b, body...)
}

func acceptsHTML(request []byte) bool {
	head, _, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("accept")) && bytes.Contains(value, []byte("text/html")) {
			return true
		}
	}
	return false
}
