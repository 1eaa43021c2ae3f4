package inspect

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// maxPretty bounds indented text, in bytes: deep nesting indents a few bytes to much.
const maxPretty = 2 * MaxDecoded

// SyntaxError is the place of an error in [Content.Text].
type SyntaxError struct {
	Offset int    `json:"offset"` // bytes from the start
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in characters
	Msg    string `json:"msg"`
}

// newSyntaxError finds the line and the column of an offset.
func newSyntaxError(text string, offset int, msg string) *SyntaxError {
	offset = max(0, min(offset, len(text)))
	before := text[:offset]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return &SyntaxError{Offset: offset, Line: line, Column: column, Msg: msg}
}

// prettyJSON indents a JSON document, leaving its values as they are written.
func prettyJSON(text string) (string, *SyntaxError) {
	if strings.TrimSpace(text) == "" {
		return "", newSyntaxError(text, len(text), "there is no JSON value")
	}
	var raw json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		offset := len(text)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && !strings.HasPrefix(syntax.Error(), "unexpected end") {
			offset = int(syntax.Offset) - 1 // it counts the byte it stumbled over
		}
		return "", newSyntaxError(text, offset, err.Error())
	}
	// What white space is there already does not count, but deep nesting does.
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return "", newSyntaxError(text, 0, err.Error())
	}
	if indentedSize(compact.Bytes()) > maxPretty {
		return "", nil
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact.Bytes(), "", "  "); err != nil {
		return "", newSyntaxError(text, 0, err.Error())
	}
	return out.String(), nil
}

// indentedSize is about how long a compact JSON document is when it is indented.
func indentedSize(compact []byte) int {
	size, depth, quoted := len(compact), 0, false
	for i := 0; i < len(compact); i++ {
		switch c := compact[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			size += 1 + 2*depth
		case c == '}' || c == ']':
			depth--
			size += 1 + 2*depth
		case c == ',':
			size += 1 + 2*depth
		}
	}
	return size
}

// prettyXML indents an XML document and checks that it is well-formed.
func prettyXML(text string) (string, *SyntaxError) {
	d := xml.NewDecoder(strings.NewReader(text))
	// The text is UTF-8 by now, whatever its declaration says.
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	d.Entity = xml.HTMLEntity
	p := xmlPrinter{text: text}
	for {
		start := int(d.InputOffset())
		t, err := d.RawToken()
		end := int(d.InputOffset())
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = p.token(t, text[start:end])
		}
		if err != nil {
			offset := end
			if !errors.As(err, new(*xml.SyntaxError)) {
				offset = start
			}
			return "", newSyntaxError(text, offset, strings.TrimPrefix(err.Error(), "XML syntax error on "))
		}
	}
	switch {
	case len(p.open) > 0:
		return "", newSyntaxError(text, len(text), "the element "+p.open[len(p.open)-1]+" is not closed")
	case !p.root:
		return "", newSyntaxError(text, len(text), "there is no element")
	case p.out.Len() > maxPretty:
		return "", nil
	}
	return p.out.String(), nil
}

// xmlPrinter indents the source text of tokens. Text of an element that holds no other
// stays on its line.
type xmlPrinter struct {
	text string
	out  strings.Builder
	open []string // names of open elements
	root bool     // there was an element
	flat bool     // the last thing written was a start tag or text behind one
}

func (p *xmlPrinter) token(t xml.Token, source string) error {
	switch t := t.(type) {
	case xml.StartElement:
		if len(p.open) == 0 && p.root {
			return errors.New("a second element on the outermost level")
		}
		p.root = true
		p.line(source)
		p.open = append(p.open, xmlName(t.Name))
		p.flat = true
	case xml.EndElement:
		name := xmlName(t.Name)
		last := len(p.open) - 1
		if last < 0 {
			return errors.New("the end tag " + name + " closes nothing")
		}
		if p.open[last] != name {
			return errors.New("the end tag " + name + " stands where " + p.open[last] + " should be closed")
		}
		p.open = p.open[:last]
		if source == "" { // the second half of <a/>
			p.flat = false
			return nil
		}
		if p.flat {
			p.write(source)
		} else {
			p.line(source)
		}
		p.flat = false
	case xml.CharData:
		text := strings.TrimSpace(source)
		if text == "" {
			return nil
		}
		if len(p.open) == 0 {
			return errors.New("text outside of the outermost element")
		}
		if p.flat {
			p.write(text)
		} else {
			p.line(text)
		}
	default:
		p.line(strings.TrimSpace(source))
		p.flat = false
	}
	return nil
}

func xmlName(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

// line writes on a new line, write where the last one ended; both stop when there is
// too much.
func (p *xmlPrinter) line(s string) {
	if p.out.Len() > maxPretty {
		return
	}
	if p.out.Len() > 0 {
		p.out.WriteByte('\n')
	}
	for range min(len(p.open), 100) {
		p.out.WriteString("  ")
	}
	p.out.WriteString(s)
}

func (p *xmlPrinter) write(s string) {
	if p.out.Len() <= maxPretty {
		p.out.WriteString(s)
	}
}
