package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"golang.org/x/time/rate"
)

// Wrong passwords are refused unseen beyond this rate, which is ample for typing.
const (
	guessesPerSecond = 1
	guessBurst       = 10
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
	want    [sha256.Size]byte // of "user:password"
	cookie  string            // random, one for each run
	guesses *rate.Limiter
}

func newPassword(auth string) (*password, error) {
	user, pass, ok := strings.Cut(auth, ":")
	if !ok || user == "" || pass == "" {
		return nil, &configError{"inspect_auth", "has no password", "write user:password"}
	}
	return &password{
		want:    sha256.Sum256([]byte(auth)),
		cookie:  rand.Text(),
		guesses: rate.NewLimiter(guessesPerSecond, guessBurst),
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
		if p.guesses.Tokens() < 1 {
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
		p.guesses.Allow()
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="ngrok inspector", charset="UTF-8"`)
	http.Error(w, "401 the inspector wants the user name and password of inspect_auth", http.StatusUnauthorized)
	return false
}
