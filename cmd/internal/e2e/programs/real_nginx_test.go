//go:build linux

package programs

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ngrok/conn/conntest"
)

// startNginx runs nginx with what http holds of a configuration, and waits for port.
func startNginx(t testing.TB, port, http string) *process {
	t.Helper()
	nginx := need(t, "nginx-light", "nginx")[0]
	dir := t.TempDir()
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // the files are in directories of this user alone
	}
	config := write(t, dir, "nginx.conf", fmt.Sprintf(`
%s
daemon off;
worker_processes 2;
pid %[2]s/pid;
error_log stderr warn;
events { worker_connections 512; }
http {
	access_log off;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	default_type application/octet-stream;
	%[3]s
}
`, user, dir, http))
	p := run(t, nil, nginx, "-p", dir, "-c", config, "-e", "stderr")
	p.await(t, port)
	return p
}

// nginx is a private service whose visitors keep connections alive and ask for ranges.
func TestRealNginxService(t *testing.T) {
	files := t.TempDir()
	const size = 8 << 20
	whole, err := io.ReadAll(noise([32]byte{3}, size))
	if err != nil {
		t.Fatal(err)
	}
	write(t, files, "file", string(whole))
	port := conntest.ReservePort(t)
	startNginx(t, port, "server { listen 127.0.0.1:"+port+"; root "+files+"; keepalive_requests 40; }")
	s := newSite(t)
	c := s.client(port)
	visitor := local(t)

	for _, scheme := range []string{"http", "https"} {
		url := c.url(scheme) + "/file"
		t.Run(scheme+" keep-alive", func(t *testing.T) {
			const n = 200
			fresh := 0
			for i := range n {
				from := i * 1000
				req, _ := http.NewRequest("GET", url, nil)
				req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, from+999))
				req = req.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
					if !info.Reused {
						fresh++
					}
				}}))
				resp, err := visitor.Do(req)
				if err != nil {
					t.Fatalf("request %d: %v", i, err)
				}
				b, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != 206 || string(b) != string(whole[from:from+1000]) {
					t.Fatalf("request %d: %s, %d bytes, %v", i, resp.Status, len(b), err)
				}
			}
			// nginx ends each connection after 40 requests.
			if fresh != n/40 {
				t.Errorf("%d requests took %d connections, want %d", n, fresh, n/40)
			}
		})
		t.Run(scheme+" several ranges", func(t *testing.T) {
			req, _ := http.NewRequest("GET", url, nil)
			req.Header.Set("Range", "bytes=0-9,1000000-1000999,-5")
			resp, err := visitor.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
			if err != nil || resp.StatusCode != 206 {
				t.Fatal(resp.Status, err)
			}
			parts := multipart.NewReader(resp.Body, params["boundary"])
			for _, want := range [][]byte{whole[:10], whole[1000000:1001000], whole[size-5:]} {
				part, err := parts.NextPart()
				if err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(part); err != nil || string(b) != string(want) {
					t.Errorf("part %s: %d bytes, %v", part.Header.Get("Content-Range"), len(b), err)
				}
			}
		})
		t.Run(scheme+" no body", func(t *testing.T) {
			resp, err := visitor.Head(url)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != 200 || resp.ContentLength != size {
				t.Errorf("HEAD: %s, length %d", resp.Status, resp.ContentLength)
			}
			req, _ := http.NewRequest("GET", url, nil)
			req.Header.Set("If-None-Match", resp.Header.Get("Etag"))
			if resp, err = visitor.Do(req); err != nil || resp.StatusCode != 304 {
				t.Errorf("GET of what is known: %v, %v", resp, err)
			}
			req.Header = http.Header{"Range": {"bytes=99999999-"}}
			if resp, err = visitor.Do(req); err != nil || resp.StatusCode != 416 {
				t.Errorf("a range beyond the end: %v, %v", resp, err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		})
		t.Run(scheme+" resume", func(t *testing.T) {
			tools := need(t, "curl wget", "curl", "wget")
			dir := t.TempDir()
			half := string(whole[:size/2])
			name := hostAndPort(url)
			command(t, in(dir), tools[0], "-sS", "-k", "--fail", "--connect-to", name+":127.0.0.1:"+name[strings.LastIndex(name, ":")+1:], "-C", "-", "-o", write(t, dir, "curl", half), url)
			// wget knows no option for the address of a name: it is told another host.
			_, public, _ := strings.Cut(name, ":")
			command(t, in(dir), tools[1], "-nv", "--no-check-certificate", "--header=Host: "+name, "-c", "-O", write(t, dir, "wget", half), scheme+"://127.0.0.1:"+public+"/file")
			for _, by := range []string{"curl", "wget"} {
				if b, err := os.ReadFile(filepath.Join(dir, by)); err != nil || string(b) != string(whole) {
					t.Errorf("%s has %d bytes, %v, not the file's", by, len(b), err)
				}
			}
		})
	}
}
