//go:build linux

package programs

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ngrok/conn/conntest"
)

// named starts a private service that answers with its name.
func named(t testing.TB, name string) string {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, name) }))
	t.Cleanup(service.Close)
	return service.Listener.Addr().String()
}

// answers reports whether a GET of the URL brings the body.
func answers(c *http.Client, url, body string) bool {
	resp, err := c.Get(url)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return err == nil && resp.StatusCode == 200 && string(b) == body
}

// greeting starts a tcp service that says its name.
func greeting(t testing.TB, name string) string {
	return conntest.Serve(t, func(nc net.Conn) { io.WriteString(nc, name) }).String()
}

// greets reports whether the tcp:// URL leads to the service of that name.
func greets(url, name string) bool {
	_, port, _ := strings.Cut(strings.TrimPrefix(url, "tcp://"), ":")
	nc, err := net.DialTimeout("tcp", "127.0.0.1:"+port, 10*time.Second)
	if err != nil {
		return false
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	b, err := io.ReadAll(nc)
	return err == nil && string(b) == name
}

// Every client of a server that was killed is back with its URLs within 5 s of the
// server's return, where not all else is tested at the same time.
func TestProgramsServerKilled(t *testing.T) {
	backWithin := sized(30*time.Second, 5*time.Second)
	n := sized(9, 50)
	// The ports must be nobody else's while the server is away.
	var ports []string
	for range n {
		ports = append(ports, conntest.ReservePort(t))
	}
	s := newSite(t, "-config="+write(t, t.TempDir(), "ngrokd.yml", "tcp_ports: "+strings.Join(ports, ", ")+"\n"))
	check := make([]func() bool, n)
	var starting sync.WaitGroup
	for i := range n {
		starting.Go(func() {
			name := fmt.Sprintf("service%d", i)
			visitor := local(t)
			visitor.Transport.(*http.Transport).DisableKeepAlives = true
			visitor.Timeout = 10 * time.Second
			switch i % 3 {
			case 0: // a name of its own
				url := s.client("-subdomain="+name, named(t, name)).url("http")
				check[i] = func() bool { return answers(visitor, url, name) }
			case 1: // one that the server picked
				url := s.client(named(t, name)).url("https")
				check[i] = func() bool { return answers(visitor, url, name) }
			case 2:
				url := s.client("-proto=tcp", greeting(t, name)).url("tcp")
				check[i] = func() bool { return greets(url, name) }
			}
		})
	}
	starting.Wait()
	if t.Failed() {
		return
	}
	for i := range n {
		if !check[i]() {
			t.Fatalf("client %d does not serve before the server is killed", i)
		}
	}
	for _, away := range sized([]time.Duration{time.Second}, []time.Duration{time.Second, 5 * time.Second, 20 * time.Second}) {
		s.server.kill()
		<-time.After(away) // the outage is what is tested
		s.start()
		began := time.Now()
		took := make([]time.Duration, n)
		var returning sync.WaitGroup
		for i := range n {
			returning.Go(func() {
				for !check[i]() {
					if time.Since(began) > patience {
						t.Errorf("after %v away: client %d is not back", away, i)
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
				took[i] = time.Since(began)
			})
		}
		returning.Wait()
		var last time.Duration
		for _, d := range took {
			last = max(last, d)
		}
		t.Logf("away for %v: the last of %d clients was back after %v", away, n, last.Round(time.Millisecond))
		if last > backWithin {
			t.Errorf("away for %v: the last client was back after %v, want %v", away, last, backWithin)
		}
	}
}

// A client that was killed gets its name at once when it is started again.
func TestProgramsClientKilled(t *testing.T) {
	for _, c := range []struct {
		name   string
		server []string
		token  bool
	}{
		{"with a token", []string{"-open=false"}, true},
		{"without a token", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, c.server...)
			home, addr := t.TempDir(), named(t, "mine")
			args := []string{"-subdomain=mine"}
			if c.token {
				args = append(args, "-authtoken="+s.server.find(t, `auth_token: (\S+)`))
			}
			args = append(args, addr)
			visitor := local(t)
			for range sized(3, 20) {
				began := time.Now()
				client := s.clientIn(home, args...)
				if url := client.url("http"); !strings.HasPrefix(url, "http://mine.localhost:") || !answers(visitor, url, "mine") {
					t.Fatalf("%s does not serve", url)
				}
				if took := time.Since(began); took > sized(30*time.Second, 5*time.Second) {
					t.Errorf("online after %v", took)
				}
				client.kill()
			}
			// Stopped rather than killed, its names are free the same way; and a
			// stranger gets them only then.
			client := s.clientIn(home, args...)
			client.url("http")
			if !c.token {
				stranger := s.program("ngrok", "-server-addr="+s.tunnelAddr, "-inspect-addr=disabled", "-subdomain=mine", addr)
				if code := stranger.end(t); code != 1 || !strings.Contains(stranger.text(), "mine.localhost") {
					t.Errorf("a stranger ended with %d:\n%s", code, stranger.text())
				}
			}
			client.signal(t, syscall.SIGTERM)
			if code := client.end(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}
