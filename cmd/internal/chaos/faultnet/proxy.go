//go:build linux

package faultnet

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Proxies makes a network of sites on loopback whose paths are TCP proxies to the
// tunnel port. They cannot do all that a wire does, but need no rights.
func Proxies(sites int, tunnelPort string, seed uint64) (*Network, error) {
	n := &Network{Kind: fmt.Sprintf("%d proxies on loopback", sites)}
	n.close = func() {
		for _, s := range n.Sites {
			s.Path.(*Proxy).Close()
		}
	}
	for i := range sites {
		p, err := NewProxy(net.JoinHostPort("127.0.0.1", tunnelPort), seed+uint64(i))
		if err != nil {
			n.close()
			return nil, err
		}
		n.Sites = append(n.Sites, &Site{
			Path:       p,
			ServerAddr: p.Addr(),
			addr:       "127.0.0.1",
			inside:     func(f func() error) error { return f() },
		})
	}
	return n, nil
}

// latePiece is how much later a "lost" piece comes, about a retransmission.
const latePiece = 200 * time.Millisecond

// blackholePoll is how often a swallowing proxy looks whether it still has to.
const blackholePoll = 20 * time.Millisecond

// Proxy is a [Path] that passes TCP connections on.
type Proxy struct {
	target     string
	listener   net.Listener
	conditions atomic.Pointer[Conditions]
	up, down   atomic.Int64
	wg         sync.WaitGroup

	mu     sync.Mutex
	random *rand.Rand
	pairs  map[*pair]struct{}
	closed bool
}

type pair struct{ client, server *net.TCPConn }

func (p *pair) reset() {
	for _, c := range []*net.TCPConn{p.client, p.server} {
		c.SetLinger(0)
		c.Close()
	}
}

// NewProxy listens on loopback and passes connections to target.
func NewProxy(target string, seed uint64) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, listener: l, random: rand.New(rand.NewPCG(seed, 0)), pairs: map[*pair]struct{}{}}
	p.conditions.Store(&Conditions{})
	p.wg.Go(p.accept)
	return p, nil
}

// Addr returns where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set implements [Path].
func (p *Proxy) Set(c Conditions) { p.conditions.Store(&c) }

// Carried implements [Path].
func (p *Proxy) Carried() (up, down int64) { return p.up.Load(), p.down.Load() }

// Reset implements [Path]: it chooses one of the open connections.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pr := range p.pairs { // in no order, and so not from the seed
		pr.reset()
		return
	}
}

// Close aborts all connections and waits for them.
func (p *Proxy) Close() {
	p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for pr := range p.pairs {
		pr.reset()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(c.(*net.TCPConn)) })
	}
}

func (p *Proxy) serve(client *net.TCPConn) {
	p.wait(0)
	s, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		client.SetLinger(0)
		client.Close()
		return
	}
	pr := &pair{client, s.(*net.TCPConn)}
	defer pr.reset()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.pairs[pr] = struct{}{}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.pairs, pr)
		p.mu.Unlock()
	}()
	var wg sync.WaitGroup
	wg.Go(func() { p.copy(pr, pr.server, pr.client, &p.up) })
	p.copy(pr, pr.client, pr.server, &p.down)
	wg.Wait()
}

// copy passes one direction on until it ends.
func (p *Proxy) copy(pr *pair, to, from *net.TCPConn, count *atomic.Int64) {
	way := make(chan late, 64)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(way)
	wg.Go(func() {
		for pk := range way {
			p.wait(time.Until(pk.at))
			if pk.p == nil { // the end
				to.CloseWrite()
			} else if _, err := to.Write(pk.p); err != nil {
				pr.reset()
			}
		}
	})
	for {
		buf := make([]byte, 16<<10)
		n, err := from.Read(buf)
		if n > 0 {
			count.Add(int64(n))
			way <- late{buf[:n], time.Now().Add(p.lateness())}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				way <- late{nil, time.Now().Add(p.conditions.Load().Delay)}
			} else {
				pr.reset()
			}
			return
		}
	}
}

func (p *Proxy) lateness() time.Duration {
	c := p.conditions.Load()
	if c.Loss > 0 {
		p.mu.Lock()
		lost := p.random.Float64() < c.Loss
		p.mu.Unlock()
		if lost {
			return c.Delay + latePiece
		}
	}
	return c.Delay
}

// wait waits for d, and on for as long as everything is swallowed: TCP would send it
// again afterwards.
func (p *Proxy) wait(d time.Duration) {
	if d > 0 {
		time.Sleep(d)
	}
	for p.conditions.Load().Blackhole && !p.isClosed() {
		time.Sleep(blackholePoll)
	}
}

func (p *Proxy) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}
