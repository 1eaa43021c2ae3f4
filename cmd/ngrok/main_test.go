package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/cmd/internal/logging"
	signals "ngrok/cmd/internal/run"
)

// buffer is an output that is read while it is written to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// waitFor waits until the output holds text.
func (b *buffer) waitFor(t *testing.T, text string) {
	t.Helper()
	waitUntil(t, func() bool { return strings.Contains(b.String(), text) }, "output %q in %q", text, b)
}

func waitUntil(t *testing.T, done func() bool, format string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for "+format, args...)
		}
	}
}

// fakeClient does what a test tells it to.
type fakeClient struct {
	cfg client.Config
	do  func(context.Context, *fakeClient) error

	mu    sync.Mutex
	state client.State
	subs  map[chan struct{}]bool
}

func (f *fakeClient) ExpectReturn() {}

func (f *fakeClient) Run(ctx context.Context) error { return f.do(ctx, f) }

func (f *fakeClient) State() client.State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

func (f *fakeClient) Subscribe() (<-chan struct{}, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ch := make(chan struct{}, 1)
	f.subs[ch] = true
	return ch, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subs, ch)
	}
}

func (f *fakeClient) set(s client.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.ServerAddr = f.cfg.ServerAddr
	f.state = s
	for ch := range f.subs {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// online tells of a session that began at the nth second, with the tunnels granted.
func (f *fakeClient) online(n int64) {
	s := client.State{Status: client.Online, Since: time.Unix(n, 0), ServerVersion: "1.7"}
	for _, t := range f.cfg.Tunnels {
		for _, p := range []string{"http", "https", "tcp"} {
			if addr, ok := t.Local[p]; ok {
				s.Tunnels = append(s.Tunnels, client.TunnelState{Name: t.Name, Protocol: p, LocalAddr: addr, PublicURL: p + "://x.example"})
			}
		}
	}
	f.set(s)
}

func (f *fakeClient) Open(context.Context, client.Tunnel) ([]client.TunnelState, error) {
	return nil, nil
}
func (f *fakeClient) CloseTunnel(string) error { return nil }

// setup is an app whose surroundings are a test's own.
type setup struct {
	*app
	out, err buffer
	dir      string // HOME and the directory of files
	env      map[string]string
	client   *fakeClient // once it was made
	started  atomic.Bool // the client runs
	ctx      context.Context
	stop     context.CancelFunc
	sig      signals.Signals // what signals do
}

// newSetup returns an app with files in its home. do is what its client does; nil
// waits for the end, online.
func newSetup(t *testing.T, files map[string]string, do func(context.Context, *fakeClient) error) *setup {
	t.Helper()
	s := &setup{dir: t.TempDir()}
	s.env = map[string]string{"HOME": s.dir, "USERPROFILE": s.dir}
	s.ctx, s.stop = context.WithCancel(t.Context())
	for name, content := range files {
		if err := os.WriteFile(s.path(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if do == nil {
		do = func(ctx context.Context, f *fakeClient) error {
			f.online(1)
			<-ctx.Done()
			return nil
		}
	}
	s.app = &app{
		getenv: func(name string) string { return s.env[name] },
		stdout: &s.out,
		stderr: &s.err,
		signals: func(parent context.Context, sig signals.Signals) (context.Context, func()) {
			s.sig = sig
			ctx, cancel := context.WithCancel(parent)
			stopped := context.AfterFunc(s.ctx, cancel)
			return ctx, func() { stopped(); cancel() }
		},
		newClient: func(cfg client.Config) (tunnelClient, error) {
			s.client = &fakeClient{cfg: cfg, do: func(ctx context.Context, f *fakeClient) error { s.started.Store(true); return do(ctx, f) }, subs: map[chan struct{}]bool{}, state: client.State{ServerAddr: cfg.ServerAddr}}
			return s.client, nil
		},
		newViews: func(*settings, *logging.Log) (*views, error) { return &views{}, nil },
	}
	return s
}

func (s *setup) path(name string) string { return filepath.Join(s.dir, name) }

// start runs args in the background and returns what waits for the exit code.
func (s *setup) start(args ...string) (wait func() int) {
	code := make(chan int, 1)
	go func() { code <- s.run(args) }()
	return func() int { return <-code }
}

// ends is what a client does in tests of what is before and after it.
func ends(_ context.Context, f *fakeClient) error {
	f.online(1)
	return nil
}

func (s *setup) file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(s.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
