package sample

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// start serves until the test ends and returns the address.
func start(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(60 * time.Second):
			t.Error("Serve did not return")
		}
	})
	return listener.Addr().String()
}

func get(t *testing.T, request *http.Request) (int, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestAnswers(t *testing.T) {
	url := "http://" + start(t)
	for _, c := range []struct {
		name, method, path, accept, body string
		code                             int
		want                             string
	}{
		{"page", "GET", "/a?b=<i>", "text/html", "", 200, "GET /a?b=&lt;i&gt; HTTP/1.1"},
		{"text", "POST", "/a", "", "the body", 200, "the body"},
		{"echo", "POST", "/echo", "", "the body", 200, "the body"},
		{"bytes", "GET", "/bytes?n=20", "", "", 200, "000000000000000\n0000"},
		{"many lines", "GET", "/bytes?n=1920", "", "", 200, "000000000000099\n000000000000100\n"},
		{"no number", "GET", "/bytes?n=x", "", "", 400, "say how many"},
		{"negative", "GET", "/bytes?n=-1", "", "", 400, "say how many"},
		{"too many", "GET", "/bytes?n=9000000000000", "", "", 400, "say how many"},
		{"status", "GET", "/status/418", "", "", 418, "teapot"},
		{"no status", "GET", "/status/100", "", "", 400, "say which"},
		{"long body", "POST", "/", "", strings.Repeat("x", 100_000), 400, "could not be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			request, err := http.NewRequest(c.method, url+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Accept", c.accept)
			code, body := get(t, request)
			if code != c.code || !strings.Contains(body, c.want) {
				t.Errorf("%d: %.300s", code, body)
			}
		})
	}
}

func TestBytesHaveTheirChecksum(t *testing.T) {
	url := "http://" + start(t)
	const n = 1_000_003
	all, _ := http.NewRequest("GET", fmt.Sprintf("%s/bytes?n=%d", url, n), nil)
	sum, _ := http.NewRequest("GET", fmt.Sprintf("%s/bytes?n=%d&sha256=1", url, n), nil)
	_, body := get(t, all)
	_, want := get(t, sum)
	if got := sha256.Sum256([]byte(body)); len(body) != n || hex.EncodeToString(got[:])+"\n" != want {
		t.Errorf("%d bytes with another checksum", len(body))
	}
}

// The rest of the body is sent only after the first part came back.
func TestEchoAnswersWhileItReads(t *testing.T) {
	addr := start(t)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	fmt.Fprintf(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	half := make([]byte, 5)
	if _, err := io.ReadFull(response.Body, half); err != nil || string(half) != "first" {
		t.Fatalf("%q %v", half, err)
	}
	io.WriteString(conn, "again")
	if _, err := io.ReadFull(response.Body, half); err != nil || string(half) != "again" {
		t.Fatalf("%q %v", half, err)
	}
}

func TestEventsComeAtOnce(t *testing.T) {
	response, err := http.Get("http://" + start(t) + "/sse")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	line, err := bufio.NewReader(response.Body).ReadString('\n')
	if err != nil || line != "id: 1\n" {
		t.Errorf("%q %v", line, err)
	}
}

func TestSocketSendsBack(t *testing.T) {
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+start(t)+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) // after Serve was told to stop: it must not wait for us
	for _, message := range [][]byte{[]byte("hello"), bytes.Repeat([]byte{1}, 100_000)} {
		if err := conn.WriteMessage(websocket.BinaryMessage, message); err != nil {
			t.Fatal(err)
		}
		kind, got, err := conn.ReadMessage()
		if err != nil || kind != websocket.BinaryMessage || !bytes.Equal(got, message) {
			t.Fatalf("%d, %d bytes, %v", kind, len(got), err)
		}
	}
}
