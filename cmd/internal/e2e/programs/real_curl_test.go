//go:build linux

package programs

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// curl speaks HTTP in more ways than Go's client does.
func TestRealCurl(t *testing.T) {
	curl := need(t, "curl", "curl")[0]
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusForbidden) // without the body, nor a 100 before
			return
		}
		n, digest := sum(t, r.Body) // the first read sends the 100
		w.Header().Set("Trailer", "Sum")
		fmt.Fprintf(w, "%s %s %v %d %s\n", r.Method, r.Proto, r.TransferEncoding, n, digest)
		w.(http.Flusher).Flush()
		w.Header().Set("Sum", digest)
	}))
	defer service.Close()
	s := newSite(t)
	c := s.client(service.Listener.Addr().String())

	dir := t.TempDir()
	size := sized[int64](3<<20, 1<<30)
	body, err := io.ReadAll(noise([32]byte{4}, size))
	if err != nil {
		t.Fatal(err)
	}
	upload := write(t, dir, "upload", string(body))
	_, want := sum(t, strings.NewReader(string(body)))
	_, nothing := sum(t, strings.NewReader(""))
	for _, form := range []struct {
		name string
		path string
		args []string
		want string // in what curl prints, head and body
	}{
		{"GET", "/", nil, "GET HTTP/1.1 [] 0 " + nothing},
		{"HTTP/1.0", "/", []string{"--http1.0"}, "GET HTTP/1.0 [] 0 " + nothing},
		{"HTTP/1.0 upload", "/", []string{"--http1.0", "-T", upload}, fmt.Sprintf("PUT HTTP/1.0 [] %d %s", size, want)},
		{"HTTP/1.0 keep-alive", "/", []string{"--http1.0", "-H", "Connection: keep-alive"}, "GET HTTP/1.0 [] 0 " + nothing},
		{"upload", "/", []string{"-T", upload, "-H", "Expect:"}, fmt.Sprintf("PUT HTTP/1.1 [] %d %s", size, want)},
		{"chunked upload", "/", []string{"-T", upload, "-H", "Transfer-Encoding: chunked", "-H", "Expect:"}, fmt.Sprintf("PUT HTTP/1.1 [chunked] %d %s", size, want)},
		{"expect", "/", []string{"-T", upload, "-H", "Expect: 100-continue"}, fmt.Sprintf("PUT HTTP/1.1 [] %d %s", size, want)},
		{"expect, seen", "/", []string{"-T", upload, "-H", "Expect: 100-continue"}, "HTTP/1.1 100 Continue"},
		{"expect, chunked", "/", []string{"-T", upload, "-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue"}, fmt.Sprintf("PUT HTTP/1.1 [chunked] %d %s", size, want)},
		{"expect, refused", "/refuse", []string{"-T", upload, "-H", "Expect: 100-continue"}, "HTTP/1.1 403 Forbidden"},
		{"trailer", "/", nil, "Sum: " + nothing},
		{"DELETE with a body", "/", []string{"-X", "DELETE", "--data-binary", "abc"}, "DELETE HTTP/1.1 [] 3 "},
		{"unknown method", "/", []string{"-X", "PROPFIND"}, "PROPFIND HTTP/1.1 [] 0 "},
	} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(scheme+" "+form.name, func(t *testing.T) {
				name := hostAndPort(c.url(scheme))
				to := []string{"--connect-to", name + ":127.0.0.1:" + name[strings.LastIndex(name, ":")+1:]}
				// Longer than anything here may take: a 100 that never comes is a failure.
				args := append(to, "-sS", "-k", "-i", "--expect100-timeout", fmt.Sprint(3*patience.Seconds()), "--max-time", fmt.Sprint(2*patience.Seconds()), c.url(scheme)+form.path)
				args = append(args, form.args...)
				began := time.Now()
				out := command(t, in(dir), curl, args...)
				if !strings.Contains(out, form.want) {
					t.Errorf("no %q in\n%s", form.want, out)
				}
				if took := time.Since(began); took > patience {
					t.Errorf("took %v", took)
				}
			})
		}
	}
}
