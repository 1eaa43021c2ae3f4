package verify

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// TestVerdicts lets a download arrive in every way that there is.
func TestVerdicts(t *testing.T) {
	const size = 1000
	content := func(s *Stream) []byte {
		var b bytes.Buffer
		s.Send(Down, &b)
		return b.Bytes()
	}
	broken := errors.New("broken")
	for _, test := range []struct {
		name   string
		arrive func(b *Book, s *Stream) // what the visitor reads
		want   Verdict
	}{
		{"whole", func(_ *Book, s *Stream) { s.Receive(Down, bytes.NewReader(content(s))) }, Complete},
		{"cut", func(_ *Book, s *Stream) {
			s.Receive(Down, io.MultiReader(bytes.NewReader(content(s)[:400]), failing{broken}))
		}, Cut},
		{"never read", func(_ *Book, s *Stream) {}, Cut},
		{"clean end too soon", func(_ *Book, s *Stream) { s.Receive(Down, bytes.NewReader(content(s)[:400])) }, Truncated},
		{"too much", func(_ *Book, s *Stream) { s.Receive(Down, bytes.NewReader(append(content(s), 0))) }, Corrupt},
		{"a wrong byte", func(_ *Book, s *Stream) {
			p := content(s)
			p[700]++
			s.Receive(Down, bytes.NewReader(p))
		}, Corrupt},
		{"another stream's bytes", func(b *Book, s *Stream) {
			other := b.Open(&Stream{Kind: "other", Down: size})
			p := append(content(s)[:480], content(other)[480:]...)
			s.Receive(Down, bytes.NewReader(p))
		}, Crossed},
		{"the service saw it twice", func(_ *Book, s *Stream) {
			for range 2 {
				s.Begin()
				s.Done()
			}
			s.Receive(Down, bytes.NewReader(content(s)))
		}, Doubled},
		{"nothing moved", func(_ *Book, s *Stream) { s.Stall("the visitor") }, Stalled},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := NewBook(3)
			s := b.Open(&Stream{Kind: "test", Down: size})
			test.arrive(b, s)
			b.Close(s, false, true)
			r := b.Result()
			counts := r.ByKind["test"]
			if counts.Of(test.want) != 1 {
				t.Errorf("counts are %v, want one %v", counts, test.want)
			}
			if (len(r.Findings) > 0) != test.want.Bad() {
				t.Errorf("findings: %q", r.Findings)
			}
		})
	}
}

// TestJudgedWhenTheServiceIsDone has the service read on when the visitor has gone.
func TestJudgedWhenTheServiceIsDone(t *testing.T) {
	b := NewBook(3)
	s := b.Open(&Stream{Kind: "test", Up: 100})
	s.Begin()
	b.Close(s, false, true)
	if b.Live() != 1 {
		t.Fatal("judged too soon")
	}
	s.Receive(Up, bytes.NewReader(nil)) // a clean end
	s.Done()
	if c := b.Result().All(); c.Of(Truncated) != 1 || b.Live() != 0 {
		t.Errorf("%v, %d live", c, b.Live())
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
