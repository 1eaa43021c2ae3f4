package web

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"ngrok/client/inspect"
	"ngrok/conn/conntest"
)

// importRows fills the store with n small exchanges.
func (b *bed) importRows(n int) {
	b.t.Helper()
	var har strings.Builder
	har.WriteString(`{"log":{"version":"1.2","creator":{"name":"t","version":"1"},"entries":[`)
	for i := range n {
		if i > 0 {
			har.WriteString(",")
		}
		fmt.Fprintf(&har, `{"startedDateTime":"2026-01-02T03:04:05Z","time":%d,"request":{"method":"GET","url":"http://a.example/items/%d","httpVersion":"HTTP/1.1","headers":[],"queryString":[],"cookies":[],"headersSize":-1,"bodySize":0},`+
			`"response":{"status":%d,"statusText":"OK","httpVersion":"HTTP/1.1","headers":[],"cookies":[],"content":{"size":0,"mimeType":""},"redirectURL":"","headersSize":-1,"bodySize":0},"cache":{},"timings":{"send":0,"wait":1,"receive":0}}`,
			i%700, i, 200+100*(i%4))
	}
	har.WriteString(`]}}`)
	if status, text := b.call("POST", "/api/har", har.String()); status != 200 {
		b.t.Fatalf("import: %d %.200s", status, text)
	}
}

func TestPageTenThousandRows(t *testing.T) {
	b := newBed(t)
	b.importRows(10_000)
	p := b.openPage(1280, 800)
	p.until("all rows", `document.querySelector(".footer").innerText.includes("10,000 requests")`)
	if n := eval[int](p, rows); n > 100 {
		t.Errorf("%d rows are in the document", n)
	}
	// Scroll through all of it while requests arrive, and time each frame.
	go func() {
		for i := range 20 {
			b.store.Pin(b.store.List(inspect.ListOptions{Limit: 1}).Rows[0].ID, i%2 == 0)
			time.Sleep(20 * time.Millisecond)
		}
	}()
	frames := eval[[]float64](p, `(async () => {
		const box = document.querySelector(".scroller");
		const median = (n, draw) => new Promise((done) => {
			const frames = [];
			let last = performance.now(), i = 0;
			const step = (now) => {
				frames.push(now - last);
				last = now;
				draw(i++);
				if (i <= n) requestAnimationFrame(step); else done(frames.sort((a, b) => a - b)[n >> 1]);
			};
			requestAnimationFrame(step);
		});
		const moving = await median(60, (i) => { box.scrollTop = (i / 60) * box.scrollHeight; });
		return [moving, await median(30, () => {})];
	})()`)
	moving, still := frames[0], frames[1]
	t.Logf("a frame takes %.1f ms, and %.1f ms where nothing moves", moving, still)
	// 60 a second where nothing else runs; far from it elsewhere, also for a page that
	// stands still.
	if moving > 100+5*still {
		t.Errorf("scrolling takes %.1f ms a frame, standing still %.1f ms", moving, still)
	}
	p.until("the oldest row", `[...document.querySelectorAll(".rows .target")].some((e) => e.textContent === "/items/0")`)

	// What is in view stays there while rows come in above.
	before := eval[string](p, `document.elementFromPoint(200, 400).closest(".row").id`)
	b.visit("GET", "/echo", "")
	p.until("one more row", `document.querySelector(".footer").innerText.includes("10,001 requests")`)
	if after := eval[string](p, `document.elementFromPoint(200, 400).closest(".row").id`); after != before {
		t.Errorf("the list moved from %s to %s", before, after)
	}
	p.clean()
}

// TestPageComesBack ends the inspector and starts it again on the same address.
func TestPageComesBack(t *testing.T) {
	b := newBed(t)
	first := b.capture("GET", "/echo?1", "")
	config := Config{Addr: conntest.Reserve(t), Client: b.client, Store: b.store, Assets: b.server.assets, Version: testVersion}
	serve := func() (stop func()) {
		s, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Listen(); err != nil {
			t.Fatal(err)
		}
		config.Addr = s.Addr().String()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); s.Serve(ctx) }()
		return func() { cancel(); <-done }
	}
	stop := serve()
	b.url = "http://" + config.Addr
	p := b.openPage(1280, 800)
	p.until("a row", rows+` === 1`)
	p.choose("/echo?1")
	stop()
	p.until("the loss", `document.querySelector(".footer").innerText.includes("connection lost")`)
	b.capture("GET", "/echo?2", "")
	defer serve()()
	p.until("what was missed", rows+` === 2 && !document.querySelector(".footer .warning")`)
	p.until("the selection", `document.querySelector(".row.selected")?.id === "row-`+string(first.ID)+`"`)
}

// TestPageFilterIsTheServers compares the two readers of the filter's language.
func TestPageFilterIsTheServers(t *testing.T) {
	filters := []string{
		"", "orders", "ORDERS 200", "-orders", `"orders/1"`, `-"status:200"`, "method:post", "method:POS", "status:200", "status:2xx", "status:>=400",
		"status:<400", "status:>200", "status:=404", "status:9xx", "path:/orders", "host:127", "type:json", "tunnel:command", "visitor:127.0.0.1",
		"dur:>1h", "dur:<1h", "dur:0", "dur:>=0.5ms", "dur:<1m30s", "dur:>=1.5s", "size:>0", "size:0", "size:>=100b", "size:<1kB", "size:>0.1KiB", "size:>1MB",
		"is:replay", "is:ws", "is:sse", "is:raw", "is:open", "is:error", "is:pinned", "is:imported", "-is:error method:get", "20", "0",
		"status:abc", "status:", "status:>5xx", "dur:x", "dur:5y", "size:x", "size:1TB", "is:x", "foo:bar", `"a`, "-", "- x", "a:", ":a", `path:"a b"`, `"a\"b"`,
	}
	b := newBed(t)
	furnish(b)
	b.await("the end", func(s *inspect.Summary) bool { return strings.HasPrefix(s.Target, "/orders/?channel") && !s.Open })
	rows := b.store.List(inspect.ListOptions{Limit: 1000}).Rows
	texts, _ := json.Marshal(filters)
	data, _ := json.Marshal(rows)
	p := b.openPage(1280, 800)
	page := eval[[]string](p, `import("/static/js/filter.js").then(({ parseFilter }) => {
		const rows = `+string(data)+`;
		return `+string(texts)+`.map((text) => {
			const f = parseFilter(text);
			return f.error ? "error" : rows.filter(f.matches).map((row) => row.id).join(" ");
		});
	})`)
	for i, text := range filters {
		want := "error"
		if f, err := inspect.ParseFilter(text); err == nil {
			var ids []string
			for _, row := range rows {
				if f.Match(&inspect.Exchange{Summary: row}) {
					ids = append(ids, string(row.ID))
				}
			}
			want = strings.Join(ids, " ")
		}
		if page[i] != want {
			t.Errorf("filter %q: the page has %q, the server %q", text, page[i], want)
		}
	}
}
