package web

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"ngrok/client/inspect"
)

// loadHAR gives a HAR file to the network panel of the browser's own developer tools, as
// its button for that does, and notes what it lists. It says so where the tools are other
// than they were: nothing promises that their parts keep their names.
const loadHAR = `(async () => {
	let view;
	try {
		const Network = await import("./panels/network/network.js");
		const UI = await import("./ui/legacy/legacy.js");
		await UI.ViewManager.ViewManager.instance().showView("network");
		view = Network.NetworkPanel.NetworkPanel.instance().networkLogView;
		if (!view.onLoadFromFile || !view.flatNodesList) throw new Error("the network panel has other names");
	} catch (e) {
		return "other tools: " + e;
	}
	globalThis.rows = () => view.flatNodesList().map((node) => node.request()).filter((request) => request);
	await view.onLoadFromFile(new File([%s], "ngrok.har"));
	return "";
})()`

// devToolsRow is what the panel knows of a request.
type devToolsRow struct {
	Method, URL, Type, MIME, Content, Posted, Authorization string
	Status, Frames, Events, Size                            int
	Form, Cookies, Vary                                     string
}

const readRows = `Promise.all(rows().map(async (r) => {
	const content = await r.requestContentData();
	const header = (list, name) => list.filter((h) => h.name.toLowerCase() === name).map((h) => h.value).join("; ");
	return {
		Method: r.requestMethod, URL: r.url(), Type: r.resourceType().name(), MIME: r.mimeType, Status: r.statusCode,
		Content: content.error ?? (content.isTextContent ? content.text : "base64 " + content.base64),
		Posted: (await r.requestFormData()) ?? "", Form: ((await r.formParameters()) ?? []).map((p) => p.name + "=" + p.value).join("; "),
		Frames: r.frames().length, Events: r.eventSourceMessages().length, Size: r.resourceSize,
		Authorization: header(r.requestHeaders(), "authorization"), Vary: header(r.responseHeaders, "vary"),
		Cookies: r.responseCookies.map((c) => c.name() + "=" + c.value()).join("; "),
	};
}))`

