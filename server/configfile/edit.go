package configfile

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"ngrok/server/auth"
)

// The errors of an edit that callers tell apart.
var (
	ErrTokenExists  = errors.New("a token of this name exists already")
	ErrTokenUnknown = errors.New("there is no token of this name")
)

// addToken returns the text of a file with one more token. Nothing else changes.
func addToken(path string, data []byte, name string, hash auth.Hash) ([]byte, error) {
	if err := auth.CheckTokenName(name); err != nil {
		return nil, err
	}
	before, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(before.Tokens, func(t auth.Token) bool { return t.Name == name }) {
		return nil, fmt.Errorf("token %s: %w", name, ErrTokenExists)
	}
	e, err := newEditor(path, data)
	if err != nil {
		return nil, err
	}
	indent, at := 2, 0
	switch {
	case e.key == nil:
		at = len(e.lines)
		if at > 0 && strings.TrimSpace(e.lines[at-1]) != "" {
			e.insert(at, "")
			at++
		}
		e.insert(at, "tokens:")
		at++
	case isNull(e.tokens) || len(e.tokens.Content) == 0:
		e.replaceValue("")
		at = e.key.Line // the line after the key's
	default:
		indent = e.tokens.Column - 1
		at = e.contentEnd(e.blockEnd())
	}
	space := strings.Repeat(" ", indent)
	e.insert(at, space+"- name: "+quoted(name), space+"  hash: "+hash.String())

	want := slices.Concat(before.Tokens, []auth.Token{{Name: name, Hash: hash}})
	return e.checked(before, want)
}

// removeToken returns the text of a file without the token. Comments stay, but for
// those between the token's own lines.
func removeToken(path string, data []byte, name string) ([]byte, error) {
	before, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(before.Tokens, func(t auth.Token) bool { return t.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("token %s: %w", name, ErrTokenUnknown)
	}
	e, err := newEditor(path, data)
	if err != nil {
		return nil, err
	}
	end := e.blockEnd()
	if i+1 < len(e.tokens.Content) {
		if end, err = e.itemStart(i + 1); err != nil {
			return nil, err
		}
	}
	start, err := e.itemStart(i)
	if err != nil {
		return nil, err
	}
	e.lines = slices.Delete(e.lines, start, e.contentEnd(end))
	if len(e.tokens.Content) == 1 {
		e.replaceValue("[]")
	}
	return e.checked(before, slices.Delete(slices.Clone(before.Tokens), i, i+1))
}

// editor changes the lines of a file of which it knows where the tokens stand.
type editor struct {
	path    string
	lines   []string // without their ends
	newline string
	key     *yaml.Node // tokens, nil when there are none
	tokens  *yaml.Node // its value
	next    int        // index of the line of the key after it, or len(lines)
}

func newEditor(path string, data []byte) (*editor, error) {
	e := &editor{path: path, newline: "\n"}
	text := string(data)
	if strings.Contains(text, "\r\n") {
		e.newline = "\r\n"
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	// YAML also ends lines where nobody else does.
	if i := strings.IndexAny(text, "\r\u0085\u2028\u2029"); i >= 0 {
		return nil, e.tooUnusual(1 + strings.Count(text[:i], "\n"))
	}
	text = strings.TrimSuffix(text, "\n")
	if text != "" {
		e.lines = strings.Split(text, "\n")
	}
	e.next = len(e.lines)
	root, err := (&parser{name: path}).root(data)
	if err != nil || root == nil || isNull(root) {
		return e, err
	}
	if root.Style&yaml.FlowStyle != 0 {
		return nil, e.tooUnusual(root.Line)
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value != "tokens" {
			continue
		}
		e.key, e.tokens = root.Content[i], root.Content[i+1]
		if i+2 < len(root.Content) {
			e.next = root.Content[i+2].Line - 1
		}
	}
	if e.key != nil && (e.key.Line > len(e.lines) || !keyLine.MatchString(e.lines[e.key.Line-1])) {
		return nil, e.tooUnusual(e.key.Line)
	}
	return e, nil
}

func (e *editor) tooUnusual(line int) error {
	return Problems{{e.path, line, "this is written in a way that only you can edit safely: write tokens as a list with one \"- name: …\" to a line"}}
}

func (e *editor) insert(at int, lines ...string) { e.lines = slices.Insert(e.lines, at, lines...) }

// keyLine is the line of the key tokens, in the forms that are edited: with nothing, or
// nothing but an empty value, and perhaps a comment behind it.
var keyLine = regexp.MustCompile(`^(tokens:)(?:[ \t]+(?:\[\]|null|~))?[ \t]*( #.*)?$`)

// replaceValue puts value, an empty list or nothing, behind the key tokens.
func (e *editor) replaceValue(value string) {
	m := keyLine.FindStringSubmatch(e.lines[e.key.Line-1])
	if value != "" {
		value = " " + value
	}
	e.lines[e.key.Line-1] = m[1] + value + m[2]
}

// itemStart returns the index of the line with the dash of the i-th token, or an error
// when it has none of its own.
func (e *editor) itemStart(i int) (int, error) {
	dash := strings.Repeat(" ", e.tokens.Column-1) + "-"
	for at := e.tokens.Content[i].Line - 1; at >= e.key.Line; at-- {
		if strings.HasPrefix(e.lines[at], dash) {
			return at, nil
		}
	}
	return 0, e.tooUnusual(e.tokens.Content[i].Line)
}

// blockEnd returns the index of the first line behind the tokens.
func (e *editor) blockEnd() int {
	for at := e.key.Line; at < e.next; at++ {
		if strings.HasPrefix(e.lines[at], "...") {
			return at
		}
	}
	return e.next
}

// contentEnd goes back from end over blank lines and comments.
func (e *editor) contentEnd(end int) int {
	for end > 0 {
		line := strings.TrimSpace(e.lines[end-1])
		if line != "" && !strings.HasPrefix(line, "#") {
			break
		}
		end--
	}
	return end
}

// checked returns the new text, if it says what the old one did but for the tokens.
func (e *editor) checked(before *File, tokens []auth.Token) ([]byte, error) {
	text := strings.Join(e.lines, e.newline) + e.newline
	after, err := Parse(e.path, []byte(text))
	if err == nil {
		same := slices.EqualFunc(after.Tokens, tokens, func(a, b auth.Token) bool { return reflect.DeepEqual(a, b) })
		want := *before
		want.Tokens, want.HasTokens = after.Tokens, true
		want.Settings, after.Settings = unplaced(want.Settings), unplaced(after.Settings)
		if same && reflect.DeepEqual(*after, want) {
			return []byte(text), nil
		}
	}
	line := 1
	if e.key != nil {
		line = e.key.Line
	}
	return nil, e.tooUnusual(line)
}

// unplaced returns settings without their lines, which an edit may move.
func unplaced(settings []Setting) []Setting {
	out := slices.Clone(settings)
	for i := range out {
		out[i].Line = 0
	}
	return out
}

// quoted keeps a name a string: 123 and null would be read as something else.
func quoted(name string) string {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(name), &n); err == nil && len(n.Content) == 1 && n.Content[0].Tag == "!!str" {
		return name
	}
	return `"` + name + `"`
}
