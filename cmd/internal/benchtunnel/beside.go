package main

import (
	"io"
	"sync"
	"time"
)

// besideStreams sends a byte there and back, again and again, while j.Workers streams
// download at a pace that leaves the machine room: what the byte waits for is the data of
// the others.
func besideStreams(j job) result {
	var (
		wait    sync.WaitGroup
		streams = make([]part, j.Workers)
	)
	length := int64(paceSize) * int64(j.Time/paceTime)
	for i := range streams {
		wait.Go(func() {
			nc, err := dial(j.Addr)
			if err == nil {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(j.Time + patience))
				if _, err = nc.Write(command(cmdPace, length)); err == nil {
					_, err = io.CopyBuffer(sink{}, onlyReader{io.LimitReader(nc, length)}, make([]byte, paceSize))
				}
			}
			if err != nil {
				streams[i].fail(err)
			}
		})
	}
	time.Sleep(j.Time / 10) // until they flow
	r := repeat(job{Workers: 1, Time: j.Time * 8 / 10}, func() (operation, io.Closer, error) {
		nc, err := dial(j.Addr)
		if err != nil {
			return nil, nil, err
		}
		nc.SetDeadline(time.Now().Add(j.Time + patience))
		return func() (int, error) { return echo(nc) }, nc, nil
	})
	wait.Wait()
	if failed := total(streams, 0); failed.Errors > 0 {
		r.Errors += failed.Errors
		r.FirstError = failed.FirstError
	}
	return r
}
