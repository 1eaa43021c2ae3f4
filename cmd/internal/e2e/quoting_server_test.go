package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"ngrok/client"
	"ngrok/conn/conntest"
)

// A server that quotes what it refuses does not get a credential into the client's log and
// views.
func TestQuotingServer(t *testing.T) {
	const token, password = "ngt_kanarie_token", "kanarie-password"
	for _, tt := range []struct {
		name   string
		admits bool
		want   string
	}{
		{"token", false, "no user has the token [redacted]"},
		{"password", true, "weak password: [redacted]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.NoLeak(t)
			cert, roots := conntest.Certificate(t, "localhost")
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			served := make(chan struct{})
			go func() {
				defer close(served)
				if nc, err := l.Accept(); err == nil {
					defer nc.Close()
					quote(nc, tt.admits)
				}
			}()
			var log bytes.Buffer
			c, err := client.New(client.Config{
				ServerAddr: l.Addr().String(),
				TLS:        &tls.Config{RootCAs: roots, ServerName: "localhost"},
				AuthToken:  token,
				Tunnels: []client.Tunnel{{Name: "web", Subdomain: "web", HTTPAuth: "ann:" + password,
					Local: map[string]string{"http": "127.0.0.1:1"}}},
				Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err = c.Run(ctx)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%v, want %q in it", err, tt.want)
			}
			l.Close()
			<-served
			for where, text := range map[string]string{"the error": err.Error(), "the log": log.String(), "the state": c.State().LastError} {
				if strings.Contains(text, token) || strings.Contains(text, password) {
					t.Errorf("%s tells a credential: %s", where, text)
				}
			}
		})
	}
}

// quote is the server's side of a session that it refuses, or one whose tunnels it refuses.
func quote(nc net.Conn, admits bool) {
	m, err := plainRead(nc)
	if err != nil {
		return
	}
	refusal := ""
	if !admits {
		refusal = "no user has the token " + m.Payload.User
	}
	plainWrite(nc, "AuthResp", map[string]string{"Version": "2", "MmVersion": "1.7", "ClientId": "c1", "Error": refusal})
	if m, err = plainRead(nc); err == nil && m.Type == "ReqTunnel" {
		_, password, _ := strings.Cut(m.Payload.HttpAuth, ":")
		plainWrite(nc, "NewTunnel", map[string]string{"ReqId": m.Payload.ReqId, "Error": "weak password: " + password})
	}
	io.Copy(io.Discard, nc)
}
