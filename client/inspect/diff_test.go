package inspect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func responseOf(status int, contentType, body string, fields ...Field) *Exchange {
	e := &Exchange{Summary: Summary{Status: status}}
	e.Response = *message1(contentType, "", []byte(body))
	e.Response.Header = append(e.Response.Header, fields...)
	return e
}

func TestDiffJSON(t *testing.T) {
	tests := []struct {
		old, new string
		want     []Change
	}{
		{`{"a":1,"b":2}`, `{ "b": 2, "a": 1 }`, nil},
		{`{"a":1}`, `{"a":2}`, []Change{{"changed", "$.a", "1", "2"}}},
		{`{"a":1}`, `{"a":"1"}`, []Change{{"changed", "$.a", "1", `"1"`}}},
		{`{"a":{"b-c":[1,{"d":null}]}}`, `{"a":{"b-c":[1,{"d":false}]}}`, []Change{{"changed", `$.a["b-c"][1].d`, "null", "false"}}},
		{`{"x":1}`, `{"y":1}`, []Change{{"removed", "$.x", "1", ""}, {"added", "$.y", "", "1"}}},
		{`[1,2,3]`, `[1,9,2,3]`, []Change{{"added", "$[1]", "", "9"}}},
		{`[1,2,3]`, `[2,3]`, []Change{{"removed", "$[0]", "1", ""}}},
		{`[1,2,3]`, `[1,5,3]`, []Change{{"changed", "$[1]", "2", "5"}}},
		{`[[1]]`, `{"a":[1]}`, []Change{{"changed", "$", "[[1]]", `{"a":[1]}`}}},
		{`1`, `[1]`, []Change{{"changed", "$", "1", "[1]"}}},
		{`10000000000000000001`, `10000000000000000002`, []Change{{"changed", "$", "10000000000000000001", "10000000000000000002"}}},
	}
	for _, x := range tests {
		d := DiffResponses(responseOf(200, "application/json", x.old), responseOf(200, "application/json", x.new))
		if d.Body != "json" || !slices.Equal(d.JSON, x.want) || d.Same != (len(x.want) == 0) {
			t.Errorf("%s → %s: %+v", x.old, x.new, d)
		}
	}
}

func TestDiffHead(t *testing.T) {
	a := responseOf(200, "text/plain", "x", Field{"ETag", "1"}, Field{"X-Gone", "a"}, Field{"Vary", "a"}, Field{"vary", "b"})
	b := responseOf(404, "text/plain", "x", Field{"Vary", "a"}, Field{"Etag", "2"}, Field{"X-New", "n"})
	d := DiffResponses(a, b)
	want := []Change{{"changed", "Etag", "1", "2"}, {"changed", "Vary", "a\nb", "a"}, {"removed", "X-Gone", "a", ""}, {"added", "X-New", "", "n"}}
	if d.Same || d.Status == nil || d.Status.Old != "200" || d.Status.New != "404" || d.Body != "same" || !slices.Equal(d.Headers, want) {
		t.Errorf("%+v", d)
	}
	if d := DiffResponses(a, a); !d.Same {
		t.Errorf("of itself: %+v", d)
	}
	if d := DiffResponses(responseOf(200, "", "\x00a"), responseOf(200, "", "\x00b")); d.Same || d.Body != "binary" || d.Note == "" {
		t.Errorf("binary: %+v", d)
	}
}

func TestDiffText(t *testing.T) {
	var old, new []string
	for i := range 30 {
		old = append(old, fmt.Sprint("line ", i))
	}
	new = slices.Clone(old)
	new[10] = "changed"
	new = slices.Insert(new, 25, "put in")
	d := DiffResponses(responseOf(200, "text/plain", strings.Join(old, "\n")+"\n"), responseOf(200, "text/plain", strings.Join(new, "\n")+"\n"))
	var got []string
	for _, l := range d.Lines {
		got = append(got, fmt.Sprintf("%s %d %d %s", l.Kind, l.Old, l.New, l.Text))
	}
	want := []string{
		"skip 7 0 ",
		"same 8 8 line 7", "same 9 9 line 8", "same 10 10 line 9",
		"removed 11 0 line 10", "added 0 11 changed",
		"same 12 12 line 11", "same 13 13 line 12", "same 14 14 line 13",
		"skip 8 0 ",
		"same 23 23 line 22", "same 24 24 line 23", "same 25 25 line 24",
		"added 0 26 put in",
		"same 26 27 line 25", "same 27 28 line 26", "same 28 29 line 27",
		"skip 2 0 ",
	}
	if d.Body != "text" || !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Hostile documents take neither time nor memory.
func TestDiffIsBounded(t *testing.T) {
	var random, other strings.Builder
	for i := range 40000 {
		fmt.Fprintf(&random, "a%d\n", i*7919%40009)
		fmt.Fprintf(&other, "b%d\n", i*7907%40009)
	}
	nested := func(leaf string) string { return strings.Repeat(`[0,`, 5000) + leaf + strings.Repeat(`]`, 5000) }
	tests := []struct{ name, contentType, old, new string }{
		{"different lines", "text/plain", random.String(), other.String()},
		{"nested", "application/json", nested("1"), nested("2")},
		{"wide", "application/json", "[" + strings.Repeat("[1],", 300000) + "1]", "[" + strings.Repeat("[2],", 300000) + "1]"},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			begin := time.Now()
			d := DiffResponses(responseOf(200, x.contentType, x.old), responseOf(200, x.contentType, x.new))
			if d.Same || len(d.JSON) > maxChanges || len(d.Lines) > maxLines {
				t.Errorf("same %v, %d changes, %d lines", d.Same, len(d.JSON), len(d.Lines))
			}
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("took %v", took)
			}
		})
	}
}

// check applies a difference to the old text and expects the new one.
func FuzzDiffLines(f *testing.F) {
	f.Add("a\nb\nc\nd\ne\nf\ng\nh\ni\n", "a\nb\nX\nd\ne\nf\ng\nh\ni\nj")
	f.Add("", "x\n")
	f.Add("1\n2\n3\n1\n2\n3\n", "3\n2\n1\n")
	f.Fuzz(func(t *testing.T, old, new string) {
		lines, note := diffLines(old, new)
		if note != "" {
			return
		}
		a, _ := splitLines(old)
		b, _ := splitLines(new)
		if len(lines) == 0 {
			if !slices.Equal(a, b) {
				t.Fatal("no difference was found")
			}
			return
		}
		var got []string
		at := 0 // in a
		for _, l := range lines {
			switch l.Kind {
			case diffAdded:
				got = append(got, b[l.New-1])
			case diffSkip:
				got = append(got, a[at:at+l.Old]...)
				at += l.Old
			case diffRemoved:
				at++
			default:
				got = append(got, a[at])
				at++
			}
		}
		if at != len(a) || !slices.Equal(got, b) {
			t.Fatalf("applied to %q: %q, want %q", a, got, b)
		}
	})
}
