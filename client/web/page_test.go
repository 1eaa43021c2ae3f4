package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"
	"ngrok/client/inspect"
)

// quote writes a string as JavaScript does.
func quote(s string) string {
	p, _ := json.Marshal(s)
	return string(p)
}

// furnish sends the traffic that screenshots show.
func furnish(b *bed) {
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
		"Content-Type", "application/json", "Authorization", "Bearer tok_live_secret", "Cookie", "session=abc123; theme=dark", "X-Hub-Signature-256", "sha256=5d61605c3feea9799210ddcb71307d4ba264225f")
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
	for i, m := range []string{`{"type":"join","room":42}`, `{"type":"say","text":"hello 👋"}`, `{"type":"say","text":"is anybody here?"}`} {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(m)); err != nil {
			b.t.Fatal(i, err)
		}
		if _, _, err := conn.ReadMessage(); err != nil {
			b.t.Fatal(i, err)
		}
	}
	conn.WriteMessage(websocket.BinaryMessage, []byte{0x08, 0x96, 0x01, 0xff, 0x00, 0x42})
	conn.ReadMessage()
	conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye"))
	conn.ReadMessage()
}

func TestScreenshots(t *testing.T) {
	b := newBed(t)
	furnish(b)
	p := openBrowser(t, 1280, 800)
	p.do(chromedp.Navigate(b.url))
	p.until("rows", `document.querySelectorAll(".rows .row").length > 10`)
	p.shot("unselected")
	p.click(".rows .row .target", "channel=web")
	p.until("content", `document.querySelectorAll(".message .code").length >= 2`)
	p.shot("light")
	p.dark(true)
	p.until("dark", `document.documentElement.dataset.theme === "dark"`)
	p.shot("dark")
	p.dark(false)
	p.click(".actions button", "Edit")
	p.until("editor", `document.querySelector(".editor textarea")`)
	p.shot("edit")
	p.click(".editor button", "Send")
	p.until("diff tab", `document.querySelector(".panel > .tabs")?.innerText.includes("Difference")`)
	p.click("[role=tab]", "Difference")
	p.until("diff", `document.querySelector(".diff .changes")`)
	p.shot("diff")
	p.click(".rows .row .target", "/chat")
	p.until("timeline", `document.querySelectorAll(".timeline .item").length > 5`)
	p.click(".timeline .item", "ack")
	p.shot("websocket")
	p.click(".rows .row .target", "/events")
	p.until("timeline", `document.querySelectorAll(".timeline .item").length == 3`)
	p.shot("sse")
	for name, row := range map[string]string{"image": "/logo.png", "broken": "/broken.json", "xml": "/feed.xml", "fail": "/fail"} {
		p.click(".rows .row .target", row)
		p.until("body", `document.querySelector(".message.response .code, .message.response img[src^=blob]")`)
		p.shot(name)
	}
	p.click(".message.response [role=tab]", "Hex")
	p.click(".message.request [role=tab]", "Raw")
	p.until("hex", `document.querySelector(".hexdump .line")`)
	p.shot("hex")
	p.click("[role=tab]", "Timing")
	p.shot("timing")
	p.click("button", "Status")
	p.until("qr", `document.querySelector(".qr")?.naturalWidth > 0`)
	p.shot("status")
	p.run(`document.querySelector(".dialog button").click()`)
	p.click(".topbar button[title^=Help]", "")
	p.shot("help")
	p.run(`document.querySelector(".dialog button").click()`)
	p.do(chromedp.EmulateViewport(390, 844))
	p.shot("narrow")
	p.run(`document.querySelector(".back").click()`)
	p.shot("narrow-list")
	p.clean()
	_ = strings.Contains
	_ = inspect.KindHTTP
}
