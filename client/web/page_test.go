package web

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/gorilla/websocket"

	"ngrok/client"
	"ngrok/client/inspect"
)

// openPage opens the inspector in a browser.
func (b *bed) openPage(width, height int64) *tabOfBrowser {
	b.t.Helper()
	p := openBrowser(b.t, width, height)
	p.do(chromedp.Navigate(b.url))
	p.until("the page", `document.querySelector(".list, .empty")`)
	return p
}

// rows is the expression for how many rows are in the document.
const rows = `document.querySelectorAll(".rows .row").length`

func (p *tabOfBrowser) choose(path string) {
	p.t.Helper()
	p.click(".rows .row .target", path)
	p.until("the exchange", `document.querySelector(".panel .title h1")?.textContent.includes(`+quote(path)+`) && document.querySelector(".facts-line")`)
}

func (p *tabOfBrowser) key(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// fill writes into a field, in place of what is in it.
func (p *tabOfBrowser) fill(selector, text string) {
	p.t.Helper()
	p.run(`document.querySelector(` + quote(selector) + `).select(), document.querySelector(` + quote(selector) + `).focus()`)
	p.key(text)
}

// filter goes to the filter box by its key and writes into it.
func (p *tabOfBrowser) filter(text string) {
	p.t.Helper()
	p.key("/")
	p.until("focus in the filter box", `document.activeElement === document.querySelector(".filter input")`)
	p.fill(".filter input", text)
}

func TestPageEmptyThenLive(t *testing.T) {
	b := newBed(t)
	b.client.set(func(s *client.State) { s.Tunnels = s.Tunnels[:1] })
	p := b.openPage(1280, 800)
	p.until("the curl line", `document.querySelector(".empty .command code")?.textContent === `+quote("curl -i http://"+b.tunnel+"/"))
	p.shot("empty")
	b.visit("GET", "/orders/1", "")
	p.until("the first request", rows+` === 1 && document.querySelector(".row.s2")`)
	b.visit("POST", "/fail", "")
	p.until("the next one above it", `document.querySelector(".rows .row:first-child .target").textContent === "/fail"`)
	b.client.set(func(s *client.State) { s.Status, s.LastError = client.Reconnecting, "connection reset" })
	p.until("the state", `document.querySelector(".topbar .word").innerText === "reconnecting"`)
	p.clean()
}

func TestPageKeyboardAndFilter(t *testing.T) {
	b := newBed(t)
	b.visit("GET", "/orders/1", "")
	b.visit("POST", "/echo?needle", "find me in the body", "X-Kind", "special")
	b.visit("GET", "/status/404", "")
	// It is captured after it was passed on; the page selects what is newest when it opens.
	b.await("the last request", func(s *inspect.Summary) bool { return s.Target == "/status/404" })
	p := b.openPage(1280, 800)
	p.until("rows", rows+` === 3`)
	title := func(path string) {
		t.Helper()
		p.until("selection of "+path, `document.querySelector(".panel .title h1")?.textContent === `+quote(path))
	}
	title("/status/404")
	p.key("k")
	title("/status/404")
	p.key("jj")
	title("/orders/1")
	p.key("k")
	title("/echo?needle")
	p.key(kb.Escape)
	p.until("no selection", `!document.querySelector(".panel .title")`)

	for filter, want := range map[string]string{
		"status:404": "/status/404", "method:post": "/echo?needle", "-needle -status:404": "/orders/1",
		"body:\"in the body\"": "/echo?needle", "header:x-kind=special": "/echo?needle", "type:json": "/orders/1",
	} {
		p.filter(filter)
		p.until(filter, rows+` === 1 && document.querySelector(".rows .target").textContent === `+quote(want))
		p.until("what is shown", `document.querySelector(".footer").innerText.startsWith("1 of 3")`)
		p.key(kb.Escape)
	}
	p.filter("status:x")
	p.until("why it is wrong", `document.querySelector(".filter .why")?.innerText.includes("status:5xx")`)
	p.click(".filter button[aria-label='Show all']", "")
	p.until("all rows", rows+` === 3`)
	p.key(kb.Escape + "?")
	p.until("help", `document.querySelector(".dialog .filters")`)
	p.shot("help")
	p.key(kb.Escape)
	p.until("no help", `!document.querySelector(".dialog")`)
	p.clean()
}

func TestPageReplayAndDifference(t *testing.T) {
	b := newBed(t)
	b.capture("POST", "/orders/7", `{"a":1}`, "Content-Type", "application/json", "Authorization", "Bearer "+token)
	p := b.openPage(1280, 800)
	p.until("rows", rows+` === 1`)
	p.choose("/orders/7")

	p.key("r")
	p.until("the replay", rows+` === 2 && document.querySelector(".row.selected .again")`)
	p.click(".panel > .tabs [role=tab]", "Difference")
	p.until("the difference", `[...document.querySelectorAll(".changes tr")].some((tr) => tr.innerText.includes("$.visits"))`)
	p.shot("difference")

	p.click(".actions button", "Edit")
	p.until("the editor", `document.querySelector("#edit-body")?.value === '{"a":1}'`)
	if headers := eval[string](p, `document.querySelector("#edit-headers").value`); !strings.Contains(headers, "Authorization: Bearer ***") {
		t.Errorf("the editor shows %q", headers)
	}
	p.fill(".editor .target", "/echo?edited")
	p.fill("#edit-body", `{"a":2}`)
	p.shot("edit")
	p.click(".editor button", "Send")
	p.until("the edited replay", rows+` === 3 && document.querySelector(".message.response .code")?.innerText.includes('{"a":2}')`)
	edited := b.await("the edited replay", func(s *inspect.Summary) bool { return s.Target == "/echo?edited" && !s.Open })
	e, err := b.store.Exchange(edited.ID)
	if err != nil {
		t.Fatal(err)
	}
	if want := "POST /echo?edited auth=Bearer " + token + "\n" + `{"a":2}`; string(e.Response.Body) != want {
		t.Errorf("the service answered %q, want %q", e.Response.Body, want)
	}

	p.fill("[aria-label='How many times']", "5")
	p.click(".actions .primary", "Replay")
	p.until("five more", rows+` === 8`)
	p.clean()
}

func TestPageCopyAndFiles(t *testing.T) {
	b := newBed(t)
	b.capture("POST", "/orders/1", "copy me", "Authorization", "Bearer "+token)
	p := b.openPage(1280, 800)
	dir := t.TempDir()
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		if _, err := chromedp.CallBrowser(p.ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: name, AllowWithoutSanitization: true}, Setting: browser.PermissionSettingGranted, Origin: b.url,
		}); err != nil {
			t.Logf("permission %s: %v", name, err)
		}
	}
	if _, err := chromedp.CallBrowser(p.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
	}); err != nil {
		t.Fatal(err)
	}
	p.until("rows", rows+` === 1`)
	p.choose("/orders/1")

	copied := func(button string, parts ...string) {
		t.Helper()
		p.run(`document.querySelector(".toast")?.click()`)
		p.click(".actions button", button)
		p.until("the notice", `document.querySelector(".toast")?.innerText.startsWith("Copied")`)
		text := eval[string](p, `navigator.clipboard.readText()`)
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%s copied %q, without %q", button, text, part)
			}
		}
	}
	copied("Copy curl", "curl ", "copy me", "Bearer ***")
	copied("Copy raw", "POST /orders/1 HTTP/1.1\r\n", "\r\n\r\ncopy me", "Bearer ***")
	if text := p.text("body"); strings.Contains(text, token) {
		t.Error("the page shows a secret before it was asked to")
	}
	p.click(".actions button", "Reveal")
	p.click(".message.request [role=tab]", "Headers")
	p.until("the secret", `document.querySelector(".message.request .fields").innerText.includes(`+quote(token)+`)`)
	copied("Copy curl", "Bearer "+token)

	p.click(".actions a", "HAR")
	file := filepath.Join(dir, "ngrok.har")
	waitFor(t, "the HAR file", func() bool { p, err := os.ReadFile(file); return err == nil && json.Valid(p) })
	p.do(chromedp.SetUploadFiles(chromedp.CSS("input[type=file]"), []string{file}))
	p.until("the import", rows+` === 2 && document.querySelector(".toast")?.innerText.includes("Imported 1")`)

	p.click(".actions button", "Pin")
	p.until("the pin", `document.querySelector(".row .pinned")`)
	p.click(".topbar button", "Clear")
	p.until("one row less", rows+` === 1 && document.querySelector(".row .pinned")`)
	p.clean()
}

