package web

import (
	"testing"

	"ngrok/client"
)

// Tunnels that pass bytes have no requests to show: nothing on the page treats them as
// places for a browser or curl.
func TestPageTunnelsWithoutHTTP(t *testing.T) {
	b := newBed(t)
	b.client.set(setTunnels(
		client.TunnelState{Name: "own", PublicURL: "tls://own.example:8443", Protocol: "tls", LocalAddr: "127.0.0.1:443"},
		client.TunnelState{Name: "mail", PublicURL: "tcp://example:2525", Protocol: "tcp", LocalAddr: "127.0.0.1:25"},
	))
	p := b.openPage(1280, 800)
	p.until("how to open one", `document.querySelector(".empty h1")?.innerText === "No http tunnel is open"`)
	p.click(".topbar button", "Status")
	p.until("the tunnels", `document.querySelectorAll(".tunnel").length === 2`)
	p.until("no link and no figures of HTTP", `!document.querySelector(".tunnel a[href]") && document.querySelectorAll(".tunnel tbody tr").length === 2`)
	p.until("no durations of nothing", `document.querySelector(".tunnel tbody td:last-child").innerText === "–"`)
	p.clean()
}

func TestPageNamesAReachableURL(t *testing.T) {
	b := newBed(t)
	p := b.openPage(1280, 800)
	for _, c := range []struct{ https, http, want string }{
		{"https://shop.example", "http://shop.example", "curl -i https://shop.example/"},
		// Of a server on this machine curl would not trust the certificate.
		{"https://shop.localhost:8443", "http://shop.localhost:8080", "curl -i http://shop.localhost:8080/"},
		{"https://localhost.example", "http://localhost.example", "curl -i https://localhost.example/"},
	} {
		b.client.set(setTunnels(
			client.TunnelState{Name: "a", PublicURL: c.http, Protocol: "http", LocalAddr: "127.0.0.1:80", Inspect: true},
			client.TunnelState{Name: "a", PublicURL: c.https, Protocol: "https", LocalAddr: "127.0.0.1:80", Inspect: true},
		))
		p.until("the command", `document.querySelector(".command code")?.innerText === `+quote(c.want))
	}
	p.clean()
}

func TestPageStatusFitsNarrowScreens(t *testing.T) {
	b := newBed(t)
	b.client.set(func(s *client.State) {
		for i := range s.Tunnels {
			s.Tunnels[i].PublicURL = s.Tunnels[i].Protocol + "://shop.tunnels.example"
			s.Tunnels[i].Metrics = client.Metrics{Conns: client.Distribution{Count: 12345, Rate1: 0.48, P50: 34.1e6, P90: 58.4e6, P99: 1.55e9}, OpenConns: 12}
		}
	})
	p := b.openPage(390, 844)
	p.run(`document.querySelector(".topbar .where").click()`)
	p.until("the figures side by side", `document.querySelectorAll(".tunnel").length === 2 &&
		[...document.querySelectorAll(".tunnel > div")].every((box) => box.scrollWidth <= box.clientWidth)`)
	p.until("none over another", `[...document.querySelectorAll(".tunnel td, .tunnel th")].every((cell) => cell.scrollWidth <= cell.clientWidth)`)
	p.shot("narrow-status")
	p.clean()
}
