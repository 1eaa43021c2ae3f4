//go:build linux

package load

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"ngrok/cmd/internal/chaos/verify"
)

// Load is streams of all kinds between visitors and the services of all sites.
type Load struct {
	Book *verify.Book
	// Seed is what all choices are drawn from.
	Seed uint64
	// Visitors is how many streams are open at the same time.
	Visitors int
	// Scale shrinks large streams; 1 is full size.
	Scale float64
	// Pause is how long each visitor rests between two streams, on average.
	Pause time.Duration
	// Patience is how long nothing may move on a connection.
	Patience time.Duration
	// TLS is for visitors of https URLs.
	TLS *tls.Config
	// Public are the tunnels, for each site the public URLs.
	Public []Public

	mu       sync.Mutex
	open     map[patient]struct{}
	statuses map[int]int64 // of answers that no service gave
	ended    atomic.Int64  // streams
}

// Public is where the services of a site are reached.
type Public struct {
	TCP         string // host:port
	HTTP, HTTPS string // URLs without a path
}

// End is the private end of a site: its services.
type End struct {
	load *Load
	site int
}

// Serve runs the private services of a site until ctx ends: one for TCP, one for HTTP.
func (l *Load) Serve(ctx context.Context, site int, tcp, http1 net.Listener) {
	e := &End{load: l, site: site}
	web := &http.Server{Handler: http.HandlerFunc(e.serveHTTP), ErrorLog: log.New(io.Discard, "", 0)}
	stop := context.AfterFunc(ctx, func() { tcp.Close(); web.Close(); l.abortAll() })
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { e.serveTCP(tcp) })
	web.Serve(http1) // not patient: net/http wakes its reads with deadlines of its own
	wg.Wait()
}

// Run visits until ctx ends and then returns once the streams that are open are done or
// drain is over; those that are left then are aborted.
func (l *Load) Run(ctx context.Context, drain time.Duration) {
	var wg sync.WaitGroup
	for i := range l.Visitors {
		wg.Go(func() { l.visit(ctx, i) })
	}
	<-ctx.Done()
	timer := time.AfterFunc(drain, l.abortAll)
	defer timer.Stop()
	wg.Wait()
}

// Ended returns how many streams are done.
func (l *Load) Ended() int64 { return l.ended.Load() }

// Statuses returns how often each status was answered by no service.
func (l *Load) Statuses() map[int]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := make(map[int]int64)
	for k, v := range l.statuses {
		m[k] = v
	}
	return m
}

func (l *Load) count(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.statuses == nil {
		l.statuses = make(map[int]int64)
	}
	l.statuses[status]++
}

// visitor makes one stream after another.
type visitor struct {
	load *Load
	http *http.Transport
}

// refusedPause keeps a visitor from knocking all the time at a door that is closed.
const refusedPause = 100 * time.Millisecond

func (l *Load) visit(ctx context.Context, number int) {
	r := rand.New(rand.NewPCG(l.Seed, uint64(number)))
	v := &visitor{load: l}
	v.http = &http.Transport{DialContext: v.dial, TLSClientConfig: l.TLS.Clone(), DisableCompression: true,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: 5 * time.Second}
	defer v.http.CloseIdleConnections()
	for ctx.Err() == nil {
		k, s := draw(r, l.Scale)
		s.Site = r.IntN(len(l.Public))
		public := l.Public[s.Site]
		secure := r.IntN(2) == 0
		pause := time.Duration(r.ExpFloat64() * float64(l.Pause))
		var refused bool
		if k.http {
			base := public.HTTP
			s.Tunnel = "http"
			if secure {
				base, s.Tunnel = public.HTTPS, "https"
			}
			refused = v.visitHTTP(l.Book.Open(s), base)
		} else {
			s.Tunnel = "tcp"
			refused = v.visitTCP(l.Book.Open(s), public.TCP)
		}
		l.Book.Close(s, refused, k.once)
		l.ended.Add(1)
		if refused {
			pause = max(pause, refusedPause)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// track notes an open connection, for abortAll, and returns what forgets it.
func (l *Load) track(c patient) (forget func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = make(map[patient]struct{})
	}
	l.open[c] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.open, c)
	}
}

func (e *End) track(c patient) (forget func()) { return e.load.track(c) }

// abortAll ends what is left at the end of a run.
func (l *Load) abortAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.abort()
	}
}
