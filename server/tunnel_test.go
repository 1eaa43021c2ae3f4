package server

import (
	"strings"
	"testing"

	"ngrok/msg"
)

func TestWantedHost(t *testing.T) {
	s := &Server{domain: "tunnel.example"}
	for _, tt := range []struct {
		m          msg.ReqTunnel
		host, fail string
	}{
		{msg.ReqTunnel{}, "", ""},
		{msg.ReqTunnel{Subdomain: "Shop"}, "shop.tunnel.example", ""},
		{msg.ReqTunnel{Subdomain: "a.shop"}, "a.shop.tunnel.example", ""},
		{msg.ReqTunnel{Subdomain: "shop.Tunnel.example"}, "", "ask for shop"},
		{msg.ReqTunnel{Subdomain: "shop", Hostname: "www.example"}, "www.example", ""},
		{msg.ReqTunnel{Hostname: "shop.tunnel.example"}, "shop.tunnel.example", ""},
		{msg.ReqTunnel{Subdomain: "a b"}, "", "is no host name"},
	} {
		host, err := s.wantedHost(&tt.m)
		if host != tt.host || (err == nil) != (tt.fail == "") || err != nil && !strings.Contains(err.Error(), tt.fail) {
			t.Errorf("%+v: %q, %v", tt.m, host, err)
		}
	}
}
