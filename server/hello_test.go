package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// capture is a connection that keeps what is written and never answers.
type capture struct {
	net.Conn
	written bytes.Buffer
}

func (c *capture) Write(p []byte) (int, error)      { return c.written.Write(p) }
func (c *capture) Read(p []byte) (int, error)       { return 0, errors.New("no answer") }
func (c *capture) SetDeadline(time.Time) error      { return nil }
func (c *capture) SetReadDeadline(time.Time) error  { return nil }
func (c *capture) SetWriteDeadline(time.Time) error { return nil }
func (c *capture) Close() error                     { return nil }

// hello returns the ClientHello of crypto/tls.
func hello(config *tls.Config) []byte {
	c := &capture{}
	config.InsecureSkipVerify = true
	tls.Client(c, config).HandshakeContext(context.Background())
	return c.written.Bytes()
}

// split puts a handshake message into records of n bytes.
func split(record []byte, n int) []byte {
	var b []byte
	for rest := record[recordHeaderBytes:]; len(rest) > 0; {
		m := min(n, len(rest))
		b = append(b, recordHandshake, 3, 1, byte(m>>8), byte(m))
		b = append(b, rest[:m]...)
		rest = rest[m:]
	}
	return b
}

func TestHelloServerName(t *testing.T) {
	named := hello(&tls.Config{ServerName: "Example.localhost"})
	tests := []struct {
		name, want string
		in         []byte
		more, err  bool
	}{
		{name: "nothing", more: true},
		{name: "with a name", in: named, want: "Example.localhost"},
		{name: "TLS 1.2", in: hello(&tls.Config{ServerName: "a.b", MaxVersion: tls.VersionTLS12}), want: "a.b"},
		{name: "without a name", in: hello(&tls.Config{})},
		{name: "with data behind it", in: append(bytes.Clone(named), "more"...), want: "Example.localhost"},
		{name: "in records of 100 bytes", in: split(named, 100), want: "Example.localhost"},
		{name: "in records of 1 byte", in: split(named, 1), want: "Example.localhost"},
		{name: "all but the last byte", in: named[:len(named)-1], more: true},
		{name: "a record's header", in: named[:4], more: true},
		{name: "http", in: []byte("GET / HTTP/1.1\r\n\r\n"), err: true},
		{name: "an alert", in: []byte{21, 3, 1, 0, 2, 1, 0}, err: true},
		{name: "a ServerHello", in: []byte{22, 3, 1, 0, 4, 2, 0, 0, 0}, err: true},
		{name: "an empty record", in: []byte{22, 3, 1, 0, 0}, err: true},
		{name: "an empty hello", in: []byte{22, 3, 1, 0, 4, 1, 0, 0, 0}, err: true},
		{name: "one that never ends", in: append([]byte{22, 3, 1, 255, 255, 1, 0, 255, 255}, make([]byte, maxHello)...), err: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name, more, err := helloServerName(tt.in)
			if string(name) != tt.want || more != tt.more || (err != nil) != tt.err {
				t.Errorf("%q, more %v, %v", name, more, err)
			}
		})
	}
}

// FuzzHelloServerName compares with crypto/tls: the name that decides about the way must
// be the one that a service behind the tunnel sees.
func FuzzHelloServerName(f *testing.F) {
	named := hello(&tls.Config{ServerName: "example.localhost"})
	f.Add(named)
	f.Add(split(named, 50))
	f.Add(hello(&tls.Config{MaxVersion: tls.VersionTLS12, ServerName: "a.b"}))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		name, more, err := helloServerName(b)
		if more && len(b) >= maxHello {
			t.Fatal("wants more than the limit")
		}
		c := &replay{in: bytes.NewReader(b)}
		var seen *tls.ClientHelloInfo
		tls.Server(c, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			seen = h
			return nil, errors.New("enough")
		}}).Handshake()
		switch {
		case seen == nil:
		case more || err != nil:
			if len(b) < maxHello {
				t.Fatalf("crypto/tls reads it: more %v, %v", more, err)
			}
		case strings.TrimSuffix(string(name), ".") != seen.ServerName:
			t.Fatalf("name %q, crypto/tls reads %q", name, seen.ServerName)
		}
	})
}

// replay is a connection whose peer has sent all it will.
type replay struct {
	capture
	in *bytes.Reader
}

func (r *replay) Read(p []byte) (int, error) { return r.in.Read(p) }
