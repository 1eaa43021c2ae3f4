package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

// SaveToken writes token into the file at path and leaves its other keys, their
// order and all comments as they are. The file is replaced at once or not at all;
// its mode stays, and where path is a symbolic link its target is what changes. A
// file that does not exist is made with mode 0600, and its directory with 0700.
//
// A file that can't be read as YAML is left alone and reported.
func SaveToken(path, token string) error {
	if _, err := checkToken(token); err != nil {
		return err
	}
	data, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case len(data) > maxSize:
		return fmt.Errorf("%s: larger than %d bytes: this is not a configuration file", path, maxSize)
	}
	edited, err := setToken(data, token)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if bytes.Equal(edited, data) {
		return nil
	}
	if err := replaceFile(path, edited); err != nil {
		return fmt.Errorf("save token: %w", err)
	}
	return nil
}

// errUnwritable is the answer to files that an edit would change the meaning of.
var errUnwritable = errors.New("the token can't be put into this file without changing other things: add the line auth_token: YOUR_TOKEN yourself")

// setToken returns data with the token in it.
func setToken(data []byte, token string) ([]byte, error) {
	line := "auth_token: " + scalar(token) + "\n"
	if bareToken(data) != "" {
		return []byte(line), nil
	}
	root, err := parseYAML(data)
	if err != nil {
		return nil, err
	}
	if root == nil || isNull(root) {
		edited := appendLine(data, line)
		if root != nil && root.Value != "" { // null in a word
			edited = replaceScalar(data, root, strings.TrimSuffix(line, "\n"))
		}
		if after, err := parseYAML(edited); err != nil || after == nil || tokenNode(after) == nil {
			return nil, errUnwritable
		}
		return edited, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: the file holds no settings", root.Line)
	}
	// The lines are edited where that gives what is wanted, since this leaves
	// everything else untouched; other ways of writing YAML are written anew.
	value := tokenNode(root)
	var edited []byte
	if value != nil {
		edited = replaceScalar(data, value, scalar(token))
	} else {
		edited = appendLine(data, strings.Repeat(" ", max(0, root.Column-1))+line)
	}
	if edited != nil && sameButToken(data, edited, token) {
		return edited, nil
	}
	return rewrite(data, token)
}

// tokenNode returns the value of the key that holds the token, nil without one.
func tokenNode(root *yaml.Node) *yaml.Node {
	var agent *yaml.Node
	for i := 0; i+1 < len(root.Content); i += 2 {
		switch key := root.Content[i]; key.Value {
		case "auth_token", "authtoken":
			return root.Content[i+1]
		case "agent":
			agent = root.Content[i+1]
		}
	}
	if agent != nil && agent.Kind == yaml.MappingNode {
		return tokenNode(agent)
	}
	return nil
}

// scalar writes s so that YAML reads it as text, quoted only when it has to be.
func scalar(s string) string {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(s), &n); err == nil && len(n.Content) == 1 {
		if c := n.Content[0]; c.Kind == yaml.ScalarNode && c.Value == s && c.ShortTag() == "!!str" && c.Anchor == "" && c.Style == 0 {
			return s
		}
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func appendLine(data []byte, line string) []byte {
	out := bytes.Clone(data)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	return append(out, line...)
}

// replaceScalar replaces the one-line scalar n in data; nil when it is written in
// another way.
func replaceScalar(data []byte, n *yaml.Node, with string) []byte {
	if n.Kind != yaml.ScalarNode || n.Anchor != "" || n.Line < 1 {
		return nil
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	if n.Line > len(lines) {
		return nil
	}
	line := string(lines[n.Line-1])
	// Columns count characters.
	runes := []rune(line)
	if n.Column < 1 || n.Column-1 > len(runes) {
		return nil
	}
	head, tail := string(runes[:n.Column-1]), string(runes[n.Column-1:])
	switch {
	case isNull(n) && n.Value == "":
		head = strings.TrimRight(head, " ") + " "
	case n.Style == yaml.SingleQuotedStyle:
		quoted := "'" + strings.ReplaceAll(n.Value, "'", "''") + "'"
		if !strings.HasPrefix(tail, quoted) {
			return nil
		}
		tail = tail[len(quoted):]
	case n.Style == yaml.DoubleQuotedStyle:
		end := strings.IndexByte(tail[1:], '"') // a token has no quote in it
		if end < 0 {
			return nil
		}
		tail = tail[end+2:]
	case n.Style == 0 && strings.HasPrefix(tail, n.Value):
		tail = tail[len(n.Value):]
	default:
		return nil
	}
	lines[n.Line-1] = []byte(head + with + tail)
	return bytes.Join(lines, nil)
}

// sameButToken reports whether the edited file says what the original does, apart
// from the token.
func sameButToken(data, edited []byte, token string) bool {
	before, err := parseYAML(data)
	if err != nil {
		return false
	}
	after, err := parseYAML(edited)
	if err != nil || after == nil || after.Kind != yaml.MappingNode {
		return false
	}
	value := tokenNode(after)
	if value == nil || value.Kind != yaml.ScalarNode || value.Value != token {
		return false
	}
	var a, b any
	if before.Decode(&a) != nil || after.Decode(&b) != nil {
		return false
	}
	return reflect.DeepEqual(withoutToken(a), withoutToken(b))
}

// withoutToken removes the keys that hold a token from a decoded file.
func withoutToken(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	delete(m, "auth_token")
	delete(m, "authtoken")
	if agent, ok := m["agent"].(map[string]any); ok {
		delete(agent, "auth_token")
		delete(agent, "authtoken")
	}
	return m
}

// rewrite writes the whole file anew. Keys, order and comments stay; the spacing is
// the encoder's.
func rewrite(data []byte, token string) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	root := doc.Content[0]
	if value := tokenNode(root); value != nil {
		*value = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: token, LineComment: value.LineComment, Anchor: value.Anchor}
	} else {
		root.Content = append(root.Content,
			&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "auth_token"},
			&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: token})
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return nil, err
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	if !sameButToken(data, out.Bytes(), token) {
		return nil, errUnwritable
	}
	return out.Bytes(), nil
}
