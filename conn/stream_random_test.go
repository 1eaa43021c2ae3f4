package conn

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

var executions = flag.Int("executions", 4_000, "how many random sequences of frames to read")

// TestStreamAtRandom reads what is nearly right: frames of all kinds and sizes, of which
// some are broken, in pieces of any size. FuzzStream finds what nobody thought of; what
// somebody did think of is read more often here.
func TestStreamAtRandom(t *testing.T) {
	seed := rand.Uint64()
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for i := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			var b []byte
			for range *executions / workers {
				b = randomFrames(r, b[:0])
				step, consume := 1+r.IntN(min(1<<r.IntN(17), len(b)+1)), r.IntN(2) == 0
				if err := readStreams(b, step, consume); err != nil {
					t.Errorf("%q in pieces of %d, consume %v: %v", b, step, consume, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// randomFrames appends up to twelve frames to b. One of three sequences has an error, and
// one of four is cut off.
func randomFrames(r *rand.Rand, b []byte) []byte {
	for range 1 + r.IntN(12) {
		kind, n := byte(frameData), 0
		switch r.IntN(6) {
		case 0:
			kind = frameEnd
		case 1:
			kind = frameReset
		default:
			n = 1 + r.IntN(1<<r.IntN(8))
			if r.IntN(1000) == 0 {
				n = maxFrame - r.IntN(3)
			}
		}
		at := len(b)
		b = append(b, make([]byte, frameHeader+n)...)
		putFrameHeader(b[at:], kind, n)
		for i := at + frameHeader; i < len(b); i++ {
			b[i] = byte(i)
		}
	}
	if r.IntN(3) == 0 {
		b[r.IntN(len(b))] = byte(r.IntN(256))
	}
	if r.IntN(4) == 0 {
		b = b[:1+r.IntN(len(b))]
	}
	return b
}
