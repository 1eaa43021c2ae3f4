package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// A connection to the service's TCP port is a series of commands, each a letter and, but
// for echo, a length of 8 bytes, big endian.
const (
	cmdEcho = 'e' // is answered with itself
	cmdSend = 'd' // asks for that many bytes
	cmdPace = 'p' // the same, paceSize bytes each paceTime
	cmdTake = 'u' // is followed by that many bytes, and then answered with itself
)

const (
	paceSize = 256 << 10
	paceTime = 10 * time.Millisecond

	smallPath, bigPath = "/small", "/big"
	smallBody, bigBody = 128, 1 << 20 // bytes
)

// service is the process of the private service.
type service struct {
	*role
	addresses
}

type addresses struct{ TCP, HTTP string }

func startService(ctx context.Context) (*service, error) {
	r, err := startRole(ctx, roleService)
	if err != nil {
		return nil, err
	}
	s := &service{role: r}
	if err := r.answers.Decode(&s.addresses); err != nil {
		r.stop()
		return nil, fmt.Errorf("start the service: %w: %s", err, r.log)
	}
	return s, nil
}

// serveAll is the service: it says where it listens and serves until in ends.
func serveAll(in io.Reader, out io.Writer) error {
	var s addresses
	for _, l := range []struct {
		to    *string
		serve func(net.Conn)
	}{{&s.TCP, serveTCP}, {&s.HTTP, newAnswers().serve}} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		*l.to = listener.Addr().String()
		go func() {
			for {
				nc, err := listener.Accept()
				if err != nil {
					return
				}
				go func() { defer nc.Close(); l.serve(nc) }()
			}
		}()
	}
	if err := json.NewEncoder(out).Encode(s); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, in)
	return err
}

func serveTCP(nc net.Conn) {
	in := bufio.NewReaderSize(nc, 16)
	var buf []byte // taken once bytes flow: idle connections should cost little
	for {
		cmd, err := in.ReadByte()
		if err != nil {
			return
		}
		if cmd == cmdEcho {
			if _, err := nc.Write([]byte{cmd}); err != nil {
				return
			}
			continue
		}
		var length [8]byte
		if _, err := io.ReadFull(in, length[:]); err != nil {
			return
		}
		n := int64(binary.BigEndian.Uint64(length[:]))
		if buf == nil {
			buf = make([]byte, paceSize)
		}
		switch cmd {
		case cmdSend, cmdPace:
			err = send(nc, buf, n, cmd == cmdPace)
		case cmdTake:
			if _, err = io.CopyBuffer(sink{}, onlyReader{io.LimitReader(in, n)}, buf); err == nil {
				_, err = nc.Write([]byte{cmd})
			}
		default:
			return
		}
		if err != nil {
			return
		}
	}
}

func send(nc net.Conn, buf []byte, n int64, paced bool) error {
	next := time.Now()
	for n > 0 {
		m, err := nc.Write(buf[:min(n, int64(len(buf)))])
		if err != nil {
			return err
		}
		n -= int64(m)
		if paced {
			next = next.Add(paceTime)
			time.Sleep(time.Until(next))
		}
	}
	return nil
}

// sink and onlyReader keep io.CopyBuffer from choosing buffers of its own.
type sink struct{}

func (sink) Write(p []byte) (int, error) { return len(p), nil }

type onlyReader struct{ io.Reader }

// answers are the responses, ready made.
type answers struct{ small, smallLast, big, bigLast []byte }

func newAnswers() *answers {
	of := func(size int, connection string) []byte {
		return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s",
			size, connection, strings.Repeat("x", size))
	}
	return &answers{of(smallBody, "keep-alive"), of(smallBody, "close"), of(bigBody, "keep-alive"), of(bigBody, "close")}
}

// serve answers requests without a body.
func (a *answers) serve(nc net.Conn) {
	in := bufio.NewReader(nc)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		big, last := bytes.HasPrefix(line, []byte("GET "+bigPath+" ")), false
		for {
			if line, err = in.ReadSlice('\n'); err != nil {
				return
			}
			if len(line) == len("\r\n") {
				break
			}
			last = last || bytes.HasPrefix(line, []byte("Connection: close"))
		}
		answer := a.small
		switch {
		case big && last:
			answer = a.bigLast
		case big:
			answer = a.big
		case last:
			answer = a.smallLast
		}
		if _, err := nc.Write(answer); err != nil || last {
			return
		}
	}
}
