package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"ngrok/client"
)

// tapProxy passes connections to addr and offers what passes to tap, as the client
// does. A nil tap passes them alone.
func tapProxy(t testing.TB, tap client.Tap, addr string) (proxyAddr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			public, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { passOne(public, addr, tap) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func passOne(public net.Conn, addr string, tap client.Tap) {
	defer public.Close()
	private, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer private.Close()
	var conn client.ConnTap = nobody{}
	if tap != nil {
		info := testInfo
		info.PublicURL = "http://" + public.LocalAddr().String()
		info.LocalAddr = addr
		conn = tap.Open(info)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		conn.RequestEnd(copyOffering(private, public, conn.Request))
		_ = private.(*net.TCPConn).CloseWrite()
	})
	wg.Go(func() {
		conn.ResponseEnd(copyOffering(public, private, conn.Response))
		public.Close()
	})
	wg.Wait()
	conn.Close()
}

// nobody is a tap that does nothing.
type nobody struct{}

func (nobody) Deliver()          {}
func (nobody) Request([]byte)    {}
func (nobody) Response([]byte)   {}
func (nobody) RequestEnd(error)  {}
func (nobody) ResponseEnd(error) {}
func (nobody) Close()            {}

func copyOffering(dst io.Writer, src io.Reader, offer func([]byte)) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return err
			}
			offer(buf[:n])
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return err
		}
	}
}

// waitFor waits until ok holds, looking whenever the store changes.
func waitFor(t *testing.T, s *Store, what string, ok func() bool) {
	t.Helper()
	changed, stop := s.Subscribe()
	defer stop()
	deadline := time.After(60 * time.Second)
	for !ok() {
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// realService answers as services do.
func realService(t testing.TB) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "id: %d\ndata: tick\n\n", i)
			_ = http.NewResponseController(w).Flush()
		}
	})
	mux.HandleFunc("/download", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", r.FormValue("n"))
		var n int
		_, _ = fmt.Sscan(r.FormValue("n"), &n)
		block := bytes.Repeat([]byte("0123456789abcdef"), 4096)
		for ; n > 0; n -= len(block) {
			_, _ = w.Write(block[:min(n, len(block))])
		}
	})
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		u := websocket.Upgrader{EnableCompression: true}
		conn, err := u.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			kind, p, err := conn.ReadMessage()
			if err != nil || conn.WriteMessage(kind, bytes.ToUpper(p)) != nil {
				return
			}
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestRealTraffic(t *testing.T) {
	s := New(Options{})
	service := realService(t)
	proxy := tapProxy(t, s.Tap(), service.Listener.Addr().String())
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	httpClient := &http.Client{Transport: transport, Timeout: 60 * time.Second}
	do := func(method, path string, body io.Reader) string {
		t.Helper()
		req, err := http.NewRequest(method, "http://"+proxy+path, body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := httpClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	do("POST", "/echo", strings.NewReader("known length"))
	do("POST", "/echo", io.MultiReader(strings.NewReader("chun"), strings.NewReader("ked")))
	do("GET", "/stream", nil)
	do("GET", "/download?n=3000000", nil)
	do("GET", "/missing", nil)

	dialer := websocket.Dialer{EnableCompression: true}
	conn, _, err := dialer.Dial("ws://"+proxy+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("long message ", 5000)
	for _, m := range []string{"hello", long} {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(m)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := conn.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "bye"))
	_, _, _ = conn.ReadMessage()
	conn.Close()

	waitFor(t, s, "the end of all exchanges", func() bool {
		open, _ := ParseFilter("is:open")
		return len(s.List(ListOptions{Filter: open}).Rows) == 0 && s.Usage().Exchanges == 6
	})
	var got []string
	all := exchanges(t, s)
	for _, e := range all {
		got = append(got, fmt.Sprintf("%s %s %s %d %d→%d %d/%d %q", e.Kind, e.Method, e.Target, e.Status, e.RequestSize, e.ResponseSize, len(e.Events), len(e.Messages), e.Error))
	}
	want := []string{
		`http POST /echo 200 12→12 0/0 ""`,
		`http POST /echo 200 7→7 0/0 ""`,
		`events GET /stream 200 0→54 3/0 ""`,
		`http GET /download?n=3000000 200 0→3000000 0/0 ""`,
		`http GET /missing 404 0→19 0/0 ""`,
	}
	if strings.Join(got[:5], "\n") != strings.Join(want, "\n") || !strings.HasPrefix(got[5], "websocket GET /ws 101 ") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if e := all[3]; !e.Response.Truncated || len(e.Response.Body) != DefaultBodySize {
		t.Errorf("download: kept %d bytes, truncated %v", len(e.Response.Body), e.Response.Truncated)
	}
	var messages []string
	for _, m := range all[5].Messages {
		messages = append(messages, fmt.Sprintf("%s %s %d %v", m.Dir, m.Type, len(m.Payload), m.Compressed))
	}
	// Visitor and service are tapped by different goroutines.
	for _, m := range []string{"in text 5 true", "out text 5 true", fmt.Sprintf("in text %d true", len(long)), fmt.Sprintf("out text %d true", len(long)), "in close 5 false"} {
		if !strings.Contains(strings.Join(messages, "\n"), m) {
			t.Errorf("no message %q in %q", m, messages)
		}
	}
}

// The proxies of these benchmarks do what the client does, but for the tunnel.
func BenchmarkProxyDownload(b *testing.B) {
	benchmarkOnOff(b, func(b *testing.B, httpClient *http.Client, proxy string) {
		const size = 64 << 20
		b.SetBytes(size)
		for b.Loop() {
			res, err := httpClient.Get(fmt.Sprintf("http://%s/download?n=%d", proxy, size))
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	})
}

func BenchmarkProxyKeepAlive(b *testing.B) {
	benchmarkOnOff(b, func(b *testing.B, httpClient *http.Client, proxy string) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				res, err := httpClient.Get("http://" + proxy + "/download?n=1000")
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		})
	})
}

func benchmarkOnOff(b *testing.B, run func(b *testing.B, httpClient *http.Client, proxy string)) {
	for _, capture := range []string{"off", "on"} {
		b.Run("capture "+capture, func(b *testing.B) {
			s := New(Options{})
			var tap client.Tap
			if capture == "on" {
				tap = s.Tap()
			}
			proxy := tapProxy(b, tap, realService(b).Listener.Addr().String())
			transport := &http.Transport{MaxIdleConnsPerHost: 64}
			defer transport.CloseIdleConnections()
			run(b, &http.Client{Transport: transport}, proxy)
		})
	}
}
