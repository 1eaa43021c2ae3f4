package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"ngrok/client"
	"ngrok/conn/conntest"
	"ngrok/msg"
)

// TestLateGrantIsGivenBack lets a server grant a tunnel after the client has stopped
// waiting for it: kept, it would stand in the way of asking for the same name again.
func TestLateGrantIsGivenBack(t *testing.T) {
	conntest.NoLeak(t)
	cert, roots := conntest.Certificate(t, "localhost")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := &world{t: t, roots: roots, logger: testLogger(t)}
	c := w.startClient(func(c *client.Config) { c.ServerAddr = l.Addr().String() })
	control := accepted(t, l)
	control.SetDeadline(time.Now().Add(30 * time.Second))
	say := func(m msg.Message) {
		t.Helper()
		if err := msg.Write(control, m); err != nil {
			t.Fatal(err)
		}
	}
	hear := func() msg.Message {
		t.Helper()
		for {
			m, err := msg.Read(control, msg.MaxAfterAuth)
			if err != nil {
				t.Fatal(err)
			}
			if _, ping := m.(*msg.Ping); !ping {
				return m
			}
			say(&msg.Pong{})
		}
	}
	hear()
	say(&msg.AuthResp{Version: "2", ClientId: "c1", Features: []string{msg.FeatureClose}})
	conntest.Eventually(t, "the client is online", func() bool { return c.State().Status == client.Online })

	tunnel := client.Tunnel{Name: "a", Subdomain: "a", Local: map[string]string{"http": "127.0.0.1:1"}}
	ctx, cancel := context.WithCancel(context.Background())
	opened := make(chan error, 1)
	go func() {
		_, err := c.Open(ctx, tunnel)
		opened <- err
	}()
	asked, ok := hear().(*msg.ReqTunnel)
	if !ok {
		t.Fatal("the client does not ask for its tunnel")
	}
	cancel()
	if err := <-opened; !errors.Is(err, context.Canceled) {
		t.Fatalf("Open: %v", err)
	}
	say(&msg.NewTunnel{ReqId: asked.ReqId, Url: "http://a.example", Protocol: "http"})
	if m, ok := hear().(*msg.CloseTunnel); !ok || m.Url != "http://a.example" {
		t.Errorf("the client answers %+v", m)
	}
	// One that is not granted is nothing to give back.
	say(&msg.NewTunnel{ReqId: asked.ReqId, Error: "no"})
	go func() {
		_, err := c.Open(context.Background(), tunnel)
		opened <- err
	}()
	if asked, ok = hear().(*msg.ReqTunnel); !ok {
		t.Fatal("the client does not ask again")
	}
	say(&msg.NewTunnel{ReqId: asked.ReqId, Url: "http://a.example", Protocol: "http"})
	if err := <-opened; err != nil {
		t.Errorf("Open, again: %v", err)
	}
}
