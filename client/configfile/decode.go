package configfile

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	// maxDepth bounds how deep mappings are merged into each other, and with it
	// an anchor that merges itself.
	maxDepth = 8

	// maxMerged bounds how many mappings one mapping is made of: anchors that
	// merge each other several times would multiply.
	maxMerged = 1000
)

// decoder walks the nodes of one file and collects what is wrong with it.
type decoder struct {
	name  string // of the file
	loose bool   // see [TunnelJSON]: no lines, booleans as text
	file  *File
	errs  []error
}

// keys maps each key that may stand in a mapping to what reads its value.
type keys map[string]func(*yaml.Node)

// pair is one key of a mapping with its value, aliases resolved.
type pair struct{ key, value *yaml.Node }

func (d *decoder) errorf(n *yaml.Node, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if !d.loose {
		err = fmt.Errorf("%s:%d: %w", d.name, n.Line, err)
	}
	d.errs = append(d.errs, err)
}

func (d *decoder) warnf(n *yaml.Node, format string, args ...any) {
	d.file.Warnings = append(d.file.Warnings, fmt.Sprintf("%s:%d: %s", d.name, n.Line, fmt.Sprintf(format, args...)))
}

// resolve follows an alias to its anchor.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// mapping reads n, which what names, by the table ks.
func (d *decoder) mapping(n *yaml.Node, what string, ks keys) {
	for _, p := range d.pairs(n, what) {
		if read, known := ks[p.key.Value]; known {
			read(p.value)
			continue
		}
		names := make([]string, 0, len(ks))
		for k := range ks {
			names = append(names, k)
		}
		slices.Sort(names)
		if near := Nearest(p.key.Value, names); near != "" {
			d.errorf(p.key, "unknown key %q in %s: did you mean %q?", p.key.Value, what, near)
		} else {
			d.errorf(p.key, "unknown key %q in %s", p.key.Value, what)
		}
	}
}

// pairs returns the pairs of the mapping n in their order, those merged in with <<
// last. Null is an empty mapping.
func (d *decoder) pairs(n *yaml.Node, what string) []pair {
	var all []pair
	seen := map[string]bool{}
	mappings := 0
	var add func(n *yaml.Node, depth int)
	add = func(n *yaml.Node, depth int) {
		n = resolve(n)
		mappings++
		switch {
		case isNull(n):
			return
		case n.Kind != yaml.MappingNode:
			d.errorf(n, "%s must be a mapping of keys to values", what)
			return
		case depth > maxDepth || mappings > maxMerged:
			d.errorf(n, "%s merges too much", what)
			return
		}
		own := map[string]bool{}
		var merged []*yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], resolve(n.Content[i+1])
			switch {
			case key.Kind != yaml.ScalarNode:
				d.errorf(key, "a key of %s is no plain word", what)
			case key.ShortTag() == "!!merge":
				if value.Kind == yaml.SequenceNode {
					merged = append(merged, value.Content...)
				} else {
					merged = append(merged, value)
				}
			case own[key.Value]:
				d.errorf(key, "key %q stands twice in %s", key.Value, what)
			default:
				own[key.Value] = true
				if !seen[key.Value] {
					seen[key.Value] = true
					all = append(all, pair{key, value})
				}
			}
		}
		for _, m := range merged {
			if len(d.errs) > 0 {
				return // a mapping that merges itself many times would repeat them
			}
			add(m, depth+1)
		}
	}
	add(n, 0)
	return all
}

// str reads any scalar as the text that was written; null is empty.
func (d *decoder) str(n *yaml.Node, key string) (string, bool) {
	if isNull(n) {
		return "", true
	}
	if n.Kind != yaml.ScalarNode {
		d.errorf(n, "%s must be a single value", key)
		return "", false
	}
	s := strings.TrimSpace(n.Value)
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		d.errorf(n, "%s holds a control character", key)
		return "", false
	}
	return s, true
}

// text stores a scalar as it is.
func (d *decoder) text(key string, to *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if s, ok := d.str(n, key); ok {
			*to = s
		}
	}
}

// parsed stores a scalar that parse accepts; empty ones are left out.
func parsed[T any](d *decoder, key string, to *T, parse func(string) (T, error)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		s, ok := d.str(n, key)
		if !ok || s == "" {
			return
		}
		v, err := parse(s)
		if err != nil {
			d.errorf(n, "%s: %v", key, err)
			return
		}
		*to = v
	}
}

// flag stores true or false.
func (d *decoder) flag(key string, to *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if d.loose {
			if n.ShortTag() == "!!str" && n.Value == "" {
				return
			}
			n = &yaml.Node{Kind: n.Kind, Value: strings.ToLower(n.Value)} // its tag is found by what it says
		}
		if err := n.Decode(to); err != nil {
			d.errorf(n, "%s must be true or false", key)
		}
	}
}

// flagNot stores the opposite of true or false.
func (d *decoder) flagNot(key string, to *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		on := !*to
		d.flag(key, &on)(n)
		*to = !on
	}
}

// list stores a sequence of scalars, or a single one.
func (d *decoder) list(key string, to *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		items := []*yaml.Node{n}
		if n.Kind == yaml.SequenceNode {
			items = n.Content
		}
		*to = nil
		for _, item := range items {
			if s, ok := d.str(resolve(item), key); ok && s != "" {
				*to = append(*to, s)
			}
		}
	}
}

// ignored accepts a key that has no effect here, and says so.
func (d *decoder) ignored(key string) func(*yaml.Node) {
	return func(n *yaml.Node) { d.warnf(n, "%s has no effect with this program", key) }
}

// silent accepts a key that every file of a later version has.
func silent(*yaml.Node) {}

// units are the suffixes of a size in bytes.
var units = []struct {
	suffix string
	bytes  int64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"b", 1},
}

// parseSize reads a number of bytes, with a unit or without; -1 is allowed.
func parseSize(s string) (int64, error) {
	number, unit := strings.ToLower(s), int64(1)
	for _, u := range units {
		if rest, found := strings.CutSuffix(number, u.suffix); found {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < -1 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is no size: write a number of bytes, or one with a unit such as 50MiB", s)
	}
	if n == -1 {
		return -1, nil
	}
	return n * unit, nil
}
