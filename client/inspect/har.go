package inspect

import "io"

// HAROptions configures [WriteHAR].
type HAROptions struct {
	Version string // of this program, named as the creator
	Reveal  bool   // write secrets in plain text instead of masking them
}

// WriteHAR writes exchanges as an HTTP Archive 1.2, oldest first: those of ids, or
// all when ids is nil. Ones that are no longer kept are left out. It holds one
// exchange in memory at a time.
func (s *Store) WriteHAR(w io.Writer, ids []ID, o HAROptions) error { return nil }

// MaxHAR bounds what [Store.ImportHAR] reads, in bytes (64 MiB).
const MaxHAR = 64 << 20

// ImportHAR adds the entries of an HTTP Archive and returns their ids in the order of
// the file. On an error nothing is added.
func (s *Store) ImportHAR(r io.Reader) ([]ID, error) { return nil, nil }
