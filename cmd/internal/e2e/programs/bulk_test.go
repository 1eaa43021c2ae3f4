//go:build linux

package programs

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// noise returns n bytes that are the same for the same seed.
func noise(seed [32]byte, n int64) io.Reader { return io.LimitReader(mathrand.NewChaCha8(seed), n) }

func sum(t testing.TB, r io.Reader) (n int64, digest string) {
	t.Helper()
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		t.Error(err)
	}
	return n, hex.EncodeToString(h.Sum(nil))
}

// Bodies of any size pass whole, and both programs hold little of them.
func TestProgramsBulk(t *testing.T) {
	size := sized[int64](96<<20, 2<<30)
	// Measured at 2 GiB: 16 MiB in each.
	const most = 48 << 20
	var seed [32]byte
	rand.Read(seed[:])
	_, want := sum(t, noise(seed, size))
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Length", fmt.Sprint(size))
			io.Copy(w, noise(seed, size))
			return
		}
		n, digest := sum(t, r.Body)
		fmt.Fprintf(w, "%d %s", n, digest)
	}))
	defer service.Close()
	s := newSite(t)
	c := s.client("-subdomain=bulk", service.Listener.Addr().String())
	visitor := local(t)
	for _, scheme := range []string{"http", "https"} {
		began := time.Now()
		resp, err := visitor.Get(c.url(scheme))
		if err != nil {
			t.Fatal(err)
		}
		n, digest := sum(t, resp.Body)
		resp.Body.Close()
		if n != size || digest != want {
			t.Errorf("%s download: %d bytes, SHA-256 %s, want %d, %s", scheme, n, digest, size, want)
		}
		t.Logf("%s download of %d MiB in %v", scheme, size>>20, time.Since(began).Round(time.Millisecond))
		for _, length := range []int64{size, -1} {
			began := time.Now()
			req, _ := http.NewRequest("PUT", c.url(scheme), io.NopCloser(noise(seed, size)))
			req.ContentLength = length
			resp, err := visitor.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if got := string(b); err != nil || got != fmt.Sprintf("%d %s", size, want) {
				t.Errorf("%s upload (length %d): the service got %q, %v, want %d %s", scheme, length, got, err, size, want)
			}
			t.Logf("%s upload of %d MiB (length %d) in %v", scheme, size>>20, length, time.Since(began).Round(time.Millisecond))
		}
	}
	server, client := s.server.resident(t), c.resident(t)
	t.Logf("largest resident memory: ngrokd %.1f MiB, ngrok %.1f MiB", float64(server)/(1<<20), float64(client)/(1<<20))
	if server > most || client > most {
		t.Errorf("ngrokd held %d bytes, ngrok %d, want at most %d", server, client, most)
	}
}

// A transfer that was cut must not look complete, whichever program was killed.
func TestProgramsKilledAmidATransfer(t *testing.T) {
	for _, victim := range []string{"ngrok", "ngrokd"} {
		t.Run(victim, func(t *testing.T) {
			service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "close")
				for r.Context().Err() == nil {
					if _, err := w.Write(make([]byte, 64<<10)); err != nil {
						return
					}
				}
			}))
			defer service.Close()
			s := newSite(t)
			c := s.client(service.Listener.Addr().String())
			resp, err := local(t).Get(c.url("http"))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if _, err := io.CopyN(io.Discard, resp.Body, 4<<20); err != nil {
				t.Fatal(err)
			}
			if victim == "ngrok" {
				c.kill()
			} else {
				s.server.kill()
			}
			if _, err := io.Copy(io.Discard, resp.Body); err == nil {
				t.Error("the visitor sees a complete response")
			}
		})
	}
}
