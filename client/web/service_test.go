package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/gorilla/websocket"
)

// order is what the private service of the tests answers for orders.
const order = `{"id":"ord_8f2c1","number":90071992547409931,"status":"paid","total":{"amount":12900,"currency":"EUR"},` +
	`"customer":{"name":"Žofia Nováková","email":"zofia@example.com"},"items":[{"sku":"A-100","quantity":2,"price":4950},` +
	`{"sku":"B-220","quantity":1,"price":3000}],"shipping":null,"gift":false,"visits":%d}`

// privateService answers like the services that people develop behind a tunnel.
func privateService() http.Handler {
	var visits atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/orders/", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Set-Cookie", "session=s3cr3t-cookie; HttpOnly; SameSite=Lax")
		w.Header().Set("X-Request-Id", "req-"+strconv.FormatInt(visits.Add(1), 10))
		fmt.Fprintf(w, order, visits.Load())
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%s %s auth=%s\n", r.Method, r.URL, r.Header.Get("Authorization"))
		io.Copy(w, r.Body)
	})
	mux.HandleFunc("/zipped", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, `{"zipped":true}`)
		z.Close()
	})
	mux.HandleFunc("/broken.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "{\n  \"ok\": true,\n  \"items\": [1, 2,, 3]\n}\n")
	})
	mux.HandleFunc("/feed.xml", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		io.WriteString(w, `<?xml version="1.0"?><feed><entry id="1"><title>Tea &amp; biscuits</title></entry></feed>`)
	})
	mux.HandleFunc("/logo.png", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		w.Write(testImage())
	})
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/account", http.StatusFound)
	})
	mux.HandleFunc("/fail", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "panic: runtime error: index out of range [3] with length 3", http.StatusInternalServerError)
	})
	mux.HandleFunc("/binary", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write([]byte{0, 1, 2, 0xff, 0xfe, '\r', '\n', 0x80})
	})
	mux.HandleFunc("/latin1", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=iso-8859-1")
		w.Write([]byte("gr\xfc\xdfe"))
	})
	mux.HandleFunc("/hints", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Add("Vary", "Accept")
		w.Header().Add("Vary", "Cookie")
		w.Header().Add("Set-Cookie", "a=1; Path=/")
		w.Header().Add("Set-Cookie", "b=2; HttpOnly")
		io.WriteString(w, "late")
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, "not all of it")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, strings.Repeat("0123456789abcdef", 1000))
	})
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.PathValue("code"))
		w.WriteHeader(code)
	})
	mux.HandleFunc("/events", serveEvents)
	mux.HandleFunc("/chat", serveChat)
	return mux
}

// serveEvents sends three events and ends, or stays open with ?stay.
func serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i, e := range []string{"retry: 3000\nevent: hello\ndata: {\"user\":\"zofia\"}\n\n", ": keep-alive\n\n", "id: 7\nevent: price\ndata: {\"sku\":\"A-100\",\"price\":4950}\n\n"} {
		io.WriteString(w, e)
		_ = http.NewResponseController(w).Flush()
		if i == 2 && r.URL.Query().Has("stay") {
			<-r.Context().Done()
		}
	}
}

// serveChat answers each message with its own text.
func serveChat(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{EnableCompression: true}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, p, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.TextMessage {
			p = fmt.Appendf(nil, `{"type":"ack","of":%q}`, p)
		}
		if conn.WriteMessage(kind, p) != nil {
			return
		}
	}
}

// testImage is a small PNG.
func testImage() []byte {
	img := image.NewNRGBA(image.Rect(0, 0, 96, 64))
	for y := range 64 {
		for x := range 96 {
			img.Set(x, y, color.NRGBA{uint8(60 + x), uint8(70 + 2*y), 200, uint8(min(255, 4*x))})
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, img)
	return b.Bytes()
}
