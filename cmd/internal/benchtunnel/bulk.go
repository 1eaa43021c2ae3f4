package main

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"
)

// piece is how many bytes are asked for or sent with one command. A stream has two under
// way, so that it never waits for a command, and the last ones end soon after the time.
const piece = 4 << 20

func command(cmd byte, n int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{cmd}, uint64(n))
}

// bulk moves pieces on all streams until the time is up, and counts those that arrived.
func bulk(j job) result {
	move := downloadStream
	if j.Kind == upload {
		move = uploadStream
	}
	parts := make([]part, j.Workers)
	var wait sync.WaitGroup
	start := time.Now()
	end := start.Add(j.Time)
	for i := range parts {
		wait.Go(func() {
			nc, err := dial(j.Addr)
			if err == nil {
				defer nc.Close()
				nc.SetDeadline(end.Add(patience))
				err = move(nc, end, &parts[i])
			}
			if err != nil {
				parts[i].fail(err)
			}
		})
	}
	wait.Wait()
	return total(parts, time.Since(start))
}

func downloadStream(nc net.Conn, end time.Time, p *part) error {
	ask := command(cmdSend, piece)
	buf := make([]byte, paceSize)
	asked := 0
	for time.Now().Before(end) || asked > 0 {
		for asked < 2 && time.Now().Before(end) {
			if _, err := nc.Write(ask); err != nil {
				return err
			}
			asked++
		}
		if err := p.readPiece(nc, buf); err != nil {
			return err
		}
		asked--
	}
	return nil
}

func (p *part) readPiece(nc net.Conn, buf []byte) error {
	began := time.Now()
	for left := piece; left > 0; {
		n, err := nc.Read(buf[:min(left, len(buf))])
		if err != nil {
			return err
		}
		left -= n
	}
	p.took = append(p.took, time.Since(began))
	p.bytes += piece
	return nil
}

func uploadStream(nc net.Conn, end time.Time, p *part) error {
	sent := make(chan error, 1)
	under := make(chan struct{}, 2) // pieces that are under way
	go func() {
		defer close(under)
		buf := append(command(cmdTake, piece), make([]byte, piece)...)
		for time.Now().Before(end) {
			under <- struct{}{}
			if _, err := nc.Write(buf); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	var one [1]byte
	for range under {
		began := time.Now()
		if _, err := io.ReadFull(nc, one[:]); err != nil {
			nc.Close() // ends the sender
			for range under {
			}
			return err
		}
		p.took = append(p.took, time.Since(began))
		p.bytes += piece
	}
	return <-sent
}
