//go:build linux

package programs

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// slowhttptest holds connections with heads, bodies and reads that never come to an end.
// Meanwhile others want the same tunnel, and another one.
func TestRealSlowHTTP(t *testing.T) {
	slowhttptest := need(t, "slowhttptest", "slowhttptest")[0]
	large := bytes.Repeat([]byte("large "), 1<<20/6)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/large" {
			w.Write(large)
			return
		}
		io.WriteString(w, "served")
	}))
	t.Cleanup(service.Close) // after the parallel ones

	for _, attack := range []struct {
		name, path, args string
		seconds          int // with -long
	}{
		{"headers", "/", "-H -i 5", 15}, // over as soon as the last head is cut, after 20 s
		{"body", "/", "-B -i 5 -s 8192", 40},
		{"read", "/large", "-X -w 512 -y 1024 -n 5 -z 32 -k 3", 40},
	} {
		t.Run(attack.name, func(t *testing.T) {
			if !*long {
				t.Parallel()
			}
			s := newSite(t)
			a := s.client("-subdomain=attacked", service.Listener.Addr().String())
			b := s.client("-subdomain=beside", service.Listener.Addr().String())

			connections, rate, seconds := sized(100, 4000), sized(100, 400), sized(4, attack.seconds)
			args := fmt.Sprintf("%s -c %d -r %d -l %d -p 20 -d %s -u %s%s",
				attack.args, connections, rate, seconds+10, s.httpAddr, a.url("http"), attack.path)
			attacker := run(t, nil, "sh", append([]string{"-c", `ulimit -n 10000; exec "$0" "$@"`, slowhttptest}, strings.Fields(args)...)...)

			var wg sync.WaitGroup
			for _, url := range []string{a.url("http"), b.url("http")} {
				wg.Go(func() { request(t, url, time.Duration(seconds)*time.Second) })
			}
			wg.Wait()
			select {
			case <-attacker.ended:
				t.Errorf("the attack ended early:\n%s", attacker.text())
			default:
			}
			attacker.kill()
			t.Logf("most memory: ngrokd %d MB, ngrok of the attacked tunnel %d MB",
				s.server.resident(t)/1e6, a.resident(t)/1e6)
		})
	}
}

// request makes a hundred requests a second, each on a connection of its own, whether
// earlier ones were answered or not. It fails for what is not served, and with -long, for
// which the machine has to be quiet, if one of a hundred takes 100 ms.
func request(t *testing.T, url string, d time.Duration) {
	client := local(t)
	client.Transport.(*http.Transport).DisableKeepAlives = true
	var wg sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C { // not longer on a slow machine: the attack ends, too
		wg.Go(func() {
			began := time.Now()
			resp, err := client.Get(url)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "served" {
				t.Errorf("%s: %.40q, %v", resp.Status, body, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(began))
		})
	}
	wg.Wait()
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	p99, most := took[len(took)*99/100], took[len(took)-1]
	t.Logf("%s: %d requests, half of them within %v, 99 of 100 within %v, all within %v", url, len(took), took[len(took)/2], p99, most)
	if *long && p99 > 100*time.Millisecond {
		t.Errorf("%s: one of 100 takes %v", url, p99)
	}
}