func TestPageContents(t *testing.T) {
	b := newBed(t)
	for _, path := range []string{"/logo.png", "/broken.json", "/feed.xml", "/zipped"} {
		b.capture("GET", path, "")
	}
	b.capture("POST", "/echo?form", "name=%C5%BDofia&item=1", "Content-Type", "application/x-www-form-urlencoded")
	b.capture("POST", "/echo?parts", "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nin a file\r\n--x--\r\n",
		"Content-Type", "multipart/form-data; boundary=x")
	large := `[` + strings.Repeat(`{"n":1},`, 20_000) + `{"n":2}]`
	b.capture("POST", "/echo?large", large, "Content-Type", "application/json")
	p := b.openPage(1280, 800)
	p.until("rows", rows+` === 7`)

	p.choose("/logo.png")
	p.until("the image", `document.querySelector(".image img")?.src.startsWith("blob:") && document.querySelector("figcaption").innerText === "96 × 64"`)
	p.choose("/broken.json")
	p.until("the error's place", `document.querySelector(".line.wrong mark")?.textContent === "," && document.querySelector(".problem").innerText.includes("line 3")`)
	p.choose("/feed.xml")
	p.until("indented xml", `document.querySelectorAll(".message.response .code .line").length > 3 && document.querySelector(".t-tag")`)
	p.choose("/zipped")
	p.until("json out of gzip", `document.querySelector(".message.response .code")?.innerText.includes('"zipped": true')`)
	p.choose("/echo?form")
	p.until("the form", `[...document.querySelectorAll(".message.request .fields td")].some((td) => td.innerText === "Žofia")`)
	p.choose("/echo?parts")
	p.until("the parts", `document.querySelector(".parts")?.innerText.includes("a.txt") && document.querySelector(".parts pre").innerText === "in a file"`)
	p.choose("/echo?large")
	p.until("a long text in few elements", `document.querySelector(".message.request .code.virtual") && document.querySelectorAll(".message.request .line").length < 200`)
	p.run(`document.querySelector(".message.request > .inside").scrollTop = 1e9`)
	p.until("its end", `[...document.querySelectorAll(".message.request .code .no")].some((no) => Number(no.innerText) > 60000)`)
	p.click(".message.request [role=tab]", "Hex")
	p.until("hex", `document.querySelector(".hexdump .hex")?.innerText.startsWith("50 4f 53 54")`)
	p.click(".message.request [role=tab]", "Raw")
	p.until("raw", `document.querySelector(".message.request .code")?.innerText.includes("POST /echo?large HTTP/1.1")`)
	p.click(".panel > .tabs [role=tab]", "Timing")
	p.until("the waterfall", `document.querySelector(".waterfall .wait")`)
	p.clean()
}

