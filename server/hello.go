package server

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"

	"ngrok/conn"
	"ngrok/conn/http1"
)

// maxHello bounds the ClientHello that is looked at, in bytes with its record headers.
// Browsers send up to 2 KiB.
const maxHello = 16 << 10

// Of TLS records and handshake messages (RFC 8446).
const (
	recordHeaderBytes   = 5
	recordHandshake     = 22
	messageClientHello  = 1
	extensionServerName = 0
	nameTypeHost        = 0
)

var errNoHello = errors.New("no TLS ClientHello")

// readHello waits for the ClientHello of a visitor of the https port, leaves it unread
// in the leg and returns the host name that it asks for in canonical form, "" for none.
// The error is errNoHello when what came is something else.
func readHello(leg *conn.Conn) (host string, err error) {
	for {
		name, more, err := helloServerName(leg.Buffered())
		if err != nil {
			return "", err
		}
		if !more {
			host, err := http1.CanonicalHost(string(name))
			if err != nil {
				return "", nil // no tunnel has such a name
			}
			return host, nil
		}
		if err := leg.Fill(); err != nil {
			return "", err
		}
	}
}

// helloServerName returns the host name in the ClientHello that b begins with, nil for
// none; more says that b is too short for the whole message.
func helloServerName(b []byte) (name []byte, more bool, err error) {
	hello, more, err := clientHello(b)
	if more || err != nil {
		return nil, more, err
	}
	name, err = serverName(hello)
	return name, false, err
}

// clientHello returns the body of the ClientHello that b begins with; it may come in
// several records.
func clientHello(b []byte) (hello cryptobyte.String, more bool, err error) {
	const header = 4 // type and 24 bits of length
	rest := b[:min(len(b), maxHello)]
	var message []byte
	for {
		if len(message) > 0 && message[0] != messageClientHello {
			return nil, false, errNoHello
		}
		if len(message) >= header {
			end := header + (int(message[1])<<16 | int(message[2])<<8 | int(message[3]))
			if end <= len(message) {
				return message[header:end], false, nil
			}
		}
		if len(rest) > 0 && rest[0] != recordHandshake {
			return nil, false, errNoHello
		}
		size := recordHeaderBytes
		if len(rest) >= recordHeaderBytes {
			if size += int(rest[3])<<8 | int(rest[4]); size == recordHeaderBytes {
				return nil, false, errNoHello // an empty record
			}
		}
		if len(rest) < size || len(rest) < recordHeaderBytes {
			if len(b) >= maxHello {
				return nil, false, errNoHello
			}
			return nil, true, nil
		}
		if fragment := rest[recordHeaderBytes:size:size]; message == nil {
			message = fragment // without room, so that append copies
		} else {
			message = append(message, fragment...)
		}
		rest = rest[size:]
	}
}

// serverName finds the host name in the body of a ClientHello (RFC 6066 section 3).
func serverName(hello cryptobyte.String) (name []byte, err error) {
	var session, suites, compressions, extensions cryptobyte.String
	const versionAndRandom = 2 + 32
	if !hello.Skip(versionAndRandom) ||
		!hello.ReadUint8LengthPrefixed(&session) ||
		!hello.ReadUint16LengthPrefixed(&suites) ||
		!hello.ReadUint8LengthPrefixed(&compressions) {
		return nil, errNoHello
	}
	if hello.Empty() {
		return nil, nil
	}
	if !hello.ReadUint16LengthPrefixed(&extensions) {
		return nil, errNoHello
	}
	for !extensions.Empty() {
		var kind uint16
		var data, names cryptobyte.String
		if !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&data) {
			return nil, errNoHello
		}
		if kind != extensionServerName {
			continue
		}
		if !data.ReadUint16LengthPrefixed(&names) {
			return nil, errNoHello
		}
		for !names.Empty() {
			var nameType uint8
			var value cryptobyte.String
			if !names.ReadUint8(&nameType) || !names.ReadUint16LengthPrefixed(&value) {
				return nil, errNoHello
			}
			if nameType == nameTypeHost {
				return value, nil
			}
		}
	}
	return nil, nil
}
