//go:build linux

package programs

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// halves is a service that sends half an answer, and the rest when it is told to.
func halves(t testing.TB) (addr string, goOn chan struct{}) {
	goOn = make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "01234")
		w.(http.Flusher).Flush()
		select {
		case <-goOn:
			io.WriteString(w, "56789")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(service.Close)
	return service.Listener.Addr().String(), goOn
}

// A signal lets what flows finish; a second one does not, and shows in the exit code.
func TestProgramsStop(t *testing.T) {
	for _, victim := range []string{"ngrokd", "ngrok"} {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			t.Run(victim+" "+sig.String(), func(t *testing.T) {
				start := func(args ...string) (s *site, p *process, resp *http.Response, goOn chan struct{}) {
					addr, goOn := halves(t)
					var serverArgs, clientArgs []string
					if victim == "ngrokd" {
						serverArgs = args
					} else {
						clientArgs = args
					}
					s = newSite(t, serverArgs...)
					c := s.client(append(clientArgs, addr)...)
					p = c.process
					if victim == "ngrokd" {
						p = s.server
					}
					resp, err := local(t).Get(c.url("http"))
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { resp.Body.Close() })
					return s, p, resp, goOn
				}
				t.Run("what flows finishes", func(t *testing.T) {
					s, p, resp, goOn := start("-grace=1h")
					p.signal(t, sig)
					p.find(t, `(?i)stopping|waiting for 1`)
					if victim == "ngrokd" {
						eventually(t, "no more visitors are taken", func() bool {
							nc, err := net.Dial("tcp", s.httpAddr)
							if err == nil {
								nc.Close()
							}
							return err != nil
						})
					}
					select {
					case <-p.ended:
						t.Fatal("it ended before what flows did")
					default:
					}
					close(goOn)
					if b, err := io.ReadAll(resp.Body); string(b) != "0123456789" || err != nil {
						t.Errorf("the visitor read %q, %v", b, err)
					}
					if code := p.end(t); code != 0 {
						t.Errorf("exit code %d", code)
					}
				})
				t.Run("a second signal", func(t *testing.T) {
					_, p, resp, _ := start("-grace=1h")
					p.signal(t, sig)
					p.find(t, `(?i)stopping|waiting for 1`)
					p.signal(t, sig)
					if code, want := p.end(t), 128+int(sig); code != want {
						t.Errorf("exit code %d, want %d", code, want)
					}
					if _, err := io.ReadAll(resp.Body); err == nil {
						t.Error("what was cut looks complete")
					}
				})
				t.Run("the grace ends", func(t *testing.T) {
					_, p, resp, _ := start("-grace=200ms")
					p.signal(t, sig)
					if code := p.end(t); code != 0 {
						t.Errorf("exit code %d", code)
					}
					if _, err := io.ReadAll(resp.Body); err == nil {
						t.Error("what was cut looks complete")
					}
				})
			})
		}
	}
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not seen: %s", what)
		}
	}
}

// Nothing flows: a visitor that keeps its connection for later holds nobody up.
func TestProgramsStopIdle(t *testing.T) {
	for _, victim := range []string{"ngrokd", "ngrok"} {
		t.Run(victim, func(t *testing.T) {
			s := newSite(t, "-grace=1h")
			c := s.client("-grace=1h", named(t, "here"))
			if visitor := local(t); !answers(visitor, c.url("http"), "here") || !answers(visitor, c.url("https"), "here") {
				t.Fatal("no answer")
			}
			p := c.process
			if victim == "ngrokd" {
				p = s.server
			}
			p.signal(t, syscall.SIGTERM)
			if code := p.end(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// What cannot start says why and ends: 1 for errors, 2 for wrong usage.
func TestProgramsExitCodes(t *testing.T) {
	s := newSite(t, "-open=false")
	taken := s.httpAddr
	for _, c := range []struct {
		name    string
		program string
		args    []string
		code    int
		says    string
	}{
		{"no arguments", "ngrok", nil, 2, "nothing to do"},
		{"unknown flag", "ngrok", []string{"-nonsense", "80"}, 2, "-nonsense"},
		{"no token", "ngrok", []string{"-server-addr=" + s.tunnelAddr, "-inspect-addr=disabled", "80"}, 1, "has none"},
		{"wrong token", "ngrok", []string{"-server-addr=" + s.tunnelAddr, "-inspect-addr=disabled", "-authtoken=guess", "80"}, 1, "does not know the token"},
		{"no TLS", "ngrok", []string{"-server-addr=" + s.httpAddr, "-inspect-addr=disabled", "80"}, 1, "tunnel port"},
		{"no such file", "ngrok", []string{"-config=/nonexistent/x.yml", "80"}, 1, "/nonexistent/x.yml"},
		{"port taken", "ngrokd", []string{"-domain=localhost", "-httpsAddr=", "-tunnelAddr=127.0.0.1:0", "-httpAddr=" + taken}, 1, "in use"},
		{"unknown flag", "ngrokd", []string{"-nonsense"}, 2, "nonsense"},
		{"help", "ngrok", []string{"help"}, 0, "Usage"},
		{"help", "ngrokd", []string{"-h"}, 0, "Usage"},
		{"version", "ngrok", []string{"version"}, 0, "1."},
	} {
		t.Run(c.program+" "+c.name, func(t *testing.T) {
			p := s.program(c.program, c.args...)
			if code := p.end(t); code != c.code || !strings.Contains(p.text(), c.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, c.code, c.says, p.text())
			}
		})
	}
}

// fullPipe returns the write end of a pipe that takes nothing more and is never read.
func fullPipe(t testing.TB) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	for err == nil {
		_, err = w.Write(make([]byte, 4096))
	}
	return w
}
