package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxChanges bounds the changes of a difference that are listed.
const maxChanges = 1000

// maxValue bounds the values that changes show, in bytes.
const maxValue = 2 << 10

// Kinds of changes and lines.
const (
	diffSame    = "same"
	diffAdded   = "added"
	diffRemoved = "removed"
	diffChanged = "changed"
	diffSkip    = "skip"
)

// Change is one difference between two responses.
type Change struct {
	Kind string `json:"kind"` // "added", "removed" or "changed"
	Path string `json:"path"` // header field, or place in the JSON document as $.a[0].b
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// Diff is the difference between two responses.
type Diff struct {
	Same    bool     `json:"same"`              // status, header fields and body are alike
	Status  *Change  `json:"status,omitempty"`  // of the status code, nil when alike
	Headers []Change `json:"headers,omitempty"` // Date and the like are included
	Body    string   `json:"body"`              // how the bodies were compared: "same", "json", "text" or "binary"
	JSON    []Change `json:"json,omitempty"`
	Lines   []Line   `json:"lines,omitempty"`
	Note    string   `json:"note,omitempty"` // what was left out of the comparison, and why
}

// DiffResponses compares the responses of two exchanges: JSON by structure, text by
// line. Its work and its result are bounded; Note says when that left something out.
// JSON documents that differ in the order of keys or in white space alone have the
// body "json" without changes.
func DiffResponses(old, new *Exchange) Diff {
	var d Diff
	if old.Status != new.Status {
		d.Status = &Change{Kind: diffChanged, Path: "status", Old: statusLine(old), New: statusLine(new)}
	}
	d.Headers = diffFields(old.Response.Header, new.Response.Header)
	a, b := old.Response.Content(), new.Response.Content()
	d.compareBodies(&a, &b)
	if a.Cut || b.Cut {
		d.note("the bodies are not there in full; what is missing was not compared")
	}
	d.Same = d.Status == nil && len(d.Headers) == 0 && len(d.JSON) == 0 && len(d.Lines) == 0 && d.Body != "binary"
	return d
}

func (d *Diff) note(s string) {
	if d.Note != "" {
		d.Note += "; "
	}
	d.Note += s
}

func statusLine(e *Exchange) string {
	if e.Status == 0 {
		return "no response"
	}
	return strings.TrimSpace(strconv.Itoa(e.Status) + " " + e.Reason)
}

func (d *Diff) compareBodies(a, b *Content) {
	switch {
	case bytes.Equal(a.Bytes, b.Bytes):
		d.Body = diffSame
	case a.Kind == ContentJSON && b.Kind == ContentJSON && d.compareJSON(a, b):
		d.Body = "json"
	case isText(a) && isText(b):
		d.Body = "text"
		var note string
		if d.Lines, note = diffLines(a.Text, b.Text); note != "" {
			d.note(note)
		}
	default:
		d.Body = "binary"
		d.note(fmt.Sprintf("the bodies differ: %s of %d bytes, %s of %d bytes", a.Kind, len(a.Bytes), b.Kind, len(b.Bytes)))
	}
}

func isText(c *Content) bool { return c.Kind != ContentBinary && c.Kind != ContentImage }

// compareJSON returns false when one of the texts is no JSON document.
func (d *Diff) compareJSON(a, b *Content) bool {
	x, okX := parseJSON(a.Text)
	y, okY := parseJSON(b.Text)
	if !okX || !okY {
		return false
	}
	c := jsonDiff{}
	c.compare("$", x, y)
	d.JSON = c.changes
	if len(c.changes) == maxChanges {
		d.note(fmt.Sprintf("only the first %d changes are listed", maxChanges))
	}
	return true
}

func parseJSON(text string) (v any, ok bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, err != nil // the end of the text, and nothing in front of it
}

// diffFields compares header fields by name; letter case and the order of different
// names do not count.
func diffFields(old, new []Field) []Change {
	a, b := fieldMap(old), fieldMap(new)
	var changes []Change
	for _, name := range sortedKeys(a, b) {
		x, inA := a[name]
		y, inB := b[name]
		switch {
		case !inA:
			changes = append(changes, Change{Kind: diffAdded, Path: y.Name, New: y.Value})
		case !inB:
			changes = append(changes, Change{Kind: diffRemoved, Path: x.Name, Old: x.Value})
		case x.Value != y.Value:
			changes = append(changes, Change{Kind: diffChanged, Path: y.Name, Old: x.Value, New: y.Value})
		}
	}
	return changes
}

// fieldMap joins the fields of a name, line by line.
func fieldMap(fields []Field) map[string]Field {
	m := map[string]Field{}
	for _, f := range fields {
		name := strings.ToLower(f.Name)
		if before, ok := m[name]; ok {
			f = Field{Name: before.Name, Value: before.Value + "\n" + f.Value}
		}
		m[name] = f
	}
	return m
}

func sortedKeys[V any](a, b map[string]V) []string {
	keys := make([]string, 0, len(a))
	for k := range a {
		keys = append(keys, k)
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// jsonDiff collects the changes between two JSON values.
type jsonDiff struct {
	changes []Change
	work    int // see maxJSONWork
}

func (d *jsonDiff) add(c Change) {
	if len(d.changes) < maxChanges {
		d.changes = append(d.changes, c)
	}
}

func (d *jsonDiff) compare(path string, old, new any) {
	if len(d.changes) == maxChanges {
		return
	}
	switch a := old.(type) {
	case map[string]any:
		if b, ok := new.(map[string]any); ok {
			d.objects(path, a, b)
			return
		}
	case []any:
		if b, ok := new.([]any); ok {
			d.arrays(path, a, b)
			return
		}
	default:
		switch new.(type) {
		case map[string]any, []any:
		default:
			if old == new {
				return
			}
		}
	}
	d.add(Change{Kind: diffChanged, Path: path, Old: jsonText(old), New: jsonText(new)})
}

func (d *jsonDiff) objects(path string, a, b map[string]any) {
	for _, key := range sortedKeys(a, b) {
		x, inA := a[key]
		y, inB := b[key]
		at := path + jsonKey(key)
		switch {
		case !inA:
			d.add(Change{Kind: diffAdded, Path: at, New: jsonText(y)})
		case !inB:
			d.add(Change{Kind: diffRemoved, Path: at, Old: jsonText(x)})
		default:
			d.compare(at, x, y)
		}
	}
}

// arrays compares by place, but for an element that was put in or taken out in one
// place: then what stands behind it is compared from the end.
func (d *jsonDiff) arrays(path string, a, b []any) {
	start := 0
	for start < len(a) && start < len(b) && d.equal(a[start], b[start]) {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && len(a) != len(b) && d.equal(a[len(a)-1-end], b[len(b)-1-end]) {
		end++
	}
	a, b = a[:len(a)-end], b[:len(b)-end]
	for i := start; i < max(len(a), len(b)) && len(d.changes) < maxChanges; i++ {
		at := path + "[" + strconv.Itoa(i) + "]"
		switch {
		case i >= len(a):
			d.add(Change{Kind: diffAdded, Path: at, New: jsonText(b[i])})
		case i >= len(b):
			d.add(Change{Kind: diffRemoved, Path: at, Old: jsonText(a[i])})
		default:
			d.compare(at, a[i], b[i])
		}
	}
}

// maxJSONWork bounds how many values are looked at to find elements of arrays that stay;
// beyond it arrays are compared by place alone. Deep nesting would make it grow with the depth.
const maxJSONWork = 5_000_000

// equal says whether two values are alike, or false when that is too much work.
func (d *jsonDiff) equal(a, b any) bool {
	if d.work++; d.work > maxJSONWork {
		return false
	}
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for key, v := range x {
			if w, ok := y[key]; !ok || !d.equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, d.equal)
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}

// jsonKey is a step into an object, written as JavaScript does.
func jsonKey(key string) string {
	plain := key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return r != '_' && r != '$' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	if plain && (key[0] < '0' || key[0] > '9') {
		return "." + key
	}
	return "[" + strconv.Quote(key) + "]"
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(b) > maxValue {
		return strings.ToValidUTF8(string(b[:maxValue]), "") + "…"
	}
	return string(b)
}
