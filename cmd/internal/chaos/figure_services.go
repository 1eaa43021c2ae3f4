//go:build linux

package main

import (
	"io"
	"net"
	"net/http"
	"sync"
)

// echoes are the private services of a figure: an echo for TCP, and for HTTP the answer
// that probes want.
type echoes struct {
	w    *world
	webs []*http.Server
	wg   sync.WaitGroup
}

func serveEchoes(w *world) *echoes {
	e := &echoes{w: w}
	for _, s := range w.service {
		web := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/much" {
				io.Copy(rw, zeros{}) // until the visitor has enough
				return
			}
			io.WriteString(rw, "here")
		})}
		e.webs = append(e.webs, web)
		e.wg.Go(func() { web.Serve(s.web) })
		e.wg.Go(func() { echo(s.raw) })
	}
	return e
}

func echo(l net.Listener) {
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer nc.Close()
			buf := make([]byte, 512)
			for {
				n, err := nc.Read(buf)
				if err != nil {
					return
				}
				if _, err := nc.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
	}
}

func (e *echoes) close() {
	for i, web := range e.webs {
		web.Close()
		e.w.service[i].raw.Close()
	}
	e.wg.Wait()
}