func TestPageTimelines(t *testing.T) {
	b := newBed(t)
	b.chat()
	b.capture("GET", "/events", "")
	b.await("the websocket", func(s *inspect.Summary) bool { return s.Kind == inspect.KindWebSocket && !s.Open })
	p := b.openPage(1280, 800)
	p.until("rows", rows+` === 2`)
	p.choose("/chat")
	p.until("messages", `document.querySelectorAll(".timeline .item").length >= 9`)
	p.click(".timeline .item", "ack")
	p.until("the whole message", `document.querySelector(".payload .code")?.innerText.includes('"type": "ack"')`)
	p.until("the size of what it says", `document.querySelector(".timeline .item.in .size").innerText === "25 B"`)
	p.shot("websocket")
	p.click(".choice button", "From service")
	p.until("one direction", `document.querySelectorAll(".timeline .item.in").length === 0 && document.querySelectorAll(".timeline .item.out").length >= 4`)
	p.choose("/events")
	p.until("events", `document.querySelectorAll(".timeline .item").length === 3 && document.querySelector(".timeline").innerText.includes("price")`)
	p.clean()
}

func TestPageLiveMessages(t *testing.T) {
	b := newBed(t)
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+b.tunnel+"/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := b.openPage(1280, 800)
	p.until("the open websocket", `document.querySelector(".row .mark")?.innerText === "ws"`)
	p.choose("/chat")
	for i := range 3 {
		if err := conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "message %d", i)); err != nil {
			t.Fatal(err)
		}
		p.until("the message and its answer", fmt.Sprintf(`document.querySelectorAll(".timeline .item").length === %d`, 2*(i+1)))
	}
	if text := p.text(".timeline .items"); strings.Count(text, "message 2") != 2 || strings.Count(text, "message 0") != 2 {
		t.Errorf("the messages are %q", text)
	}
	p.clean()
}

func TestPageStatus(t *testing.T) {
	b := newBed(t)
	p := b.openPage(1280, 800)
	p.click(".topbar button", "Status")
	p.until("QR codes", `document.querySelectorAll(".tunnel .qr").length === 2 && [...document.querySelectorAll(".qr")].every((img) => img.naturalWidth > 0)`)
	p.until("the session", `document.querySelector(".dialog .facts").innerText.includes("tunnels.example:4443")`)
	p.clean()
}

func TestPageNarrow(t *testing.T) {
	b := newBed(t)
	furnish(b)
	p := b.openPage(390, 844)
	p.until("rows", rows+` > 20`)
	p.until("nothing beyond the edge", `document.documentElement.scrollWidth <= 390`)
	p.click(".rows .row .target", "/orders/?channel")
	p.until("the exchange in place of the list", `document.querySelector(".message .code") && document.querySelector(".list").offsetWidth === 0`)
	p.until("nothing beyond the edge", `document.documentElement.scrollWidth <= 390`)
	p.until("all actions within reach", `[...document.querySelectorAll(".actions button, .actions a")].every((e) => e.getBoundingClientRect().right <= 390)`)
	p.click(".back", "")
	p.until("the list again", `document.querySelector(".list").offsetWidth > 300`)
	p.clean()
}
