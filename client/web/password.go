package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

// Beyond this rate nothing that a guesser's address sends is looked at, which is ample
// for typing. Addresses are remembered up to a bound, then forgotten all at once.
const (
	guessesPerSecond = 1
	guessBurst       = 10
	maxGuessers      = 4096
)

// socketCookie admits the page's websocket, since not every browser sends its
// password along with one. Its path keeps it away from other ports of the same host,
// which cookies do not tell apart.
const (
	socketCookie = "ngrok_inspect"
	socketPath   = "/_ws"
)

// password admits those who know the user name and password of inspect_auth.
type password struct {
	want   [sha256.Size]byte // of "user:password"
	cookie string            // random, one for each run

	mu      sync.Mutex
	guesses map[string]*rate.Limiter // by the address of who got it wrong
}

func newPassword(auth string) (*password, error) {
	user, pass, ok := strings.Cut(auth, ":")
	if !ok || user == "" || pass == "" {
		return nil, &configError{"inspect_auth", "has no password", "write user:password"}
	}
	return &password{
		want:    sha256.Sum256([]byte(auth)),
		cookie:  rand.Text(),
		guesses: map[string]*rate.Limiter{},
	}, nil
}

// admit says whether the request carries the password, and answers it when not.
func (p *password) admit(w http.ResponseWriter, r *http.Request) bool {
	if c, err := r.Cookie(socketCookie); err == nil && r.URL.Path == socketPath &&
		subtle.ConstantTimeCompare([]byte(c.Value), []byte(p.cookie)) == 1 {
		return true
	}
	user, pass, given := r.BasicAuth()
	if given {
		if p.guessedTooOften(r.RemoteAddr) {
			w.Header().Set("Retry-After", "5")
			http.Error(w, "429 too many wrong passwords; wait a few seconds", http.StatusTooManyRequests)
			return false
		}
		got := sha256.Sum256([]byte(user + ":" + pass))
		if subtle.ConstantTimeCompare(got[:], p.want[:]) == 1 {
			http.SetCookie(w, &http.Cookie{Name: socketCookie, Value: p.cookie, Path: socketPath,
				HttpOnly: true, SameSite: http.SameSiteStrictMode})
			return true
		}
		p.noteGuess(r.RemoteAddr)
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="ngrok inspector", charset="UTF-8"`)
	http.Error(w, "401 the inspector wants the user name and password of inspect_auth", http.StatusUnauthorized)
	return false
}

// guessedTooOften says whether an address has to wait.
func (p *password) guessedTooOften(remote string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.guesses[hostOf(remote)]
	return l != nil && l.Tokens() < 1
}

func (p *password) noteGuess(remote string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	host := hostOf(remote)
	l := p.guesses[host]
	if l == nil {
		if len(p.guesses) >= maxGuessers {
			clear(p.guesses)
		}
		l = rate.NewLimiter(guessesPerSecond, guessBurst)
		p.guesses[host] = l
	}
	l.Allow()
}

// hostOf returns the address of an ip:port.
func hostOf(remote string) string {
	host, _, _ := net.SplitHostPort(remote)
	return host
}
