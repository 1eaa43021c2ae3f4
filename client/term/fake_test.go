package term

import (
	"sync"
	"time"

	"ngrok/client"
)

// testTime is when the views of the tests are looked at.
var testTime = time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)

// demoState is a client that is online with two tunnels.
func demoState() client.State {
	tunnel := func(scheme string) client.TunnelState {
		return client.TunnelState{Name: "command_line", PublicURL: scheme + "://blog.tunnel.example.com",
			Protocol: scheme, LocalAddr: "127.0.0.1:8888", Inspect: true}
	}
	return client.State{
		Status:        client.Online,
		ServerAddr:    "tunnel.example.com:4443",
		ClientVersion: "2.0.0",
		ServerVersion: "2.0.0",
		Tunnels:       []client.TunnelState{tunnel("http"), tunnel("https")},
		Metrics:       client.Metrics{Conns: client.Distribution{Count: 42, Mean: 12340 * time.Microsecond}},
	}
}

// demoRequests are newest first.
func demoRequests() []Request {
	return []Request{
		{Method: "GET", Path: "/events", Status: 200, Duration: 83 * time.Second, Open: true},
		{Method: "POST", Path: "/hooks/payment", Status: 500, Duration: 48210 * time.Microsecond},
		{Method: "GET", Path: "/assets/app.css", Status: 304, Duration: 1930 * time.Microsecond},
		{Method: "GET", Path: "/favicon.ico", Status: 404, Duration: 870 * time.Microsecond},
		{Method: "GET", Path: "/search?q=日本語", Status: 200, Duration: 17400 * time.Microsecond},
		{Method: "OPTIONS", Path: "/api/v1/orders/7f3a9d2c-2b1e-4c58-9c3d-0a1b2c3d4e5f/items?page=2&per_page=100", Status: 204, Duration: 640 * time.Microsecond},
		{Method: "GET", Path: "/socket", Status: 101, Duration: 61 * time.Minute, Open: true},
		{Method: "DELETE", Path: "/cart/3", Duration: 5020 * time.Millisecond},
		{Method: "PUT", Path: "/upload", Duration: 2 * time.Second, Open: true},
		{Path: "", Duration: 3 * time.Millisecond},
		{Method: "GET", Path: "/", Status: 200, Duration: 9300 * time.Microsecond},
	}
}

// pictureRequests are those of the picture in the documentation.
func pictureRequests() []Request {
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	return []Request{
		{Method: "POST", Path: "/hooks/payment", Status: 200, Duration: ms(48.21)},
		{Method: "POST", Path: "/hooks/payment", Status: 500, Duration: ms(31.07)},
		{Method: "GET", Path: "/events", Status: 200, Duration: 83 * time.Second, Open: true},
		{Method: "GET", Path: "/assets/app.css", Status: 304, Duration: ms(1.93)},
		{Method: "GET", Path: "/favicon.ico", Status: 404, Duration: ms(0.87)},
		{Method: "DELETE", Path: "/cart/3", Status: 204, Duration: ms(5.12)},
		{Method: "GET", Path: "/search?q=tunnel&page=2", Status: 200, Duration: ms(17.4)},
		{Method: "GET", Path: "/login", Status: 302, Duration: ms(2.66)},
		{Method: "GET", Path: "/", Status: 200, Duration: ms(9.3)},
	}
}

// fakeSource is a client and a store whose content tests change.
type fakeSource struct {
	mu       sync.Mutex
	state    client.State
	requests []Request
	subs     map[chan struct{}]bool
	onState  func() // called by each State
}

func (f *fakeSource) State() client.State {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.onState != nil {
		f.onState()
	}
	return f.state
}

func (f *fakeSource) Recent(n int) []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests[:min(n, len(f.requests))]
}

func (f *fakeSource) Subscribe() (<-chan struct{}, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan struct{}, 1)
	if f.subs == nil {
		f.subs = map[chan struct{}]bool{}
	}
	f.subs[c] = true
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subs, c)
	}
}

// change changes the content and tells the subscribers.
func (f *fakeSource) change(do func(*fakeSource)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f)
	for c := range f.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (f *fakeSource) subscribers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subs)
}
