package term

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ngrok/client"
)

var update = flag.Bool("update", false, "write the expected screens of testdata and docs/images anew")

// markup renders a grid for people: rows without trailing blanks, text that is not
// plain as <style:text>.
func markup(g *grid) string {
	names := map[style]string{title: "title", good: "good", note: "note", warn: "warn", bad: "bad"}
	var b strings.Builder
	for y := range g.height {
		var row strings.Builder
		current := plain
		change := func(to style) {
			if to == current {
				return
			}
			if current != plain {
				row.WriteByte('>')
			}
			if to != plain {
				row.WriteString("<" + names[to] + ":")
			}
			current = to
		}
		for x := range g.width {
			c := g.at(x, y)
			if c.char == 0 {
				continue
			}
			change(c.style)
			row.WriteRune(c.char)
		}
		change(plain)
		b.WriteString(strings.TrimRight(row.String(), " ") + "\n")
	}
	return b.String()
}

func manyTunnels(n int) []client.TunnelState {
	var ts []client.TunnelState
	for i := range n {
		ts = append(ts, client.TunnelState{PublicURL: fmt.Sprintf("http://t%02d.example.com", i), LocalAddr: "127.0.0.1:80"})
	}
	return ts
}

func views() map[string]view {
	with := func(do func(*client.State)) view {
		s := demoState()
		do(&s)
		return view{now: testTime, state: s, webURL: "http://127.0.0.1:4040", capture: true, requests: demoRequests()}
	}
	vs := map[string]view{
		"online": with(func(*client.State) {}),
		"reconnecting": with(func(s *client.State) {
			s.Status, s.RetryAt = client.Reconnecting, testTime.Add(4100*time.Millisecond)
			s.LastError = "dial tunnel.example.com:4443: connection refused; is ngrokd running there, and is the port open?"
		}),
		"hostile": with(func(s *client.State) {
			s.ServerVersion = "\x1b]0;owned\x07"
			s.Tunnels[0].PublicURL = "http://\u202emoc.elpmaxe\x1b[2J"
			s.Status = client.Closed
			s.LastError = "refused:\r\n\x1b[31m\u2066 go away \u2069"
		}),
		"long": with(func(s *client.State) {
			for i := range s.Tunnels {
				s.Tunnels[i].PublicURL = strings.Replace(s.Tunnels[i].PublicURL, "blog", "q6v3kd0zm1x8h-preview-of-the-shop", 1)
			}
		}),
		"many": with(func(s *client.State) { s.Tunnels = manyTunnels(30) }),
		"starting": {now: testTime, state: client.State{Status: client.Connecting,
			ServerAddr: "tunnel.example.com:4443", ClientVersion: "2.0.0"}},
		"idle": {now: testTime, state: client.State{Status: client.Online, ClientVersion: "2.0.0",
			ServerVersion: "1.7"}, webURL: "http://127.0.0.1:4040", capture: true},
	}
	hostile := vs["hostile"]
	hostile.requests = []Request{
		{Method: "G\x1b[5mT", Path: "/\x1b[H\x1b[2J\u202egpj.exe", Status: 200},
		{Method: strings.Repeat("M", 300), Path: "/" + strings.Repeat("日", 70000), Status: 999},
		{Method: "GET", Path: "/negative", Status: -1, Duration: -time.Second},
	}
	vs["hostile"] = hostile
	return vs
}

func TestLayoutGolden(t *testing.T) {
	for name, v := range views() {
		for _, size := range [][2]int{{80, 24}, {40, 10}, {120, 40}, {40, 3}} {
			file := fmt.Sprintf("%s-%dx%d", name, size[0], size[1])
			t.Run(file, func(t *testing.T) {
				compareGolden(t, filepath.Join("testdata", file+".txt"), markup(layout(v, size[0], size[1])))
			})
		}
	}
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew); got:\n%s", path, got)
	}
}

