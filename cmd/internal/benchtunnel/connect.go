package main

import (
	"net"
	"time"
)

// connectOnce is a connection for one byte there and back.
func connectOnce(addr string) operation {
	return func() (int, error) {
		nc, err := dial(addr)
		if err != nil {
			return 0, err
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(patience))
		return echo(nc)
	}
}

// idle are connections that were used once and are then held.
type idle struct{ conns []net.Conn }

// open holds j.Limit connections.
func (i *idle) open(j job) result {
	one := make([]part, 1)
	began := time.Now()
	for range j.Limit {
		one[0].once(func() (int, error) {
			nc, err := dial(j.Addr)
			if err != nil {
				return 0, err
			}
			i.conns = append(i.conns, nc)
			nc.SetDeadline(time.Now().Add(patience))
			return echo(nc)
		})
		if one[0].errors > 0 {
			break
		}
	}
	return total(one, time.Since(began))
}

func (i *idle) release() {
	for _, nc := range i.conns {
		nc.Close()
	}
	i.conns = nil
}
