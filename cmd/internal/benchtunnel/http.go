package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// visitorBuffer is large enough for a body of 1 MiB to be read in few calls.
const visitorBuffer = 64 << 10

// newKeepAlive returns one request with its response on a connection that stays.
func newKeepAlive(j job) (operation, io.Closer, error) {
	nc, err := dial(j.Addr)
	if err != nil {
		return nil, nil, err
	}
	nc.SetDeadline(time.Now().Add(j.Time + patience))
	request := requestOf(j, "keep-alive")
	in := bufio.NewReaderSize(nc, visitorBuffer)
	return func() (int, error) { return roundTrip(nc, in, request) }, nc, nil
}

// requestOnce is a connection for one request.
func requestOnce(j job) operation {
	request := requestOf(j, "close")
	in := bufio.NewReaderSize(nil, 4<<10)
	return func() (int, error) {
		nc, err := dial(j.Addr)
		if err != nil {
			return 0, err
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(patience))
		in.Reset(nc)
		return roundTrip(nc, in, request)
	}
}

// requestOf is about what a script sends.
func requestOf(j job, connection string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: benchtunnel\r\nAccept: */*\r\nConnection: %s\r\n\r\n", j.Path, j.Host, connection)
}

// roundTrip returns the length of the response's body.
func roundTrip(nc net.Conn, in *bufio.Reader, request []byte) (int, error) {
	if _, err := nc.Write(request); err != nil {
		return 0, err
	}
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		return 0, fmt.Errorf("answered %q", line)
	}
	length := -1
	for {
		line, err = in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) == len("\r\n") {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if strings.EqualFold(string(name), "content-length") {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, fmt.Errorf("the response has no length")
	}
	return in.Discard(length)
}
