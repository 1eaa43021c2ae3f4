//go:build linux

package conn

import (
	"errors"
	"os"
	"testing"
	"time"

	"ngrok/conn/conntest"
)

// What a peer does not read must not pile up in the kernel, here up to its 4 MiB.
func TestBoundUnsent(t *testing.T) {
	nc, peer := conntest.TCPPair(t)
	peer.SetReadBuffer(64 << 10)
	BoundUnsent(nc)
	taken := 0
	for {
		nc.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		n, err := nc.Write(make([]byte, MaxChunk))
		taken += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if taken > 4*unsentMax {
		t.Errorf("the kernel took %d bytes that nobody reads, want at most %d", taken, 4*unsentMax)
	}
}
