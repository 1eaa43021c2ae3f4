package cert

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/caddyserver/certmagic"
)

// acmeStore keeps accounts, keys and certificates in files, directories with mode 0700 and
// files with 0600. A data directory belongs to one server, so that locks are a matter of
// this process: certmagic's own are files, kept fresh by goroutines that outlast them,
// and after a crash they hold up the next start.
type acmeStore struct {
	certmagic.FileStorage

	mu    sync.Mutex
	locks map[string]chan struct{} // closed when the lock is free
}

func newACMEStore(dataDir string) *acmeStore {
	return &acmeStore{
		FileStorage: certmagic.FileStorage{Path: filepath.Join(dataDir, acmeDir)},
		locks:       make(map[string]chan struct{}),
	}
}

// Lock waits until the name is free, or ctx ends, and takes it.
func (s *acmeStore) Lock(ctx context.Context, name string) error {
	for {
		held := s.take(name)
		if held == nil {
			return nil
		}
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TryLock takes the name if it is free.
func (s *acmeStore) TryLock(_ context.Context, name string) (bool, error) {
	return s.take(name) == nil, nil
}

// Unlock gives the name back.
func (s *acmeStore) Unlock(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.locks[name]
	if held == nil {
		return fmt.Errorf("%q is not locked", name)
	}
	delete(s.locks, name)
	close(held)
	return nil
}

// take takes the name, or returns a channel that is closed when it is given back.
func (s *acmeStore) take(name string) (held chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held := s.locks[name]; held != nil {
		return held
	}
	s.locks[name] = make(chan struct{})
	return nil
}
