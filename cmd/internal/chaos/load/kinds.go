//go:build linux

package load

import (
	"math/rand/v2"

	"ngrok/cmd/internal/chaos/verify"
)

// Kinds of streams.
const (
	TCPDown    = "tcp download"        // the service sends much
	TCPUp      = "tcp upload"          // the visitor sends much
	TCPBoth    = "tcp both ways"       // both send at the same time
	TCPShort   = "tcp short"           // one question, one answer
	TCPAsk     = "tcp half-close"      // the visitor ends its direction, then the service answers
	TCPTell    = "tcp service ends"    // the service ends its direction, then the visitor sends
	HTTPGet    = "http length"         // Content-Length, keep-alive
	HTTPChunks = "http chunked"        // chunks, keep-alive
	HTTPClose  = "http until close"    // HTTP/1.0: only the end of the connection tells the end
	HTTPPut    = "http upload"         // a body with Content-Length
	HTTPPutCh  = "http chunked upload" // a body in chunks
	SSE        = "server-sent events"  // small pieces over time
	WebSocket  = "websocket"           // messages both ways at the same time
)

// kind says how often a kind is drawn and how large its streams are.
type kind struct {
	name     string
	weight   int
	up, down span
	http     bool
	once     bool // the service must never be given the stream twice
}

// span is a range of sizes in bytes. Sizes are drawn so that each order of magnitude is
// as likely as another.
type span struct{ from, to int64 }

var kinds = []kind{
	{name: TCPDown, weight: 6, up: span{1, 64}, down: span{64 << 10, 16 << 20}, once: true},
	{name: TCPUp, weight: 6, up: span{64 << 10, 16 << 20}, down: span{1, 64}, once: true},
	{name: TCPBoth, weight: 6, up: span{64 << 10, 8 << 20}, down: span{64 << 10, 8 << 20}, once: true},
	{name: TCPShort, weight: 16, up: span{1, 4 << 10}, down: span{1, 8 << 10}, once: true},
	{name: TCPAsk, weight: 6, up: span{1, 1 << 20}, down: span{1, 1 << 20}, once: true},
	{name: TCPTell, weight: 6, up: span{1, 1 << 20}, down: span{1, 1 << 20}, once: true},
	{name: HTTPGet, weight: 18, down: span{1, 8 << 20}, http: true},
	{name: HTTPChunks, weight: 10, down: span{1, 8 << 20}, http: true},
	{name: HTTPClose, weight: 5, down: span{1, 4 << 20}, http: true},
	{name: HTTPPut, weight: 10, up: span{1, 8 << 20}, down: span{1, 64}, http: true, once: true},
	{name: HTTPPutCh, weight: 6, up: span{1, 8 << 20}, down: span{1, 64}, http: true, once: true},
	{name: SSE, weight: 2, down: span{256, 4 << 10}, http: true},
	{name: WebSocket, weight: 3, up: span{64, 1 << 20}, down: span{64, 1 << 20}, http: true, once: true},
}

// aborts is one stream in how many is aborted by a sender half way.
const aborts = 25

// draw plans a stream.
func draw(r *rand.Rand, scale float64) (kind, *verify.Stream) {
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := r.IntN(total)
	k := kinds[0]
	for _, k = range kinds {
		if n -= k.weight; n < 0 {
			break
		}
	}
	s := &verify.Stream{Kind: k.name, Up: k.up.draw(r, scale), Down: k.down.draw(r, scale)}
	if r.IntN(aborts) == 0 && k.name != WebSocket && k.name != SSE {
		if at := s.Down / 2; r.IntN(2) == 0 && at > 0 {
			s.DownAborts = at
		} else if at := s.Up / 2; at > 0 {
			s.UpAborts = at
		}
	}
	return k, s
}

// draw makes most sizes small, and most bytes part of large ones. scale shrinks what is
// above 64 KiB.
func (s span) draw(r *rand.Rand, scale float64) int64 {
	if s.to == 0 {
		return 0
	}
	to := s.to
	if large := int64(float64(to) * scale); to > 64<<10 {
		to = max(large, 64<<10)
	}
	if to <= s.from {
		return s.from
	}
	magnitudes := 0
	for n := s.from; n < to; n *= 2 {
		magnitudes++
	}
	n := s.from << r.IntN(magnitudes)
	return min(to, n+r.Int64N(n+1))
}
