package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"ngrok/client/inspect"
)

// TestPageNothingRuns shows script in every place that a visitor or a service controls.
func TestPageNothingRuns(t *testing.T) {
	b := newBed(t)
	const script = `"'><img src=x onerror=window.pwned=1><script>window.pwned=1</script><svg onload=window.pwned=1>`
	hostile := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Evil", script)
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="window.pwned=1"><script>window.pwned=1</script></svg>` + script))
	}))
	defer hostile.Close()
	b.tunnel = serveTunnel(t, b.store, hostile.Listener.Addr().String())

	path := "/" + url.PathEscape(script)
	types := []string{"text/html", "image/svg+xml", "image/png", "application/json", "application/xml", "text/javascript", "text/event-stream", script}
	for i, kind := range types {
		b.visit("GET", fmt.Sprintf("%s?n=%d&type=%s", path, i, url.QueryEscape(kind)), "", "X-Evil", script)
	}
	// Unescaped in the request line, which only a raw connection can send.
	conn, err := net.Dial("tcp", b.tunnel)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /<script>window.pwned=1</script><img/src=x/onerror=window.pwned=1> HTTP/1.1\r\nHost: <script>window.pwned=1</script>\r\nConnection: close\r\n\r\n")
	conn.Read(make([]byte, 1))
	b.visit("POST", "/upload", "--x\r\nContent-Disposition: form-data; name=\"<script>window.pwned=1</script>\"; filename=\"<img src=x onerror=window.pwned=1>.html\"\r\n"+
		"Content-Type: text/html\r\n\r\n"+script+"\r\n--x--\r\n", "Content-Type", "multipart/form-data; boundary=x")
	n := len(types) + 2
	b.await("all of it", func(s *inspect.Summary) bool { return s.Target == "/upload" && !s.Open })

	p := b.openPage(1280, 800)
	p.until("rows", fmt.Sprintf(rows+` === %d`, n))
	for range n {
		p.until("an exchange", `document.querySelector(".panel .facts-line")`)
		p.run(`document.querySelector(".panel > .tabs [role=tab]").click()`)
		p.until("its messages", `document.querySelector(".message.response .bar-line")`)
		for _, tab := range []string{"Headers", "Raw", "Hex", "Summary"} {
			p.run(`for (const tab of document.querySelectorAll(".message [role=tab]")) if (tab.textContent.startsWith(` + quote(tab) + `)) tab.click()`)
			p.run(`new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)))`)
		}
		if eval[bool](p, `!document.querySelector(".actions button[aria-pressed]").disabled`) {
			p.key("e")
			p.until("the editor", `document.querySelector(".editor textarea")`)
			p.key(kbEscape)
		}
		p.until("no editor", `!document.querySelector(".editor")`)
		p.key("j")
	}
	if eval[bool](p, `"pwned" in window`) {
		t.Error("a script of captured bytes ran")
	}
	if found := eval[int](p, `document.querySelectorAll("#app script, #app iframe, #app object, #app svg:not(.icon), #app img:not([src^=blob]):not(.qr)").length`); found > 0 {
		t.Errorf("captured bytes became %d elements", found)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		if strings.Contains(problem, "Content Security Policy") || strings.Contains(problem, "TrustedHTML") {
			t.Errorf("only the policy stopped it: %s", problem)
		}
	}
}

const kbEscape = "\x1b"

// TestPageFromOtherSites plays a hostile page in the same browser.
func TestPageFromOtherSites(t *testing.T) {
	b := newBed(t)
	row := b.capture("GET", "/echo", "", "Authorization", "Bearer "+token)
	attacker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte(`<!doctype html><title>attacker</title><iframe src="` + b.url + `/"></iframe>`))
	}))
	defer attacker.Close()
	p := openBrowser(t, 800, 600)
	_, port, _ := net.SplitHostPort(attacker.Listener.Addr().String())
	p.do(chromedp.Navigate("http://localhost:" + port + "/"))

	tries := eval[map[string]string](p, `(async () => {
		const to = `+quote(b.url)+`, out = {};
		const attempt = async (name, f) => { try { out[name] = "got " + await f(); } catch (e) { out[name] = "refused"; } };
		await attempt("read", async () => (await fetch(to + "/api/requests/http")).text());
		await attempt("replay", async () => (await fetch(to + "/api/requests/http", { method: "POST", body: '{"id":"`+string(row.ID)+`"}' })).text());
		await attempt("form", async () => (await fetch(to + "/http/in/replay", { method: "POST", mode: "no-cors",
			body: new URLSearchParams({ txnid: "`+string(row.ID)+`" }) })).type);
		await attempt("delete", async () => (await fetch(to + "/api/requests/http", { method: "DELETE" })).text());
		await attempt("websocket", () => new Promise((done, fail) => {
			const ws = new WebSocket(to.replace("http", "ws") + "/_ws");
			ws.onmessage = (e) => done(e.data); ws.onerror = fail;
		}));
		await attempt("script", () => new Promise((done, fail) => {
			const s = document.createElement("script"); s.src = to + "/static/js/main.js"; s.type = "text/javascript";
			s.onload = () => done("loaded"); s.onerror = fail; document.head.append(s);
		}));
		await attempt("image", () => new Promise((done, fail) => {
			const i = new Image(); i.onload = () => done("drawn"); i.onerror = fail; i.src = to + "/api/qr.svg?tunnel=command_line";
		}));
		await attempt("frame", async () => document.querySelector("iframe").contentDocument ? "readable" : Promise.reject());
		return out;
	})()`)
	for name, result := range tries {
		// A no-cors request may be sent; what counts is that nothing happened.
		if result != "refused" && name != "form" {
			t.Errorf("%s: %s", name, result)
		}
	}
	if len(tries) != 8 {
		t.Errorf("only %d things were tried: %v", len(tries), tries)
	}
	if list := b.store.List(inspect.ListOptions{}).Rows; len(list) != 1 {
		t.Errorf("another site changed the list to %d rows", len(list))
	}

	// A name of the attacker's that leads here.
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	res, err := chromedp.RunResponse(ctx, chromedp.Navigate(strings.Replace(b.url, "127.0.0.1", "rebound.localhost", 1)+"/"))
	if err != nil {
		t.Skipf("this browser does not resolve names below localhost: %v", err)
	}
	if res.Status != http.StatusForbidden {
		t.Errorf("a rebound name is answered with %d, want 403", res.Status)
	}
}