// Whatever the size, a grid holds whole wide runes and nothing that moves a cursor, and
// the status is on it.
func TestLayoutEverySize(t *testing.T) {
	for name, v := range views() {
		for _, width := range []int{0, 1, 2, 3, 7, 14, 15, 16, 22, 29, 30, 31, 39, 40, 59, 60, 61, 79, 80, 200} {
			for height := range 27 {
				g := layout(v, width, height)
				if len(g.cells) != width*height {
					t.Fatalf("%s %dx%d: %d cells", name, width, height, len(g.cells))
				}
				checkGrid(t, g)
				if width >= 40 && height >= 1 && !strings.Contains(markup(g), "Tunnel Status") {
					t.Fatalf("%s %dx%d: no status:\n%s", name, width, height, markup(g))
				}
			}
		}
	}
}

func checkGrid(t *testing.T, g *grid) {
	t.Helper()
	for y := range g.height {
		for x := 0; x < g.width; x++ {
			c := g.at(x, y)
			switch {
			case c.char < ' ' || c.char >= 0x7f && c.char < 0xa0:
				t.Fatalf("%dx%d: %U at %d,%d", g.width, g.height, c.char, x, y)
			case runeWidth(c.char) == 2:
				if x++; x == g.width || g.at(x, y).char != 0 {
					t.Fatalf("%dx%d: half of a wide rune at %d,%d", g.width, g.height, x, y)
				}
			}
		}
	}
}

func FuzzLayout(f *testing.F) {
	f.Add("http://a.example.com", "/path", "connection refused", 80, 24)
	f.Add("\x1b[2J", "/日本\u202e", "a\nb", 40, 10)
	f.Add("日日日日日日日日日日日日日", "", " ", 3, 2)
	f.Fuzz(func(t *testing.T, url, path, problem string, width, height int) {
		s := demoState()
		s.Status, s.LastError, s.Tunnels[1].PublicURL = client.Reconnecting, problem, url
		v := view{now: testTime, state: s, webURL: url, capture: true,
			requests: []Request{{Method: problem, Path: path, Status: width}}}
		checkGrid(t, layout(v, abs(width)%200, abs(height)%80))
	})
}

func abs(n int) int { return max(n, -n, 0) }

func TestStatusText(t *testing.T) {
	retry := func(d time.Duration) client.State {
		return client.State{Status: client.Reconnecting, RetryAt: testTime.Add(d)}
	}
	for _, tt := range []struct {
		name  string
		state client.State
		want  string
		style style
	}{
		{"online", client.State{Status: client.Online}, "online", good},
		{"connecting", client.State{ServerAddr: "h:1"}, "connecting to h:1", warn},
		{"countdown", retry(5 * time.Second), "reconnecting in 5s", bad},
		{"countdown rounds up", retry(4001 * time.Millisecond), "reconnecting in 5s", bad},
		{"last second", retry(time.Millisecond), "reconnecting in 1s", bad},
		{"due", retry(0), "reconnecting now", bad},
		{"overdue", retry(-time.Minute), "reconnecting now", bad},
		{"attempt under way", client.State{Status: client.Reconnecting}, "reconnecting now", bad},
		{"closed", client.State{Status: client.Closed}, "closed", bad},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, st := statusText(tt.state, testTime)
			if got != tt.want || st != tt.style {
				t.Errorf("got %q, style %d; want %q, style %d", got, st, tt.want, tt.style)
			}
		})
	}
}

func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1:                        "0.00ms",
		0:                         "0.00ms",
		1234567 * time.Nanosecond: "1.23ms",
		999 * time.Millisecond:    "999.00ms",
		1999 * time.Millisecond:   "1.99s",
		59999 * time.Millisecond:  "59.99s",
		83 * time.Second:          "1m23s",
		61 * time.Minute:          "1h01m",
		100 * time.Hour:           "100h00m",
	} {
		if got := durationText(d); got != want {
			t.Errorf("durationText(%d) = %q, want %q", d, got, want)
		}
	}
}