func TestExportOpensInDevTools(t *testing.T) {
	b := newBed(t, func(_ *Config, o *inspect.Options) { o.BodySize = 8000 })
	for _, path := range []string{"/orders/1?a=b&c=d%20e", "/orders/%C5%BElut%C3%BD?q=%E6%97%A5%E6%9C%AC", "/logo.png", "/binary", "/latin1", "/zipped",
		"/hints", "/large", "/status/304", "/status/204", "/login", "/feed.xml", "/events"} {
		b.visit("GET", path, "", "Authorization", "Bearer tok_secret")
	}
	b.visit("GET", "/echo?image", "", "Sec-Fetch-Dest", "image")
	b.visit("HEAD", "/echo?head", "")
	b.visit("POST", "/echo?form", "user=Zo%C5%BEka&tag=a&tag=b", "Content-Type", "application/x-www-form-urlencoded")
	b.visit("POST", "/echo?binary", "\x00\xff\x01", "Content-Type", "application/octet-stream")
	b.visit("POST", "/echo?parts", "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n\r\nhi\r\n--b--\r\n",
		"Content-Type", "multipart/form-data; boundary=b")
	b.visit("POST", "/fail", `{"event":"invoice.paid"}`, "Content-Type", "application/json")
	b.chat()
	if res, err := http.Get("http://" + b.tunnel + "/cut"); err == nil {
		io.Copy(io.Discard, res.Body) // ends before its time
		res.Body.Close()
	}
	row := b.capture("PUT", "/orders/7", `{"replay":true}`, "Content-Type", "application/json")
	b.want("POST", "/api/requests/http", `{"id":"`+string(row.ID)+`"}`, 204, "")
	const total = 23
	waitFor(t, "all exchanges", func() bool {
		done := 0
		for _, row := range b.store.List(inspect.ListOptions{Limit: 100}).Rows {
			if !row.Open {
				done++
			}
		}
		return done == total
	})
	status, har := b.call("GET", "/api/har", "")
	if status != 200 || strings.Contains(har, "tok_secret") {
		t.Fatalf("the export is answered with %d and holds the token: %t", status, strings.Contains(har, "tok_secret"))
	}

	p := openBrowser(t, 1280, 800)
	p.do(chromedp.Navigate("devtools://devtools/bundled/devtools_app.html"))
	if other := eval[string](p, fmt.Sprintf(loadHAR, quote(har))); other != "" {
		t.Skip(other)
	}
	p.until("all rows", fmt.Sprintf("rows().length === %d", total))
	got := map[string]devToolsRow{}
	for _, r := range eval[[]devToolsRow](p, readRows) {
		key := r.Method + " " + strings.TrimPrefix(r.URL, "http://"+b.tunnel)
		for got[key].URL != "" {
			key += " again"
		}
		got[key] = r
	}
	p.shot("devtools")
	for key, want := range map[string]devToolsRow{
		"GET /orders/1?a=b&c=d%20e":                        {Status: 200, Type: "fetch", Content: `{"id":"ord_8f2c1"`, Authorization: "Bearer ***", Cookies: "session=***"},
		"GET /orders/%C5%BElut%C3%BD?q=%E6%97%A5%E6%9C%AC": {Status: 200, Type: "fetch", Content: `{"id":"ord_8f2c1"`, Authorization: "Bearer ***", Cookies: "session=***"},
		"GET /logo.png":                                    {Status: 200, Type: "image", Content: "base64 iVBORw0KGgo", Authorization: "Bearer ***"},
		"GET /binary":                                      {Status: 200, Type: "fetch", Content: "base64 AAEC//4NCoA=", Authorization: "Bearer ***", Size: 8},
		"GET /latin1":                                      {Status: 200, Type: "fetch", Content: "grüße", Authorization: "Bearer ***"},
		"GET /zipped":                                      {Status: 200, Type: "fetch", Content: `{"zipped":true}`, Authorization: "Bearer ***", Size: 15},
		"GET /hints":                                       {Status: 200, Type: "fetch", Content: "late", Authorization: "Bearer ***", Vary: "Accept; Cookie", Cookies: "a=***; b=***"},
		"GET /large":                                       {Status: 200, Type: "fetch", Content: "0123456789abcdef", Authorization: "Bearer ***", Size: 16000},
		"GET /status/304":                                  {Status: 304, Type: "fetch", Authorization: "Bearer ***"},
		"GET /status/204":                                  {Status: 204, Type: "fetch", Authorization: "Bearer ***"},
		"GET /login":                                       {Status: 302, Type: "document", Content: "<a href", Authorization: "Bearer ***"},
		"GET /feed.xml":                                    {Status: 200, Type: "fetch", Content: "<?xml", Authorization: "Bearer ***"},
		"GET /events":                                      {Status: 200, Type: "eventsource", Content: "retry: 3000", Authorization: "Bearer ***", Events: 2},
		"GET /echo?image":                                  {Status: 200, Type: "image", Content: "GET /echo"},
		"HEAD /echo?head":                                  {Status: 200, Type: "fetch"},
		"POST /echo?form":                                  {Status: 200, Type: "fetch", Content: "POST /echo", Posted: "user=Zo%C5%BEka&tag=a&tag=b", Form: "user=Zo%C5%BEka; tag=a; tag=b"},
		"POST /echo?binary":                                {Status: 200, Type: "fetch", Content: "POST /echo", Posted: "AP8B"},
		"POST /echo?parts":                                 {Status: 200, Type: "fetch", Content: "POST /echo", Posted: "--b\r\n", Form: "f=(binary)"},
		"POST /fail":                                       {Status: 500, Type: "fetch", Content: "panic:", Posted: `{"event":"invoice.paid"}`},
		"GET /chat?room=42":                                {Status: 101, Type: "websocket", Frames: 10},
		"GET /cut":                                         {Status: 200, Type: "fetch", Content: "not all of it"},
		"PUT /orders/7":                                    {Status: 200, Type: "fetch", Content: `{"id"`, Posted: `{"replay":true}`, Cookies: "session=***"},
		"PUT /orders/7 again":                              {Status: 200, Type: "fetch", Content: `{"id"`, Posted: `{"replay":true}`, Cookies: "session=***"},
	} {
		r, ok := got[key]
		if !ok {
			t.Errorf("%s is not listed", key)
			continue
		}
		if !strings.HasPrefix(r.Content, want.Content) || want.Content == "" && r.Content != "" {
			t.Errorf("%s: content %q, want %q…", key, r.Content, want.Content)
		}
		if !strings.HasPrefix(r.Posted, want.Posted) || want.Posted == "" && r.Posted != "" {
			t.Errorf("%s: posted %q, want %q…", key, r.Posted, want.Posted)
		}
		if want.Size == 0 {
			r.Size = 0 // they count heads in, too, where there is no body
		}
		want.Method, want.URL, want.MIME, want.Content, want.Posted = r.Method, r.URL, r.MIME, r.Content, r.Posted
		if r != want {
			t.Errorf("%s is listed as %+v\nwant %+v", key, r, want)
		}
	}
	p.clean()
}
