// Package configfile reads the client's configuration file, a small YAML format,
// and writes a token into it without touching anything else.
//
// The keys are those of ngrok 1.x and, so that programs which start the client keep
// working, the spellings of later versions for the same settings. The oldest format
// is a file that holds nothing but a token.
//
// The package reads no environment and knows no flags.
package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"ngrok/client"
)

// maxSize bounds a file in bytes: far more than anybody writes, and little enough
// to read a wrong path without harm.
const maxSize = 1 << 20

// Disabled is the value of InspectAddr that turns the inspector's page off.
const Disabled = "disabled"

// File holds what a configuration file says. What it does not mention has the zero
// value of its field.
type File struct {
	// ServerAddr is the tunnel port of the server, as host:port.
	ServerAddr string

	// InspectAddr is where the inspector's page listens, as host:port, or
	// [Disabled].
	InspectAddr string

	// HTTPProxy is what the server is reached through: an http, https, socks5 or
	// socks5h URL.
	HTTPProxy *url.URL

	// TrustHostRootCerts adds the certificates that the system trusts.
	TrustHostRootCerts bool

	// RootCA is the path of a file of PEM certificates to trust.
	RootCA string

	// ServerFingerprint is the server's key to accept, as sha256:….
	ServerFingerprint string

	// AuthToken is what the server knows the user by.
	AuthToken string

	// InspectDBSize bounds all captured exchanges in bytes: 0 is the default, -1
	// captures nothing.
	InspectDBSize int64

	// InspectBodySize bounds one captured body in bytes; 0 is the default.
	InspectBodySize int64

	// InspectAuth is "user:password" that the inspector's page asks for.
	InspectAuth string

	// WebAllowHosts are further Host headers that the inspector's page accepts.
	WebAllowHosts []string

	// Log, LogLevel and LogFormat stand for the flags of these names.
	Log, LogLevel, LogFormat string

	// Tunnels are in the order of the file. They have been checked.
	Tunnels []client.Tunnel

	// Warnings name keys that are accepted but have no effect, with their lines.
	Warnings []string

	name  string         // of the file, and
	lines map[string]int // where its tunnels stand, by their names
}

// Clash returns an error when two of the file's tunnels can't be started together, because
// they ask for the same public name. A file may hold both: each can be started alone.
func (f *File) Clash(tunnels []client.Tunnel) error {
	for i := range tunnels {
		for j := range tunnels[:i] {
			if clash := tunnels[i].Clash(&tunnels[j]); clash != nil {
				return fmt.Errorf("%s:%d: %w (line %d)", f.name, f.lines[clash.Tunnel], clash, f.lines[clash.Other])
			}
		}
	}
	return nil
}

// Load reads the file at path. The error of a file that does not exist is
// [io/fs.ErrNotExist].
func Load(path string) (*File, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse reads the content of a file; name stands in errors and warnings. The error
// joins one for each thing that is wrong, as "name:line: what".
func Parse(name string, data []byte) (*File, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("%s: larger than %d bytes: this is not a configuration file", name, maxSize)
	}
	if token := bareToken(data); token != "" {
		return &File{AuthToken: token, name: name}, nil
	}
	root, err := parseYAML(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f := &File{name: name, lines: make(map[string]int)}
	d := &decoder{name: name, file: f}
	if root != nil {
		d.top(root)
	}
	if err := errors.Join(d.errs...); err != nil {
		return nil, err
	}
	return f, nil
}

// byteOrderMark is what some editors put before UTF-8 text.
const byteOrderMark = "\ufeff"

// tokenOnly is what the oldest format holds: one word.
var tokenOnly = regexp.MustCompile(`^[0-9A-Za-z_\-!.+/=]+$`)

// bareToken returns the token of a file that holds nothing else, or "".
func bareToken(data []byte) string {
	word := strings.TrimSpace(strings.TrimPrefix(string(data), byteOrderMark))
	if strings.HasPrefix(word, "---") || strings.HasPrefix(word, "...") || !tokenOnly.MatchString(word) {
		return ""
	}
	return word
}

// parseYAML returns the root of the only document in data, nil when it is empty.
func parseYAML(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case err == io.EOF:
		return nil, nil
	case err != nil:
		return nil, syntaxError(data, err)
	}
	if err := dec.Decode(&second); err != io.EOF {
		if err != nil {
			return nil, syntaxError(data, err)
		}
		return nil, fmt.Errorf("line %d: a second document begins: put all settings into one", second.Line)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// syntaxError makes the most common mistake, a tab, known by its name.
func syntaxError(data []byte, err error) error {
	for i, line := range bytes.Split(data, []byte("\n")) {
		if bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte("\t")) {
			return fmt.Errorf("line %d: indented with a tab: YAML wants spaces", i+1)
		}
	}
	return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
}

// read reads the file at path, no more than just above maxSize bytes of it.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return data, nil
}
