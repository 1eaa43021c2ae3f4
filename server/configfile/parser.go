package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// parser walks the nodes of one file and collects what is wrong with it.
type parser struct {
	name     string
	problems Problems
}

// field reads the value of one key.
type field struct {
	key  string
	read func(value *yaml.Node)
}

func (p *parser) fail(line int, format string, args ...any) {
	p.problems = append(p.problems, Problem{p.name, line, fmt.Sprintf(format, args...)})
}

// yamlError is how the decoder reports where a syntax error stands.
var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// root returns the file's only document, nil when it holds nothing.
func (p *parser) root(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err == nil {
		if err = decoder.Decode(&more); errors.Is(err, io.EOF) {
			return doc.Content[0], nil
		} else if err == nil {
			p.fail(more.Line, "a second document begins here: put all settings into one")
			return nil, p.problems
		}
	}
	line, text := 1, err.Error()
	if m := yamlError.FindStringSubmatch(text); m != nil {
		text = m[2]
		if n, convErr := strconv.Atoi(m[1]); convErr == nil {
			line = n
		}
	}
	p.fail(line, "this is not YAML: %s", text)
	return nil, p.problems
}

// mapping reads each key of n by its field. what names the mapping in errors.
func (p *parser) mapping(n *yaml.Node, what string, fields []field) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		p.fail(n.Line, "%s must be keys with values, one \"key: value\" to a line", what)
		return
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := slices.IndexFunc(fields, func(f field) bool { return f.key == key.Value })
		switch {
		case key.Kind != yaml.ScalarNode:
			p.fail(key.Line, "a key must be a word")
		case at < 0:
			p.unknown(key, what, fields)
		case seen[key.Value] != 0:
			p.fail(key.Line, "%s stands in line %d already", key.Value, seen[key.Value])
		default:
			seen[key.Value] = key.Line
			if !isNull(value) || key.Value == "tokens" {
				fields[at].read(value)
			}
		}
	}
}

func (p *parser) unknown(key *yaml.Node, what string, fields []field) {
	var keys []string
	for _, f := range fields {
		keys = append(keys, f.key)
	}
	hint := "the keys are " + strings.Join(keys, ", ")
	if near := Nearest(key.Value, keys); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	p.fail(key.Line, "%s has no key %q: %s", what, shorten(key.Value), hint)
}

// list calls read for each item of n; a lone scalar is a list of one.
func (p *parser) list(n *yaml.Node, key string, read func(item *yaml.Node)) {
	switch {
	case isNull(n):
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			read(item)
		}
	case n.Kind == yaml.ScalarNode:
		read(n)
	default:
		p.fail(n.Line, "%s must be a list, like [a, b]", key)
	}
}

// text returns the scalar n, and false after noting that it is none.
func (p *parser) text(n *yaml.Node, key string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		p.fail(n.Line, "%s must be a single value", key)
		return "", false
	}
	return n.Value, true
}

// parsed returns a field that stores what parse makes of its scalar in dst.
func parsed[T any](p *parser, key string, dst *T, parse func(string) (T, error)) field {
	return field{key, func(n *yaml.Node) {
		s, ok := p.text(n, key)
		if !ok {
			return
		}
		v, err := parse(s)
		if err != nil {
			p.fail(n.Line, "%s: %v", key, err)
			return
		}
		*dst = v
	}}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// shorten keeps a foreign text fit for an error.
func shorten(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
