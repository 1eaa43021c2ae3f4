package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// identityPrefix tells a server's operator what the text is.
	identityPrefix = "anon-"

	// identityBytes of randomness can't be guessed: who knows an identity can take
	// its names over.
	identityBytes = 16
)

// identityPath returns where this user's anonymous identity is kept, or "".
func (a *app) identityPath() string {
	state := a.getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // relative ones are to be ignored, says the XDG specification
		home := a.home()
		if home == "" {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "ngrok", "identity")
}

// identity returns the anonymous identity that is kept at path and makes it when
// there is none. Programs that start at the same time get the same one.
func identity(path string) (string, error) {
	if path == "" {
		return "", errors.New("there is no home directory to keep it in: set XDG_STATE_HOME")
	}
	id, err := readIdentity(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	secret := make([]byte, identityBytes)
	rand.Read(secret) // never fails
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	tmp, err := os.CreateTemp(dir, ".identity.*") // has mode 0600
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(identityPrefix + hex.EncodeToString(secret) + "\n")
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", err
	}
	// A link is made whole, and only where nothing is: who comes second reads what
	// the first one made. File systems without links see a rename, whose race
	// nobody can close there; reading back at least settles on what is kept.
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := os.Rename(tmp.Name(), path); err != nil {
			return "", err
		}
	}
	return readIdentity(path)
}

// readIdentity reads and checks what is kept at path.
func readIdentity(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const longest = 256
	b, err := io.ReadAll(io.LimitReader(f, longest))
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(b))
	secret, found := strings.CutPrefix(id, identityPrefix)
	if raw, err := hex.DecodeString(secret); !found || err != nil || len(raw) != identityBytes {
		return "", fmt.Errorf("%s is damaged: delete it to get a new one", path)
	}
	return id, nil
}
