//go:build linux

package programs

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// git clones and pushes through an HTTP tunnel, by both of its HTTP protocols.
func TestRealGit(t *testing.T) {
	git := need(t, "git", "git")[0]
	dir := t.TempDir()
	identity := []string{"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0"}
	run := func(dir string, args ...string) string {
		t.Helper()
		return command(t, in(dir, identity...), git, args...)
	}
	// A history of some size, whose packs go chunked and compressed.
	work := filepath.Join(dir, "work")
	run(dir, "init", "-q", "-b", "main", work)
	for i := range sized(5, 50) {
		var seed [32]byte
		seed[0] = byte(i)
		f, err := os.Create(filepath.Join(work, "noise"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.ReadFrom(noise(seed, 2<<20)); err != nil {
			t.Fatal(err)
		}
		f.Close()
		run(work, "add", ".")
		run(work, "commit", "-q", "-m", "change")
	}
	head := strings.TrimSpace(run(work, "rev-parse", "HEAD"))
	bare := filepath.Join(dir, "served", "repo.git")
	run(dir, "clone", "-q", "--bare", work, bare)
	run(bare, "config", "http.receivepack", "true")
	run(bare, "update-server-info")

	backend := strings.TrimSpace(run(dir, "--exec-path")) + "/git-http-backend"
	smart := &cgi.Handler{Path: backend, Root: "/smart", Env: []string{"GIT_PROJECT_ROOT=" + filepath.Join(dir, "served"), "GIT_HTTP_EXPORT_ALL=1", "HOME=" + dir}, InheritEnv: []string{"PATH"}}
	mux := http.NewServeMux()
	mux.HandleFunc("/smart/", func(w http.ResponseWriter, r *http.Request) {
		// CGI wants to know the length before.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		smart.ServeHTTP(w, r)
	})
	mux.Handle("/static/", http.StripPrefix("/static", http.FileServer(http.Dir(filepath.Join(dir, "served")))))
	service := httptest.NewServer(mux)
	defer service.Close()

	s := newSite(t)
	c := s.client("-httpauth=git:secret", service.Listener.Addr().String())
	for _, scheme := range []string{"http", "https"} {
		// The name is found on loopback whatever this machine's resolver does.
		via := []string{"-c", "http.sslVerify=false", "-c", "http.curloptResolve=" + hostAndPort(c.url(scheme)) + ":127.0.0.1"}
		url := strings.Replace(c.url(scheme), "://", "://git:secret@", 1)
		for _, kind := range []string{"/smart", "/static"} {
			clone := filepath.Join(t.TempDir(), "clone")
			run(dir, append(via, "clone", "-q", url+kind+"/repo.git", clone)...)
			if got := strings.TrimSpace(run(clone, "rev-parse", "HEAD")); got != head {
				t.Errorf("%s%s: cloned %s, want %s", scheme, kind, got, head)
			}
			run(clone, "fsck", "--full")
		}
		// A push of more than 1 MiB is sent chunked, after a probe without a body.
		clone := filepath.Join(t.TempDir(), "clone")
		run(dir, append(via, "clone", "-q", url+"/smart/repo.git", clone)...)
		f, err := os.Create(filepath.Join(clone, scheme))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.ReadFrom(noise([32]byte{31: 1, 0: scheme[len(scheme)-1]}, 5<<20)); err != nil {
			t.Fatal(err)
		}
		f.Close()
		run(clone, "add", ".")
		run(clone, "commit", "-q", "-m", "pushed")
		run(clone, append(via, "push", "-q", "origin", "HEAD:refs/heads/"+scheme)...)
		if got, want := run(bare, "rev-parse", scheme), run(clone, "rev-parse", "HEAD"); got != want {
			t.Errorf("%s: pushed %s, want %s", scheme, got, want)
		}
	}
	stranger := exec.CommandContext(t.Context(), git, "-c", "http.curloptResolve="+hostAndPort(c.url("http"))+":127.0.0.1", "ls-remote", c.url("http")+"/smart/repo.git")
	in(dir, identity...)(stranger)
	if out, err := stranger.CombinedOutput(); err == nil {
		t.Errorf("git reads without the password:\n%s", out)
	}
}
