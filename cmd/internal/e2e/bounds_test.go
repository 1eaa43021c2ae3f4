package e2e

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"ngrok/conn/conntest"
	"ngrok/msg"
	"ngrok/server"
)

// longest is how long the longest line of a log was.
type longest struct{ bytes atomic.Int64 }

func (l *longest) Write(p []byte) (int, error) {
	for old := l.bytes.Load(); int64(len(p)) > old && !l.bytes.CompareAndSwap(old, int64(len(p))); old = l.bytes.Load() {
	}
	return len(p), nil
}

// TestLongTexts sends as much text as a message holds wherever there is room for it. The
// server must not repeat it, neither to the client nor in its log.
func TestLongTexts(t *testing.T) {
	conntest.NoLeak(t)
	long := strings.Repeat("a", msg.MaxAfterAuth/2)
	var log longest
	w := newWorld(t, func(c *server.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	for name, m := range map[string]*msg.ReqTunnel{
		// Each answer of a thousand would have half a MiB.
		"request id": {ReqId: long, Protocol: strings.Repeat("http+", 1000) + "http"},
		"protocols":  {ReqId: "1", Protocol: strings.Repeat("http+", len(long)/5) + "http"},
		"protocol":   {ReqId: "1", Protocol: long},
		"hostname":   {ReqId: "1", Protocol: "http", Hostname: long},
		"subdomain":  {ReqId: "1", Protocol: "http", Subdomain: long},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.rawClient(reuseAuth)
			c.send(m)
			for _, m := range c.ended() {
				if n, ok := m.(*msg.NewTunnel); ok {
					t.Errorf("answered with %d bytes", len(n.ReqId)+len(n.Protocol)+len(n.Error))
				}
			}
		})
	}
	t.Run("user's password and networks", func(t *testing.T) {
		c := w.rawClient(reuseAuth)
		c.send(&msg.ReqTunnel{ReqId: "1", Protocol: "http", HttpAuth: "a:" + long})
		if m := next[*msg.NewTunnel](c); m.Error != "" {
			t.Error(m.Error) // a long one is no harm: its hash is kept
		}
		c.send(&msg.ReqTunnel{ReqId: "2", Protocol: "http", Options: &msg.TunnelOptions{AllowCIDRs: strings.SplitAfter(long[:100_000], "a")}})
		if m := next[*msg.NewTunnel](c); m.Error == "" || len(m.Error) > 200 {
			t.Errorf("100,000 networks: %.200q", m.Error)
		}
		c.send(&msg.ReqTunnel{ReqId: "3", Protocol: "http", Options: &msg.TunnelOptions{DenyCIDRs: []string{long}}})
		if m := next[*msg.NewTunnel](c); m.Error == "" || len(m.Error) > 300 {
			t.Errorf("a long network: %.200q", m.Error)
		}
		unknown := `{"Type":"` + long + `"}`
		c.control.Write(rawMessage(int64(len(unknown)), unknown))
		c.send(&msg.Ping{})
		next[*msg.Pong](c)
		c.control.Close()
	})
	t.Run("greeting", func(t *testing.T) {
		half := long[:msg.MaxBeforeAuth/8]
		c := w.rawClient(msg.Auth{MmVersion: half, OS: half, Arch: half, User: half, ClientId: half})
		if c.resp.Error != "" || len(c.resp.ClientId) > 200 {
			t.Errorf("%+v", c.resp)
		}
		c.control.Close()
		c = w.rawClient(msg.Auth{Version: half})
		if c.resp.Error == "" || len(c.resp.Error) > 300 {
			t.Errorf("another version: %.300q", c.resp.Error)
		}
	})
	t.Run("first message", func(t *testing.T) {
		nc := w.dialTunnel()
		m := `{"Type":"` + long[:msg.MaxBeforeAuth/2] + `"}`
		nc.Write(rawMessage(int64(len(m)), m))
		closedBy(t, nc, patience)
	})
	w.stop()
	if n := log.bytes.Load(); n > 4<<10 || n == 0 {
		t.Errorf("the longest line of the log has %d bytes", n)
	}
}
