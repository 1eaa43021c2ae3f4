//go:build linux

package load

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"ngrok/cmd/internal/chaos/verify"
)

// messageBytes is the size of a websocket's messages.
const messageBytes = 3000

// webSocket is the service's end.
func (e *End) webSocket(s *verify.Stream, w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := up.Upgrade(w, r, w.Header())
	if err != nil {
		return // the upgrader has answered
	}
	defer ws.Close()
	if err := talk(s, ws, verify.Down, verify.Up); err != nil {
		if lostPatience(err) {
			s.Stall("the service waited in vain on a websocket")
		}
		return
	}
	ws.ReadMessage() // the visitor closes first
}

// talk sends one direction as binary messages and receives the other. An empty text
// message is the end of a direction.
func talk(s *verify.Stream, ws *websocket.Conn, send, receive verify.Direction) error {
	var sent error
	var wg sync.WaitGroup
	wg.Go(func() {
		sent = sendMessages(s, ws, send)
		if sent != nil {
			ws.Close()
		}
	})
	received := receiveMessages(s, ws, receive)
	if received != nil {
		ws.Close()
	}
	wg.Wait()
	return errors.Join(received, sent)
}

func sendMessages(s *verify.Stream, ws *websocket.Conn, d verify.Direction) error {
	src := s.Source(d)
	p := make([]byte, messageBytes)
	for {
		n, err := io.ReadFull(src, p)
		if n > 0 {
			if err := ws.WriteMessage(websocket.BinaryMessage, p[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return ws.WriteMessage(websocket.TextMessage, nil)
		} else if err != nil {
			return err
		}
	}
}

func receiveMessages(s *verify.Stream, ws *websocket.Conn, d verify.Direction) error {
	sink := s.Sink(d)
	for {
		kind, p, err := ws.ReadMessage()
		switch {
		case err != nil:
			return sink.End(fmt.Errorf("websocket: %w", err))
		case kind == websocket.TextMessage:
			return sink.End(nil)
		}
		sink.Write(p)
	}
}

// visitWebSocket is the visitor's end.
func (v *visitor) visitWebSocket(s *verify.Stream, url string) (refused bool) {
	dialer := websocket.Dialer{NetDialContext: v.dial, TLSClientConfig: v.load.TLS.Clone(), HandshakeTimeout: v.load.Patience}
	ws, resp, err := dialer.Dial("ws"+url[len("http"):], nil)
	if err != nil {
		v.checkHead(s, resp)
		return true
	}
	defer ws.Close()
	v.checkHead(s, resp)
	if err := talk(s, ws, verify.Up, verify.Down); err != nil {
		if lostPatience(err) {
			s.Stall("the visitor waited in vain on a websocket")
		}
		return false
	}
	ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	return false
}
