package inspect

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// A block is its owner's alone until it is put back, and all memory is found again.
func TestArena(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			a := newArena(1 << 20)
			type owned struct {
				r    ref
				mark byte
			}
			var blocks []owned
			var used int64
			for i := range 5000 {
				if len(blocks) > 0 && (random.IntN(2) == 0 || used > 3<<20) {
					k := random.IntN(len(blocks))
					b := blocks[k]
					blocks[k] = blocks[len(blocks)-1]
					blocks = blocks[:len(blocks)-1]
					if mem := a.bytes(b.r); bytes.Count(mem, []byte{b.mark}) != len(mem) {
						t.Fatalf("somebody else wrote into a block of %d bytes", len(mem))
					}
					a.put(b.r)
					used -= int64(b.r.size())
					continue
				}
				order := minOrder + random.IntN(orders)
				r := a.take(order)
				if r.order() > order {
					t.Fatalf("a block of order %d, want %d", r.order(), order)
				}
				mem := a.bytes(r)
				for j := range mem {
					mem[j] = byte(i)
				}
				blocks = append(blocks, owned{r, byte(i)})
				used += int64(r.size())
				if n, total := a.use(); n != used || total < used {
					t.Fatalf("%d bytes are in blocks of %d, want %d", n, total, used)
				}
			}
			for _, b := range blocks {
				a.put(b.r)
			}
			used, total := a.use()
			if used != 0 || total > spareMemory+chunkSize {
				t.Fatalf("%d bytes are in blocks, %d in chunks", used, total)
			}
			// Nothing is left in pieces.
			for range total / chunkSize {
				if r := a.take(maxOrder); r.order() != maxOrder {
					t.Fatalf("a free chunk is in pieces of order %d", r.order())
				}
			}
			if _, now := a.use(); now != total {
				t.Errorf("%d bytes are needed for what fitted into %d", now, total)
			}
		})
	}
}

// An arena that is full of small blocks hands out what there is before it grows.
func TestArenaAtItsLimit(t *testing.T) {
	a := newArena(2 * chunkSize)
	var refs []ref
	for range 2 * chunkUnits {
		refs = append(refs, a.take(minOrder))
	}
	for i := 0; i < len(refs); i += 4 { // two neighbours of each four
		a.put(refs[i])
		a.put(refs[i+1])
	}
	if r := a.take(maxOrder); r.order() != minOrder+1 {
		t.Errorf("a block of order %d, want %d", r.order(), minOrder+1)
	}
	for range len(refs)/4 - 1 {
		a.take(minOrder + 1)
	}
	if used, total := a.use(); used != total || total != 2*chunkSize {
		t.Errorf("%d of %d bytes are used, want all of two chunks", used, total)
	}
	if r := a.take(maxOrder); r.order() != maxOrder {
		t.Errorf("a full arena gives a block of order %d", r.order())
	}
}

func TestArenaConcurrently(t *testing.T) {
	a := newArena(1 << 20)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 2))
			for range 2000 {
				r := a.take(minOrder + random.IntN(orders))
				mem := a.bytes(r)
				mem[0], mem[len(mem)-1] = byte(i), byte(i)
				if mem[0] != byte(i) || mem[len(mem)-1] != byte(i) {
					t.Error("two owners of one block")
				}
				a.put(r)
			}
		})
	}
	wg.Wait()
	if used, _ := a.use(); used != 0 {
		t.Errorf("%d bytes are left", used)
	}
}

func TestBuffer(t *testing.T) {
	sizes := []int{0, 1, 127, 128, 129, 400, 511, 513, 1500, 5000, 65535, 65536, 65537, 100_000, 1 << 20, 3<<20 + 77}
	for _, size := range sizes {
		for _, piece := range []int{1 << 20, 65391, 4096, 100} {
			for _, known := range []bool{true, false} {
				t.Run(fmt.Sprintf("%d in pieces of %d, known %v", size, piece, known), func(t *testing.T) {
					a := newArena(8 << 20)
					want := make([]byte, size)
					for i := range want {
						want[i] = byte(i ^ i>>8 ^ i>>16)
					}
					var b buffer
					var cost int64
					for at := 0; at < size; {
						n := min(piece, size-at)
						follow := int64(-1)
						if known {
							follow = int64(size - at - n)
						}
						cost += b.append(a, want[at:at+n], follow)
						at += n
						if at == size/2 {
							cost += b.trim(a) // more may come all the same
						}
					}
					held := b.clone()
					cost += b.trim(a)
					if used, _ := a.use(); used != cost {
						t.Errorf("%d bytes are used, %d accounted for", used, cost)
					}
					if limit := int64(size + size/7 + 1<<minOrder); cost > limit {
						t.Errorf("%d bytes take %d, more than %d", size, cost, limit)
					}
					if !bytes.Equal(b.bytes(a), want) || !bytes.Equal(held.bytes(a), want) {
						t.Error("other bytes come out")
					}
					b.free(a)
					if used, _ := a.use(); used != 0 || b.bytes(a) != nil {
						t.Errorf("%d bytes are left", used)
					}
				})
			}
		}
	}
}
