package configfile

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"ngrok/server/auth"
	"ngrok/server/limit"
)

// maxSize bounds the file, in bytes: far above ten thousand tokens, far below memory.
const maxSize = 8 << 20

// File is what a settings file says.
type File struct {
	// Settings are those that are flags too, in the order of the file.
	Settings []Setting

	// Tokens are who may use the server. HasTokens tells an empty list, by which
	// nobody may, from a file that does not speak of tokens.
	Tokens    []auth.Token
	HasTokens bool

	// Reserved are the names that only a token that lists them gets.
	Reserved []auth.Pattern

	// TCPPorts are the ports of TCP tunnels; nil when the file does not say.
	TCPPorts *auth.Ports

	// Limits are the default ones with those of the file in their places.
	Limits limit.Limits

	// ACME says how certificates are asked for; nil when they are not.
	ACME *ACME

	// TrustedProxies may say who a visitor is, by PROXY protocol or
	// X-Forwarded-For.
	TrustedProxies []netip.Prefix
}

// Setting is the value of one flag in the file.
type Setting struct {
	Key, Value string
	Line       int
}

// ACME says how to get certificates from an authority that speaks ACME.
type ACME struct {
	// Email is where the authority writes to; Directory its URL, empty for the
	// default one; CA the file with the roots that vouch for a private one.
	Email, Directory, CA string

	// DNS names the provider of the DNS-01 challenge ("provider") and holds what it
	// wants, credentials among it. Nil means no DNS-01.
	DNS map[string]string
}

// Policy returns the rights that the file gives; open admits peers without a token too.
func (f *File) Policy(open bool) (*auth.Policy, error) {
	return auth.NewPolicy(auth.Config{
		Open:     open,
		Tokens:   f.Tokens,
		Reserved: f.Reserved,
		TCPPorts: f.TCPPorts,
		Limits:   &f.Limits,
	})
}

// Load reads the file at path. The error of a missing file is [os.ErrNotExist]; that of
// one that can't be used is [Problems].
func Load(path string) (*File, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("read settings: %s is larger than %d MiB", path, maxSize>>20)
	}
	return data, nil
}

// Parse reads the text of a file; name is for the errors, which are [Problems].
func Parse(name string, data []byte) (*File, error) {
	f := &File{Limits: limit.Default()}
	p := &parser{name: name}
	root, err := p.root(data)
	if err != nil {
		return nil, err
	}
	if root != nil {
		p.file(f, root)
	}
	if len(p.problems) == 0 {
		// What only the whole shows, such as a name that stands twice.
		if _, err := f.Policy(false); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return f, nil
	}
	return nil, p.problems
}

// IsMissing reports whether err says that the file does not exist.
func IsMissing(err error) bool { return errors.Is(err, os.ErrNotExist) }
