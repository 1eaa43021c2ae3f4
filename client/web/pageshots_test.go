package web

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"

	"ngrok/client"
)

// furnish sends the traffic that screenshots show.
func furnish(b *bed) {
	b.t.Helper()
	for i := range 14 {
		b.visit("GET", fmt.Sprintf("/orders/%d?expand=items", 1200+i), "", "Authorization", "Bearer tok_live_secret", "Accept", "application/json")
	}
	b.visit("GET", "/login", "")
	b.visit("GET", "/status/404", "")
	b.visit("GET", "/logo.png", "")
	b.visit("GET", "/feed.xml", "")
	b.visit("GET", "/broken.json", "")
	b.visit("POST", "/fail", `{"event":"invoice.paid"}`, "Content-Type", "application/json")
	b.visit("GET", "/events", "")
	b.chat()
	for i := range 6 {
		b.visit("PUT", fmt.Sprintf("/orders/%d", 1300+i), `{"status":"shipped"}`, "Content-Type", "application/json")
	}
	b.visit("POST", "/orders/?channel=web&campaign=autumn%20sale", `{"event":"order.created","order":{"id":"ord_8f2c1","items":[{"sku":"A-100","quantity":2}]}}`,
		"Content-Type", "application/json", "Authorization", "Bearer tok_live_secret", "Cookie", "session=abc123; theme=dark",
		"X-Hub-Signature-256", "sha256=5d61605c3feea9799210ddcb71307d4ba264225f")
}

// chat holds a short conversation on a websocket.
func (b *bed) chat() {
	b.t.Helper()
	d := websocket.Dialer{EnableCompression: true}
	conn, _, err := d.Dial("ws://"+b.tunnel+"/chat?room=42", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	say := func(kind int, p []byte) {
		b.t.Helper()
		if err := conn.WriteMessage(kind, p); err != nil {
			b.t.Fatal(err)
		}
		if _, _, err := conn.ReadMessage(); err != nil && kind != websocket.CloseMessage {
			b.t.Fatal(err)
		}
	}
	for _, m := range []string{`{"type":"join","room":42}`, `{"type":"say","text":"hello"}`, `{"type":"say","text":"is anybody here?"}`} {
		say(websocket.TextMessage, []byte(m))
	}
	say(websocket.BinaryMessage, []byte{0x08, 0x96, 0x01, 0xff, 0x00, 0x42})
	say(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye"))
}

// TestScreenshots makes the pictures of docs/images when INSPECTOR_SHOTS names a
// directory for them.
func TestScreenshots(t *testing.T) {
	if os.Getenv("INSPECTOR_SHOTS") == "" {
		t.Skip("INSPECTOR_SHOTS names no directory")
	}
	b := newBed(t)
	b.host = "shop.tunnels.example"
	b.delay.Store(true)
	b.client.set(func(s *client.State) {
		s.Since = s.Since.Add(-26 * time.Minute)
		s.Metrics = client.Metrics{Conns: client.Distribution{Count: 29}, OpenConns: 1, BytesIn: 18_204, BytesOut: 412_911}
		for i := range s.Tunnels {
			t := &s.Tunnels[i]
			t.PublicURL, t.LocalAddr = t.Protocol+"://"+b.host, "127.0.0.1:8080"
		}
		s.Tunnels[0].Metrics = client.Metrics{
			Conns:     client.Distribution{Count: 29, Rate1: 0.48, Rate5: 0.1, Rate15: 0.03, P50: 34e6, P90: 58e6, P95: 60e6, P99: 81e6},
			OpenConns: 1, BytesIn: 18_204, BytesOut: 412_911,
		}
	})
	time.Sleep(6 * time.Second) // rates are reckoned every 5 s, and the first time counts for all before
	furnish(b)
	waitFor(t, "a rate", func() bool { return b.server.http.of("command_line", "http").Rate1 > 0 })
	p := b.openPage(1280, 800)
	p.until("rows", rows+` > 20`)
	p.choose("channel=web")
	p.until("both bodies", `document.querySelectorAll(".message .code").length === 2`)
	p.shot("inspector-light")
	p.dark(true)
	p.until("dark", `document.documentElement.dataset.theme === "dark"`)
	p.shot("inspector-dark")
	p.click(".topbar button", "Status")
	p.until("the QR codes", `[...document.querySelectorAll(".qr")].every((img) => img.naturalWidth > 0)`)
	p.shot("inspector-status")
	p.key(kbEscape)
	p.dark(false)
	p.click(".actions button", "Edit")
	p.until("the editor", `document.querySelector(".editor textarea")`)
	p.shot("inspector-edit")
	p.click(".editor button", "Send")
	p.until("the replay", `document.querySelector(".row.selected .again")`)
	p.click(".panel > .tabs [role=tab]", "Difference")
	p.until("the difference", `document.querySelector(".diff .changes")`)
	p.shot("inspector-difference")
	p.choose("/chat")
	p.until("messages", `document.querySelectorAll(".timeline .item").length > 5`)
	p.click(".timeline .item", "ack")
	p.shot("inspector-websocket")
	for name, path := range map[string]string{"events": "/events", "image": "/logo.png", "error": "/broken.json", "fail": "/fail"} {
		p.choose(path)
		p.until("a body", `document.querySelector(".message.response .code, .image img, .timeline .item")`)
		p.shot("inspector-" + name)
	}
	p.click(".panel > .tabs [role=tab]", "Timing")
	p.shot("inspector-timing")
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2)))
	p.choose("channel=web")
	p.until("both bodies", `document.querySelectorAll(".message .code").length === 2`)
	p.shot("inspector-narrow")
	p.click(".back", "")
	p.shot("inspector-narrow-list")
	p.clean()
}
